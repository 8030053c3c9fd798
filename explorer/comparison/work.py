"""The work of compared models, measured and published alike, in one convention for all.

No published count is compared with: papers and timm's tables count each in their own way, so that the models of
published speeds are counted here, by the explorer's own code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from explorer.benchmark.forecast import TRAINING_FACTOR
from explorer.cost.conventions import Convention, Work
from explorer.models.catalogue import BY_DISPLAY_NAME
from explorer.models.counting import model_cost
from explorer.models.model_ref import Size, model_by_name

#: What a published row is counted as: the model's name and the image size.
Counted = tuple[str, Size]

_POSE_TASK = "COCO pose"


def counted_as(published: pd.DataFrame) -> list[Counted | None]:
    """Which model at which size each published row speaks of; None where the explorer can't build it."""
    rows = zip(published["model"], published["task"], published["img_height"], published["img_width"], strict=True)
    return [_counted(f"{model} (pose)" if task == _POSE_TASK else model, *size) for model, task, *size in rows]


def count_published(
    published: pd.DataFrame, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> dict[Counted, Work]:
    """Count the models of published rows; the counts are kept, so that the next time takes none.

    Returns:
        The work of one image; what was counted before it was stopped.
    """
    wanted = list(dict.fromkeys(counted for counted in counted_as(published) if counted))
    works: dict[Counted, Work] = {}
    for done, (name, img_size) in enumerate(wanted):
        if should_stop():
            break
        on_progress(done, len(wanted))
        works[name, img_size] = model_cost(model_by_name(name), img_size).work
    return works


def record_works(records: pd.DataFrame) -> list[Work | None]:
    """The work of one image of each record; None where it could not be counted.

    Args:
        records: Columns macs, product_macs, flops_published.
    """
    columns = (_optional(records[name]) for name in ("macs", "product_macs", "flops_published"))
    return [
        None if macs is None else Work(macs, products, None if published is None else published - macs)
        for macs, products, published in zip(*columns, strict=True)
    ]


def published_works(published: pd.DataFrame, works: Mapping[Counted, Work]) -> list[Work | None]:
    """The work of one image of each published row, from `count_published`."""
    return [None if counted is None else works.get(counted) for counted in counted_as(published)]


def with_work(table: pd.DataFrame, works: list[Work | None], convention: Convention) -> pd.DataFrame:
    """Add the work in a convention.

    Args:
        table: Columns batch_size, kind.
        works: Of one image, one for each row.
        convention: The same for all that is compared.

    Returns:
        The table with `work_g` (of one image) and `work_per_call_g` (of a whole call; a training step's is three times
        the forward's), both in the convention's unit, and `work_convention`; NaN where there is no count in it.
    """
    giga = np.array([_giga(work, convention) for work in works], dtype=float)
    batch = table["batch_size"].to_numpy(dtype=float, na_value=np.nan)
    passes = np.where(table["kind"] == "training_step", TRAINING_FACTOR, 1)
    return table.assign(work_g=giga, work_per_call_g=giga * batch * passes, work_convention=convention.label)


def peak_in(convention: Convention, peak_flop_s: float) -> float:
    """What a matrix product reaches, as giga of a convention's unit per second.

    Args:
        convention: How its multiply-adds are counted.
        peak_flop_s: FLOP/s, two to a multiply-add.
    """
    return _giga(Work(macs=peak_flop_s / 2, products=0, other=0), convention)


def _giga(work: Work | None, convention: Convention) -> float:
    amount = None if work is None else work.amount(convention)
    return float("nan") if amount is None else amount.giga


def _counted(label: str, height: Any, width: Any) -> Counted | None:
    if label not in BY_DISPLAY_NAME or pd.isna(height) or pd.isna(width):
        return None
    return BY_DISPLAY_NAME[label].name, (int(height), int(width))


def _optional(values: pd.Series) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in values]
