"""Everything an ablation found, one row per arm, with the change against the reference of each figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from explorer.ablation.arms import Arm
from explorer.ablation.ratio import latency_ratio
from explorer.ablation.views import View
from explorer.benchmark.outcome import Measured
from explorer.cost.complexity import estimate_complexity
from explorer.records.record import Record
from explorer.units import significant
from hrformer import HRFormerConfig


@dataclass(frozen=True)
class Figure:
    """One figure of the table.

    Attributes:
        column: Its column; the change against the reference stands in `<column>_change`.
        name: For people.
        unit: Of the values.
        scale: Values are divided by it before they are shown in `unit`.
    """

    column: str
    name: str
    unit: str
    scale: float = 1.0

    @property
    def name_within(self) -> str:
        """The name in the middle of a sentence; an abbreviation stays as it is."""
        return self.name if self.name[1].isupper() else f"{self.name[0].lower()}{self.name[1:]}"


_LATENCY = "latency_ms_p50"
#: Smaller changes are called the same.
VISIBLE_CHANGE = 0.0005
Row = Mapping[str, Any]

FIGURES = (
    Figure("params", "Parameters", "M", 1e6),
    Figure("macs", "MACs", "G", 1e9),
    Figure("peak_activation_mib", "Peak activations", "MiB"),
    Figure("latency_ms_p50", "Latency", "ms"),
    Figure("field_side_px", "Theoretical field", "px"),
    Figure("effective_side_px", "Effective field", "px"),
    Figure("leak_percent", "Leak between windows", "%"),
)
_MEASURED = (
    "latency_ms_p50",
    "latency_ms_p50_change",
    "latency_ratio",
    "latency_ratio_ci95_low",
    "latency_ratio_ci95_high",
)


def ablation_table(
    arms: Sequence[Arm],
    views: Mapping[HRFormerConfig, View] | None = None,
    measured: Iterable[Measured] = (),
) -> pd.DataFrame:
    """One row per arm: what it costs, what it sees, and how fast it was.

    Args:
        arms: Reference first at each point, as `arms_of` gives them.
        views: What arms see, as far as that is known.
        measured: Of one interleaved run; of an arm with several records the last one counts.

    Returns:
        The columns point, arm, switch, is_reference, dw_conv, params, macs, flops_published, peak_activation_mib
        (closed form, fp32), latency_ms_p50, latency_ratio (to the reference, with its interval and pairs),
        peak_memory_mib (measured), field_side_px, field_share, effective_side_px, leak_percent, reached_windows, a
        `_change` column (relative, -0.05 is 5 % less) for each of `FIGURES`, batch_size, threads, device, note,
        config_id and config (JSON). What is not known is missing.
    """
    records = {job.model.config: record for job, record in measured}
    rows = [_row(arm, (views or {}).get(arm.config), records) for arm in arms]
    table = pd.DataFrame(rows)
    for figure in FIGURES:
        table[figure.column] = pd.to_numeric(table[figure.column])
        reference = table[figure.column].where(table["is_reference"]).groupby(_point_number(arms)).transform("first")
        change = table[figure.column] / reference.where(reference != 0) - 1
        table[f"{figure.column}_change"] = change.mask(table["is_reference"])
    # Where the machine drifted, the paired ratio tells the change better than the two medians.
    table["latency_ms_p50_change"] = table["latency_ratio"] - 1
    return table[[*_leading_columns(), *(name for name in table if name not in _leading_columns())]]


def _leading_columns() -> list[str]:
    columns = ["point", "arm", "switch", "is_reference", "dw_conv"]
    for figure in FIGURES:
        columns += [figure.column, f"{figure.column}_change"]
        if figure.column == "latency_ms_p50":
            columns += ["latency_ratio", "latency_ratio_ci95_low", "latency_ratio_ci95_high", "latency_ratio_pairs"]
    return columns


def _point_number(arms: Sequence[Arm]) -> pd.Series:
    """Which reference an arm goes with: points may be called alike, their references are not."""
    references = list(dict.fromkeys(arm.reference for arm in arms))
    return pd.Series([references.index(arm.reference) for arm in arms])


def _row(arm: Arm, view: View | None, records: Mapping[HRFormerConfig | None, Record]) -> dict[str, Any]:
    cost = estimate_complexity(arm.config)
    return {
        "point": arm.point,
        "arm": arm.name,
        "switch": "" if arm.switch is None else arm.switch.key,
        "is_reference": arm.switch is None,
        "dw_conv": _dw_conv(arm.config),
        "params": cost.params,
        "macs": cost.macs,
        "flops_published": cost.flops_published,
        "peak_activation_mib": cost.peak_activation_mib,
        **_measured(arm, records),
        **_seen(view),
        "config_id": arm.config.config_id,
        "config": arm.config.to_json(),
    }


def _dw_conv(config: HRFormerConfig) -> str:
    """As summaries call it: "3x3", "1x1" or "off"."""
    return f"{config.dw_kernel_size}x{config.dw_kernel_size}" if config.dw_conv else "off"


def _measured(arm: Arm, records: Mapping[HRFormerConfig | None, Record]) -> dict[str, Any]:
    own, reference = records.get(arm.config), records.get(arm.reference)
    columns: dict[str, Any] = dict.fromkeys(
        (*_MEASURED, "latency_ratio_pairs", "peak_memory_mib", "batch_size", "threads", "device", "latency_note")
    )
    if own is None:
        return columns
    columns |= {"batch_size": own.batch_size, "threads": own.threads, "device": own.device_name or own.device}
    columns["latency_note"] = own.status_reason or ""
    columns["latency_ms_p50"] = own.latency_ms_p50
    columns["peak_memory_mib"] = own.peak_allocated_mib or own.peak_rss_mib
    if arm.switch is not None and reference is not None and own.samples_ms and reference.samples_ms:
        found = latency_ratio(own.samples_ms, reference.samples_ms)
        columns |= {
            "latency_ratio": found.ratio,
            "latency_ratio_ci95_low": found.low,
            "latency_ratio_ci95_high": found.high,
            "latency_ratio_pairs": found.pairs,
        }
    return columns


def _seen(view: View | None) -> dict[str, Any]:
    if view is None:
        names = ("field_side_px", "field_share", "effective_side_px", "leak_percent", "reached_windows")
        return dict.fromkeys(names) | {"note": ""}
    return {
        "field_side_px": view.field_side_px,
        "field_share": view.field_share,
        "effective_side_px": view.effective_side_px,
        "leak_percent": None if view.leak_share is None else 100 * view.leak_share,
        "reached_windows": view.reached_windows,
        "note": view.note,
    }


def first_finding(table: pd.DataFrame) -> str:
    """What the first network that lacks something costs and sees, in one sentence; changes too small to see left out.

    Args:
        table: From `ablation_table`, with at least one network that is no reference.
    """
    row = next(row for row in rows_of(table) if not row["is_reference"])
    changes = [
        f"{figure.name_within} {change_text(figure, row)}"
        for figure in FIGURES
        if abs(row[f"{figure.column}_change"]) >= VISIBLE_CHANGE
    ]
    name = f"{row['label'][:1].upper()}{row['label'][1:]}"
    return f"{name}: {', '.join(changes)}." if changes else f"{name} everything shown stays the same."


def measured_arms(arms: Sequence[Arm], measured: Iterable[Measured]) -> list[Measured]:
    """What was measured of the arms, in its order."""
    configs = {arm.config for arm in arms}
    return [item for item in measured if item.job.model.config in configs]


def labels(table: pd.DataFrame) -> pd.Series:
    """How the rows are called: the arm, and the point of the axes where there are several."""
    return table["arm"].where(table["point"] == "", table["arm"] + " · " + table["point"])


def rows_of(table: pd.DataFrame) -> list[Row]:
    """The table's rows by column, each with its label."""
    return cast("list[Row]", table.assign(label=labels(table)).to_dict("records"))


def cell_text(figure: Figure, row: Row) -> str:
    """A value with its unit and its change: "7.94 M (−1.2 %)", "41.2 ms (−5.1 % [−6.0, −4.3])"."""
    if pd.isna(row[figure.column]):
        return "–"
    text = f"{significant(row[figure.column] / figure.scale)} {figure.unit}"
    change = change_text(figure, row)
    return f"{text} ({change})" if change else text


def change_text(figure: Figure, row: Row) -> str:
    """The signed change against the reference, with its interval where it was measured; "" in references."""
    change = row[f"{figure.column}_change"]
    if pd.isna(change):
        return ""
    interval = ""
    if figure.column == _LATENCY and not pd.isna(row["latency_ratio_ci95_low"]):
        low, high = (100 * (row[f"latency_ratio_ci95_{end}"] - 1) for end in ("low", "high"))
        interval = f" [{_signed(low)}, {_signed(high)}]"
    return f"{_signed(100 * change)} %{interval}" if abs(change) >= VISIBLE_CHANGE or interval else "same"


def _signed(value: float) -> str:
    return f"{value:+,.1f}".replace("-", "−") if abs(value) < 1000 else f"{value:+,.0f}".replace("-", "−")
