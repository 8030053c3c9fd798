"""Names beside the points of a chart, so that none lies over another name, over a point, or beyond the edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Of a chart on a page of 1024 pixels beside the sidebar; on a wider one points only stand further apart.
_PLOT_PX = np.array([300.0, 240.0])
NAME_FONT_PX = 11
#: A name's height and a character's mean width in that font.
_LINE_PX = 14.0
_CHARACTER_PX = 6.3
#: From a point's middle to its edge, and to where Plotly lets its name begin.
_RADIUS_PX = 6.0
_NAME_PX = 8.0
#: Plotly's names of the sides, the most readable first, and where they lie: right of and above the point.
_SIDES = {
    "middle right": (1, 0),
    "middle left": (-1, 0),
    "top center": (0, 1),
    "bottom center": (0, -1),
    "top right": (1, 1),
    "bottom right": (1, -1),
    "top left": (-1, 1),
    "bottom left": (-1, -1),
}
#: Of the axis on both ends, so that points do not lie on the edge; where all points coincide, so much at least.
_PADDING = 0.12
_LEAST = 0.1
ALL_SIDES = tuple(_SIDES)
#: On which side the line of a point's series is not, where it ends there.
AFTER_LINES = ("middle right", "top right", "bottom right")


def padded_range(values: ArrayLike, longest_name: str = "") -> tuple[float, float]:
    """An axis's range with room around its values, at the upper end for a name; (0, 1) where there are none."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    room = max(_PADDING * (high - low), _LEAST)
    share = len(longest_name) * _CHARACTER_PX / _PLOT_PX[0]
    return low - room, high + room + share / (1 - share) * (high - low + 2 * room)


def name_sides(
    x: ArrayLike,
    y: ArrayLike,
    names: Sequence[str],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    *,
    allowed: Sequence[str],
) -> list[str]:
    """On which side of its point each name stands; empty where it would lie over something else.

    Args:
        x: Of all points, in the units of the range: of a logarithmic axis the logarithms.
        y: Alike.
        names: One a point, first come first served; empty where a point has none, which others keep clear of too.
        x_range: Both ends of the axis.
        y_range: Alike.
        allowed: The sides to try, in order.
    """
    ends = np.array([x_range, y_range], dtype=float)
    points = np.stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)], axis=1)  # (N, 2)
    pixels = (points - ends[:, 0]) / (ends[:, 1] - ends[:, 0]) * _PLOT_PX
    taken = [_box(middle, np.full(2, _RADIUS_PX)) for middle in pixels]
    chosen = [""] * len(names)
    for number, name in enumerate(names):
        for side in allowed if name else ():
            box = _name_box(pixels[number], name, side)
            if _is_free(box, taken):
                chosen[number] = side
                taken.append(box)
                break
    return chosen


def _name_box(middle: NDArray[np.float64], name: str, side: str) -> NDArray[np.float64]:
    half = np.array([len(name) * _CHARACTER_PX, _LINE_PX]) / 2
    return _box(middle + np.array(_SIDES[side]) * (half + _NAME_PX), half)


def _box(middle: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float64]:
    """Left, bottom, right, top, px."""
    return np.concatenate([middle - half, middle + half])


def _is_free(box: NDArray[np.float64], taken: Sequence[NDArray[np.float64]]) -> bool:
    if (box[:2] < 0).any() or (box[2:] > _PLOT_PX).any():
        return False
    others = np.stack(taken)
    return not ((box[:2] < others[:, 2:]) & (others[:, :2] < box[2:])).all(axis=1).any()
