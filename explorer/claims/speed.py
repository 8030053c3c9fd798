"""Speed ratios from records: those of the store, and those that come with the explorer."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from explorer.comparison.tables import CONDITIONS, IDENTITY, newest_records
from explorer.records.exchange import read_csv
from explorer.records.reference import reference_files
from explorer.records.selection import Between
from explorer.records.store import Store

#: What must be equal for a ratio: everything but the model.
MATCHED = (*CONDITIONS, *(name for name in IDENTITY if name not in ("model_name", "config_id")))
_READ = ("record_id", "measured_at", "status", *CONDITIONS, *IDENTITY, "latency_ms_p50")


def timed_records(models: Sequence[str]) -> pd.DataFrame:
    """Inference records of some models: the store's and those that come with the explorer, none twice.

    Returns:
        Columns of the records, and `is_reference` for those that come with the explorer and are not in the store.

    Raises:
        StoreError: If the store cannot be read.
        ValueError: If a file of records is damaged.
    """
    filters = {"model_name": list(models), "kind": "inference", "status": "ok", "latency_ms_p50": Between(0)}
    with Store() as store:
        stored = store.query(filters, columns=[name for name in _READ if name not in ("record_id", "measured_at")])
    parts = (stored[[*_READ]].assign(is_reference=False), reference_records(models))
    filled = [table for table in parts if not table.empty]
    if not filled:
        return parts[1]
    return pd.concat(filled, ignore_index=True).drop_duplicates("record_id", ignore_index=True)


def reference_records(models: Sequence[str]) -> pd.DataFrame:
    """The inference records of some models that come with the explorer, as `timed_records` has them.

    Raises:
        ValueError: If a file of records is damaged.
    """
    return pd.DataFrame(_shipped(models), columns=[*_READ]).assign(is_reference=True)


def latency_pairs(records: pd.DataFrame, model: str, baseline: str, img_size: tuple[int, int]) -> pd.DataFrame:
    """Both models' newest records under each condition that they share, one row a condition.

    Those that come with the explorer stand in only where the store has no pair of its own.

    Args:
        records: From `timed_records`.
        model: The one above the line.
        baseline: The one below.
        img_size: (height, width) in pixels.

    Returns:
        Columns `MATCHED`, "is_reference", "measured_at", "latency_ms" and "baseline_ms" (medians), "ratio"; largest
        batch first, then newest first.
    """
    if records.empty:
        return pd.DataFrame()
    height, width = img_size
    fitting = records[(records["img_height"] == height) & (records["img_width"] == width)]
    own, shipped = (_pairs(fitting[fitting["is_reference"] == origin], model, baseline) for origin in (False, True))
    return shipped if own.empty else own


def _pairs(records: pd.DataFrame, model: str, baseline: str) -> pd.DataFrame:
    newest = newest_records(records)
    own, other = (newest[newest["model_name"] == name] for name in (model, baseline))
    pairs = own.merge(other, on=[*MATCHED, "is_reference"], suffixes=("", "_baseline"))
    pairs = pairs.rename(columns={"latency_ms_p50": "latency_ms", "latency_ms_p50_baseline": "baseline_ms"})
    pairs["ratio"] = pairs["latency_ms"] / pairs["baseline_ms"]
    shown = pairs[[*MATCHED, "is_reference", "measured_at", "latency_ms", "baseline_ms", "ratio"]]
    return shown.sort_values(["batch_size", "measured_at"], ascending=False, ignore_index=True)


def latency_ratio(records: pd.DataFrame, model: str, baseline: str, img_size: tuple[int, int]) -> float | None:
    """The ratio at the largest batch that was measured of both, the newest of several; None without any."""
    pairs = latency_pairs(records, model, baseline, img_size)
    return None if pairs.empty else float(pairs["ratio"].iloc[0])


def _shipped(models: Sequence[str]) -> list[dict[str, object]]:
    rows = []
    for path in reference_files():
        with path.open("rb") as file:
            rows += [
                {name: getattr(record, name) for name in _READ}
                for record in read_csv(file)
                if record.model_name in models
                and record.kind == "inference"
                and record.status == "ok"
                and record.latency_ms_p50 is not None
            ]
    return rows
