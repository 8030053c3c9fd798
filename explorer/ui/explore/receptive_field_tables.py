"""What the Receptive field page shows, as tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.charts.theme import branch_name
from explorer.inspection.leak import Leak
from explorer.inspection.receptive_field import TheoreticalField

WITH, WITHOUT = "with DW conv", "without DW conv"

FieldPair = tuple[TheoreticalField, TheoreticalField]
"""Theoretical fields of one position, with and without the depth-wise convolution."""


def square_columns() -> dict[str, str]:
    """How the columns of the squares are headed on the page."""
    heads = {"share_percent": "share, %"}
    for name, short in ((WITH, "with"), (WITHOUT, "without")):
        heads[f"side_px, {name}"] = f"side {short}, px"
        heads[f"area_percent, {name}"] = f"r {short}, %"
        heads[f"plain_gradient_side_px, {name}"] = f"plain gradient {short}, px"
    return heads


def field_table(pair: FieldPair) -> pd.DataFrame:
    """Size and reach of both theoretical fields."""
    rows = []
    for name, field in zip((WITH, WITHOUT), pair, strict=True):
        above, left, below, right = field.reach_px
        rows.append(
            {
                "FFN": name,
                "area, px": field.area_px,
                "area, % of the picture": field.area_share * 100,
                "height, px": field.sides_px[0],
                "width, px": field.sides_px[1],
                "above, px": above,
                "left, px": left,
                "below, px": below,
                "right, px": right,
                "rectangle": field.is_rectangle,
            }
        )
    return pd.DataFrame(rows)


def reach_summary(pair: FieldPair) -> pd.DataFrame:
    """The same to read: one column per field."""
    columns = {}
    for name, field in zip((WITH, WITHOUT), pair, strict=True):
        above, left, below, right = field.reach_px
        columns[name] = {
            "area": f"{field.area_px:,} px",
            "reach up, down": f"{above}, {below} px",
            "reach left, right": f"{left}, {right} px",
            "shape": "rectangle" if field.is_rectangle else "union of rectangles",
        }
    return pd.DataFrame(columns).rename_axis("of the field")


def reads_table(pair: FieldPair) -> pd.DataFrame:
    """How much of each branch map is read on the way back, per module, in percent."""
    return pd.DataFrame(
        [
            {
                "maps entering": f"stage {reads.stage}, module {reads.module + 1}",
                "branch": branch_name(branch),
                f"{WITH}, % read": round(share * 100, 2),
                f"{WITHOUT}, % read": round(other * 100, 2),
            }
            for reads, others in zip(pair[0].reads, pair[1].reads, strict=True)
            for branch, (share, other) in enumerate(zip(reads.shares, others.shares, strict=True))
        ]
    )


def leak_table(leaks: tuple[Leak, Leak]) -> pd.DataFrame:
    """What has left the changed window after each block, and how far it came."""
    return pd.DataFrame(
        [
            {
                "FFN": name,
                "after block": block,
                "change outside, %": outside * 100,
                "other windows reached": reached,
                "farthest, windows": farthest,
            }
            for name, leak in zip((WITH, WITHOUT), leaks, strict=True)
            for block, (outside, reached, farthest) in enumerate(
                zip(leak.outside_shares, leak.reached_windows, leak.farthest_windows, strict=True), start=1
            )
        ]
    )


def pixel_table(maps: Mapping[str, NDArray[np.generic]]) -> pd.DataFrame:
    """Maps (H, W) of one size as a table with a line per pixel."""
    return _long_table({name: values[None] for name, values in maps.items()}, "map").drop(columns="map")


def leak_share_table(leaks: tuple[Leak, Leak]) -> pd.DataFrame:
    """Share of the change in each window after each block."""
    table = _long_table({name: leak.shares for name, leak in zip((WITH, WITHOUT), leaks, strict=True)}, "after block")
    table["after block"] += 1
    return table


def _long_table(maps: Mapping[str, NDArray[np.generic]], first_axis: str) -> pd.DataFrame:
    """Arrays (N, H, W) as one line per entry: index, row, column, and a column per array."""
    shape = next(iter(maps.values())).shape
    places = np.indices(shape, dtype=np.int16).reshape(3, -1)
    index = dict(zip((first_axis, "row", "column"), places, strict=True))
    return pd.DataFrame(index | {name: values.ravel() for name, values in maps.items()})
