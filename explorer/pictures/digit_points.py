"""The digits' second task: on the map of its class, a peak at each digit's centre.

Places follow the published code of top-down networks (HRNet's `generate_target`): cell (x, y) of a heat map stands for
pixel (4x, 4y) of the picture. Centres are not rounded to cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.pictures.digits import Canvases, CropPlace, DigitBox

#: One map a digit.
NUM_DIGITS = 10
#: Pixels of the picture that a cell stands for.
CELL_PX = 4
#: Standard deviation of a target's peak, cells: two digits of the smallest scale side by side keep peaks of their own.
SIGMA_CELLS = 1.5
#: A digit of which less than this share of its box is visible has no peak: nobody could say which one it is.
LEAST_VISIBLE = 0.4


class DigitPoint(NamedTuple):
    """Where a digit is.

    Attributes:
        value: Which digit, 0 to 9.
        x: Of the middle of its box's visible part, pixels.
        y: The same, downwards.
        longest: Longer side of its whole box, pixels.
    """

    value: int
    x: float
    y: float
    longest: int


def visible_points(boxes: Sequence[DigitBox], rows: slice, columns: slice) -> tuple[DigitPoint, ...]:
    """The digits that a part of a picture shows, `LEAST_VISIBLE` of each at least; in pixels of that part.

    The centre is that of the visible part of a digit's box, so that it always lies in the picture.

    Args:
        boxes: Of the whole picture.
        rows: The part's.
        columns: The part's.
    """
    points = []
    for box in boxes:
        top, bottom = max(box.top, rows.start), min(box.top + box.height, rows.stop)
        left, right = max(box.left, columns.start), min(box.left + box.width, columns.stop)
        visible = max(bottom - top, 0) * max(right - left, 0)
        if visible >= LEAST_VISIBLE * box.height * box.width:
            # the middle of pixels top to bottom - 1, counted from the part's first
            y, x = (top + bottom - 1) / 2 - rows.start, (left + right - 1) / 2 - columns.start
            points.append(DigitPoint(box.value, x, y, max(box.height, box.width)))
    return tuple(points)


def points_of(canvases: Canvases) -> list[tuple[DigitPoint, ...]]:
    """The digits of each whole picture."""
    height, width = canvases.labels.shape[1:]
    return [visible_points(boxes, slice(0, height), slice(0, width)) for boxes in canvases.boxes]


def heat_maps_at(canvases: Canvases, places: Sequence[CropPlace]) -> Tensor:
    """What a network should give for crops, (B, 10, crop / 4, crop / 4)."""
    maps = [
        heat_maps(
            visible_points(canvases.boxes[place.picture], place.rows, place.columns),
            (place.rows.stop - place.rows.start, place.columns.stop - place.columns.start),
        )
        for place in places
    ]
    return torch.from_numpy(np.stack(maps))


def heat_maps(points: Sequence[DigitPoint], size: tuple[int, int]) -> NDArray[np.float32]:
    """A Gaussian of height 1 at each digit's centre; where two of one class overlap, the higher one.

    Args:
        points: In pixels.
        size: (height, width) of the picture, pixels.

    Returns:
        (10, height / 4, width / 4).
    """
    rows, columns = (np.arange(side // CELL_PX, dtype=np.float32) for side in size)
    maps = np.zeros((NUM_DIGITS, len(rows), len(columns)), np.float32)
    for point in points:
        down = np.exp(-((rows - point.y / CELL_PX) ** 2) / (2 * SIGMA_CELLS**2))
        across = np.exp(-((columns - point.x / CELL_PX) ** 2) / (2 * SIGMA_CELLS**2))
        np.maximum(maps[point.value], down[:, None] * across, out=maps[point.value])
    return maps
