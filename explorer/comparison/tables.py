"""Fair comparisons of records: within the same conditions, against a baseline, beside published figures.

All functions take and return tables as `Store.query` and `published_speeds` make them; none changes its argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from explorer.comparison.published_speeds import published_speeds
from explorer.models.accuracy import IMAGENET_SIDE
from explorer.models.catalogue import BY_DISPLAY_NAME, display_name, family_of
from explorer.models.labels import engine_label, model_label
from explorer.processes.neighbours import NOTHING
from explorer.records.published import FOLDER
from explorer.units import counted

#: Everything beside the batch size that must be equal for two latencies to be comparable.
SETUP = (
    "kind",
    "device",
    "device_name",
    "hostname",
    "threads",
    "precision",
    "memory_format",
    "img_height",
    "img_width",
)
CONDITIONS = (*SETUP, "batch_size")
#: What tells one compared model from another: two configurations may go by one name, an engine makes another of it.
IDENTITY = ("model_name", "config_id", "engine", "compile_mode")
#: What a comparison shows of a record.
FIGURES = (
    "model_source",
    "latency_ms_p50",
    "latency_ms_p95",
    "throughput_img_s",
    "wide_spread",
    "ran_beside",
    "params",
    "macs",
    "product_macs",
    "flops_published",
    "peak_allocated_mib",
    "peak_rss_mib",
    "peak_flop_s",
)
#: What a baseline is divided into, and under which names.
RATIOS = {
    "latency_ms_p50": "latency_ratio",
    "throughput_img_s": "throughput_ratio",
    "work_g": "work_ratio",
    "params": "params_ratio",
}
#: The series of records, as opposed to the published ones.
MEASURED_SERIES = "measured"
#: Whose published speeds are shown beside the records.
_PUBLISHED_FAMILIES = ("HRFormer", "HRNet", "DeiT")

_CLASSIFICATION_TASKS = ("classification", "ImageNet")
_BYTES_PER_VALUE = {"bf16": 2, "fp16": 2}
_IN_CHANS = 3
#: How timm's files name torch and CUDA: "pt240-cu124".
_VERSIONS = r"(pt\d+(?:-cu\d+)?)"


def without_engine(table: pd.DataFrame) -> pd.Series:
    """What each row's model is called whatever ran it: the inverse of `model_label`.

    Args:
        table: Columns model, engine_label.
    """
    named = zip(table["model"], table["engine_label"], strict=True)
    return pd.Series([model.removesuffix(f" · {label}") for model, label in named], table.index, dtype="string")


def setups_of(counts: pd.DataFrame) -> pd.DataFrame:
    """The setups that were measured, those with most models first, then the newest.

    Args:
        counts: From `Store.groups` over `CONDITIONS` and "model_name".

    Returns:
        Columns `SETUP`, "models", "newest" and "label" (`describe_setup`).
    """
    groups = counts.groupby([*SETUP], dropna=False, sort=False)
    setups = groups.agg(models=("model_name", "nunique"), newest=("newest", "max")).reset_index()
    setups = setups.sort_values(["models", "newest"], ascending=False, ignore_index=True)
    labels = pd.Series([describe_setup(setup) for _, setup in setups.iterrows()], dtype="string")
    # A card and a processor may go by one name; texts that still are equal are numbered.
    labels = labels.where(~labels.duplicated(keep=False), labels + " · " + setups["device"].astype("string"))
    number = labels.groupby(labels).cumcount()
    return setups.assign(label=labels.where(number == 0, labels + " (" + (number + 1).astype("string") + ")"))


def usual_batch(table: pd.DataFrame) -> int:
    """The batch size to show first: that of most models, then of fewest wide spreads, then the smallest.

    Args:
        table: Columns model, batch_size, wide_spread; at least one row.
    """
    sizes = table.groupby("batch_size").agg(models=("model", "nunique"), wide=("wide_spread", "sum"))
    return int(sizes.sort_values(["models", "wide"], ascending=[False, True], kind="stable").index[0])


def newest_records(records: pd.DataFrame) -> pd.DataFrame:
    """The newest timed record of each model under each condition; failed and cancelled ones don't count.

    Args:
        records: Columns `CONDITIONS`, `IDENTITY`, "status", "measured_at", "latency_ms_p50".
    """
    timed = records[(records["status"] == "ok") & records["latency_ms_p50"].notna()]
    newest = timed.sort_values("measured_at", kind="stable").drop_duplicates([*CONDITIONS, *IDENTITY], keep="last")
    return newest.reset_index(drop=True)


def comparison_table(records: pd.DataFrame, accuracy: pd.DataFrame) -> pd.DataFrame:
    """What charts show of measured records.

    Args:
        records: Columns `CONDITIONS`, `IDENTITY`, `FIGURES`, one row a point.
        accuracy: From `published_accuracy`.

    Returns:
        The records' columns and: `model` (unique within each condition, names the engine unless it is eager),
        `engine_label`, `family`, `series` ("measured"), `ran_beside` (missing also where nothing was seen),
        `latency_ms_per_img`, `peak_memory_mib` (of the card on CUDA, else of the process), `top1_percent` with
        `accuracy_source` (published).
    """
    table = records.assign(
        model=_labels(records),
        engine_label=[
            engine_label(engine, mode) for engine, mode in zip(records["engine"], records["compile_mode"], strict=True)
        ],
        family=[family_of(*named) for named in zip(records["model_name"], records["model_source"], strict=True)],
        series=MEASURED_SERIES,
        ran_beside=records["ran_beside"].replace(NOTHING, pd.NA),
        latency_ms_per_img=records["latency_ms_p50"] / _floats(records["batch_size"]),
        peak_memory_mib=records["peak_allocated_mib"].where(records["device"] == "cuda", records["peak_rss_mib"]),
    )
    return with_accuracy(table, accuracy)


def with_ratio(table: pd.DataFrame, baseline: str, conditions: Sequence[str] = CONDITIONS) -> pd.DataFrame:
    """Each figure divided by the baseline's under the same conditions.

    Args:
        table: Columns `conditions`, "model" and any of `RATIOS`; one row for each model and condition.
        baseline: A value of "model".
        conditions: The columns that must be equal; empty equals empty.

    Returns:
        The table with the columns that `RATIOS` names; empty where the baseline was not measured under the conditions.
    """
    figures = [figure for figure in RATIOS if figure in table]
    bases = table.loc[table["model"] == baseline, [*conditions, *figures]].drop_duplicates([*conditions], keep="last")
    joined = table[[*conditions]].merge(bases, on=[*conditions], how="left")
    ratios = {RATIOS[figure]: _floats(table[figure]) / _floats(joined[figure]) for figure in figures}
    return table.assign(**ratios)


def with_accuracy(table: pd.DataFrame, accuracy: pd.DataFrame) -> pd.DataFrame:
    """Add `top1_percent` and `accuracy_source`, only where the images are of the size that the accuracy holds for."""
    by_model = accuracy.set_index("model")
    names = table["model_name"].map(display_name)
    fits = ((table["img_height"] == IMAGENET_SIDE) & (table["img_width"] == IMAGENET_SIDE)).fillna(value=False)
    if "task" in table:
        fits &= table["task"].isin(_CLASSIFICATION_TASKS)
    return table.assign(
        top1_percent=names.map(by_model["top1_percent"]).where(fits).astype(float),
        accuracy_source=names.map(by_model["accuracy_source"]).where(fits),
    )


def published_series(accuracy: pd.DataFrame, folder: Path = FOLDER) -> pd.DataFrame:
    """Published speeds of HRFormer, HRNet and DeiT in the columns of `comparison_table`.

    `series` names whose figures they are.

    Latencies are means, or follow from the throughput where only that was published (`latency_derived`).
    """
    speeds = published_speeds(folder)
    batch, throughput = _floats(speeds["batch_size"]), speeds["throughput_img_s"]
    latency = speeds["latency_ms_mean"].fillna(pd.Series(1e3 * batch) / throughput)
    table = speeds.assign(
        model=speeds["model_name"].map(display_name),
        family=[family_of(name) for name in speeds["model_name"]],
        series=_series_names(speeds),
        latency_ms_p50=latency,
        latency_derived=speeds["latency_ms_mean"].isna(),
        latency_ms_per_img=1e3 / throughput,
        params=speeds["params_m"] * 1e6,
    )
    # timm's tables have many relatives of the catalogue's networks; whatever is built on HRFormer is of interest.
    is_known = table["model"].isin(list(BY_DISPLAY_NAME)) | (table["family"] == "HRFormer")
    shown = table[is_known & table["family"].isin(_PUBLISHED_FAMILIES)]
    return with_accuracy(shown.reset_index(drop=True), accuracy)


def series_of(published: pd.DataFrame) -> pd.DataFrame:
    """The published series: HRFormer's own on a named device first, then those on ImageNet's image size.

    Args:
        published: From `published_series`.

    Returns:
        One row a series: `series`, and what all its rows have in common: `kind`, `device_name`, `memory_format`,
        `compile_mode`, `is_imagenet`.
    """
    marked = published.assign(
        is_own=(published["family"] == "HRFormer") & published["device_name"].notna(),
        is_imagenet=(published["img_height"] == IMAGENET_SIDE).fillna(value=False),
    )
    common = dict.fromkeys(("kind", "device_name", "memory_format", "compile_mode", "is_imagenet"), "first")
    series = marked.groupby("series").agg({"is_own": "max", **common}).reset_index()
    order = {"is_own": False, "is_imagenet": False, "series": True}
    return series.sort_values([*order], ascending=[*order.values()], ignore_index=True).drop(columns="is_own")


def pareto_front(cost: ArrayLike, value: ArrayLike) -> NDArray[np.bool_]:
    """Which points no other point beats: none costs no more and is worth no less, and is better in one of the two.

    Args:
        cost: Lower is better, (N,); a point with NaN is never on the front.
        value: Higher is better, (N,).
    """
    costs, values = np.asarray(cost, dtype=float), np.asarray(value, dtype=float)
    front = np.zeros(len(costs), dtype=bool)
    best_value, its_cost = -np.inf, np.nan
    for index in np.lexsort((-values, costs)):
        if np.isnan(costs[index]) or np.isnan(values[index]):
            continue
        if values[index] > best_value:
            best_value, its_cost = values[index], costs[index]
        front[index] = values[index] == best_value and costs[index] == its_cost
    return front


def device_peak(table: pd.DataFrame) -> float | None:
    """FLOP/s of a matrix product on the device, the median of what the jobs measured; None without any."""
    peaks = table["peak_flop_s"].dropna()
    return None if peaks.empty else float(peaks.median())


def with_roofline(table: pd.DataFrame) -> pd.DataFrame:
    """Add `intensity_per_byte`: the work of a call over the bytes that it cannot do without, and `achieved_g_s`.

    Those are the weights and the three-channel images, each read once; activations that leave the cache come on top,
    so that it is an upper bound (Williams et al., "Roofline", 2009, call it the compulsory traffic). Empty for
    training steps, which also write gradients and the optimiser's state.

    Args:
        table: With the columns of `comparison_table` and of `with_work`.

    Returns:
        The table with both columns, in the convention of its work: units per byte, and giga units per second.
    """
    bytes_per_value = table["precision"].map(_BYTES_PER_VALUE).fillna(4).astype(float)
    pixels = _floats(table["img_height"]) * _floats(table["img_width"])
    values = _floats(table["params"]) + _floats(table["batch_size"]) * _IN_CHANS * pixels
    intensity = 1e9 * table["work_per_call_g"] / (values * bytes_per_value)
    return table.assign(
        intensity_per_byte=intensity.where(table["kind"] == "inference"),
        achieved_g_s=table["work_per_call_g"] / table["latency_ms_p50"] * 1e3,
    )


def describe_setup(setup: pd.Series) -> str:
    """A row's conditions beside the batch size in one line."""
    threads = "" if pd.isna(setup["threads"]) else f", {counted(setup['threads'], 'thread')}"
    device = setup["device"] if pd.isna(setup["device_name"]) else setup["device_name"]
    parts = (
        f"{device}{threads}",
        setup["precision"],
        f"{setup['img_height']}x{setup['img_width']}",
        str(setup["kind"]).replace("_", " "),
        "" if setup["memory_format"] == "contiguous" else str(setup["memory_format"]).replace("_", " "),
        setup["hostname"],
    )
    return " · ".join(part for part in parts if part)


def _labels(records: pd.DataFrame) -> pd.Series:
    """Display names; with the configuration's id where a name stands for several, and the engine unless it is eager."""
    names = records["model_name"].map(display_name)
    several = records.groupby(["model_name", *CONDITIONS], dropna=False)["config_id"].transform("nunique") > 1
    ambiguous = records["model_name"].isin(records.loc[several, "model_name"])
    names = names.where(~ambiguous, names + " " + records["config_id"])
    ran_by = zip(names, records["engine"], records["compile_mode"], strict=True)
    return pd.Series([model_label(*labelled) for labelled in ran_by], index=records.index, dtype="string")


def _series_names(speeds: pd.DataFrame) -> pd.Series:
    """What the figures of one source under one setup are called; the source's file where that is not enough."""
    size = speeds["img_height"].astype("string") + "x" + speeds["img_width"].astype("string")
    task = speeds["task"].where(~speeds["task"].isin(_CLASSIFICATION_TASKS))
    kind = speeds["kind"].where(speeds["kind"] != "inference").str.replace("_", " ")
    named = pd.concat(
        [
            speeds["device_name"].fillna("device not stated"),
            speeds["precision"],
            size,
            task,
            kind,
            speeds["memory_format"].where(speeds["memory_format"] != "contiguous").str.replace("_", " "),
            speeds["compile_mode"],
        ],
        axis=1,
    )
    names = pd.Series([" · ".join(part for part in row if not pd.isna(part)) for row in named.to_numpy()])
    sources = speeds["source"]
    shared = sources.groupby(names).transform("nunique") > 1
    return names.where(~shared, names + " · " + sources.str.extract(_VERSIONS)[0].fillna(sources))


def _floats(values: pd.Series) -> NDArray[np.float64]:
    return values.to_numpy(dtype=float, na_value=np.nan)
