"""Peaks of heat maps that may have several each, and how many of the things that should be there they find."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Shifts to the eight neighbours; a plateau's first cell, in reading order, is its peak.
_BEFORE = ((-1, -1), (-1, 0), (-1, 1), (0, -1))
_AFTER = ((0, 1), (1, -1), (1, 0), (1, 1))


class Peak(NamedTuple):
    """A place where a heat map is higher than around it.

    Attributes:
        key_point: Which map.
        x: Column, in cells.
        y: Row, in cells.
        score: Its height.
    """

    key_point: int
    x: float
    y: float
    score: float


class Target(NamedTuple):
    """Something that a peak should find.

    Attributes:
        key_point: On which map.
        x: Column, in cells.
        y: Row, in cells.
        reach: How far from there a peak still counts, in cells.
    """

    key_point: int
    x: float
    y: float
    reach: float


@dataclass(frozen=True)
class PeakScores:
    """Shares from 0 to 1.

    Attributes:
        f1: Harmonic mean of the two others.
        precision: Of the peaks, how many find something.
        recall: Of what is there, how much is found.
    """

    f1: float
    precision: float
    recall: float

    def to_dict(self) -> dict[str, float]:
        """As JSON values."""
        return asdict(self)


def local_peaks(heat_maps: NDArray[np.float32], threshold: float) -> list[Peak]:
    """Every cell above a threshold that none of its eight neighbours exceeds, the highest first.

    Args:
        heat_maps: (K, H, W).
        threshold: What is not higher is no peak.
    """
    _, height, width = heat_maps.shape
    padded = np.pad(heat_maps, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)

    def neighbour(row: int, column: int) -> NDArray[np.float32]:
        return padded[:, 1 + row : 1 + row + height, 1 + column : 1 + column + width]

    is_peak = heat_maps > threshold
    for shift in _BEFORE:
        is_peak &= heat_maps > neighbour(*shift)
    for shift in _AFTER:
        is_peak &= heat_maps >= neighbour(*shift)
    found = [
        Peak(int(key_point), float(column), float(row), float(heat_maps[key_point, row, column]))
        for key_point, row, column in np.argwhere(is_peak)
    ]
    return sorted(found, key=lambda peak: -peak.score)


def count_found(peaks: Sequence[Peak], targets: Sequence[Target]) -> int:
    """How many targets are found; no peak finds two, and no two peaks find one.

    Like COCO's detections: the highest peak chooses first, and takes the nearest target of its map within reach.
    """
    left = list(targets)
    for peak in peaks:
        near = [
            (distance, index)
            for index, target in enumerate(left)
            if target.key_point == peak.key_point
            and (distance := float(np.hypot(target.x - peak.x, target.y - peak.y))) <= target.reach
        ]
        if near:
            del left[min(near)[1]]
    return len(targets) - len(left)


def score_peaks(pictures: Iterable[tuple[Sequence[Peak], Sequence[Target]]]) -> PeakScores:
    """Precision, recall and F1 over all peaks of all pictures.

    Args:
        pictures: Peaks, the highest first, and targets of each.

    Returns:
        The scores; 0 where there is nothing to divide by.
    """
    found = claimed = wanted = 0
    for peaks, targets in pictures:
        found += count_found(peaks, targets)
        claimed += len(peaks)
        wanted += len(targets)
    return PeakScores(
        2 * found / (claimed + wanted) if claimed + wanted else 0.0,
        found / claimed if claimed else 0.0,
        found / wanted if wanted else 0.0,
    )
