"""The ratio of two latencies that were measured in turns, with its confidence interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.benchmark.method import median_interval

#: Stretches of time that the samples are cut into; fewer where there are fewer samples.
MAX_PAIRS = 30


@dataclass(frozen=True)
class LatencyRatio:
    """How much longer one network takes than another.

    Attributes:
        ratio: Median over the pairs.
        low: Lower end of the 95 % confidence interval; None for fewer than six pairs.
        high: Upper end of it.
        pairs: How many stretches of time were compared.
    """

    ratio: float
    low: float | None
    high: float | None
    pairs: int


def latency_ratio(samples_ms: Sequence[float], reference_ms: Sequence[float]) -> LatencyRatio:
    """Ratio of two latencies from samples of one interleaved run.

    The models took turns from the first sample to the last, so equal shares of both sequences are from the same time.
    Each stretch gives one ratio of medians, in which what the machine did meanwhile cancels; the interval of the median
    of these ratios comes from order statistics, without any distribution (`explorer.benchmark.method`).

    Args:
        samples_ms: Of the network, in order, ms; at least one.
        reference_ms: Of the network that it is compared with, in order, ms; at least one.
    """
    pairs = min(MAX_PAIRS, len(samples_ms), len(reference_ms))
    ratios = _stretch_medians(samples_ms, pairs) / _stretch_medians(reference_ms, pairs)
    low, high = median_interval(ratios.tolist()) or (None, None)
    return LatencyRatio(float(np.median(ratios)), low, high, pairs)


def _stretch_medians(samples_ms: Sequence[float], count: int) -> NDArray[np.float64]:
    stretches = np.array_split(np.asarray(samples_ms, dtype=np.float64), count)
    return np.array([np.median(stretch) for stretch in stretches])
