"""Records of pinned variants: found by their configuration, whatever the model was called when it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from explorer.models.labels import model_label
from explorer.ui.pins import Pin
from hrformer.config import LIMITS


def named_by_pins(table: pd.DataFrame, pinned: Sequence[Pin]) -> pd.DataFrame:
    """Measured rows with those of pinned variants, at any image size, under the pins' names.

    Args:
        table: From `comparison_table`, of one setup: one row for each model and batch size.
        pinned: The variants; of two equal ones the first gives the name.

    Returns:
        The same columns. Where a variant was measured under several names, the newest row of each batch size stays.
    """
    names = _names(table, pinned)
    found = table["config_id"].isin(names)
    if not found.any():
        return table
    pinned_rows, others = table[found], table[~found]
    own = pinned_rows["config_id"].map(names)
    own = own.where(~own.isin(others["model"]), own + " (pinned)")
    ran_by = zip(own, pinned_rows["engine"], pinned_rows["compile_mode"], strict=True)
    labels = pd.Series([model_label(*labelled) for labelled in ran_by], index=pinned_rows.index, dtype="string")
    named = pinned_rows.assign(model=labels)
    newest = named.sort_values("measured_at", kind="stable").drop_duplicates(["batch_size", "model"], keep="last")
    return pd.concat([others, newest]).sort_index(ignore_index=True)


def _names(table: pd.DataFrame, pinned: Sequence[Pin]) -> dict[str, str]:
    """The pins' names by the id that a record has at the image size at which it was measured."""
    low, high = LIMITS["img_size"]
    sizes = table.loc[table[["img_height", "img_width"]].isin(range(low, high + 1)).all(axis=1)]
    return {
        replace(pin.config, img_size=(int(height), int(width))).config_id: pin.name
        for height, width in sizes[["img_height", "img_width"]].drop_duplicates().itertuples(index=False)
        for pin in reversed(pinned)
    }
