"""The measuring method: warm up, measure several models round by round, stop when the median is known well enough.

Everything here works on samples in milliseconds and on callables that produce them; no torch, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from explorer.records.figures import Figures
from hrformer.wording import shown

#: Takes a number of calls, makes them and returns the duration of each, ms.
Timer = Callable[[int], list[float]]
#: Told after each round of a model: its index and all its samples so far.
RoundListener = Callable[[int, Sequence[float]], None]

#: As in torch.utils.benchmark: an interquartile range above this share of the median is called wide.
WIDE_SPREAD_SHARE = 0.1
#: Warm-up compares the medians of the last two windows of this many calls.
_WARMUP_WINDOW = 3
_WARMUP_TOLERANCE = 0.05
#: Of each bound of a method: more calls or seconds than anybody waits for.
MOST = 10**9


@dataclass(frozen=True, kw_only=True)
class Method:
    """How long and how exactly to measure.

    A model is measured until it has both `min_iterations` and `min_seconds`, or until the 95 % interval of its median
    is narrower than `interval_target` of the median; it never gets more than `max_iterations` or `max_seconds`.

    Attributes:
        min_iterations: Timed calls.
        min_seconds: Sum of the timed calls, s.
        max_iterations: Upper bound of the timed calls.
        max_seconds: Upper bound of their sum, s; one call may run over it.
        interval_target: Width of the 95 % interval of the median as a share of the median, at which to stop.
        warmup_max_seconds: Upper bound of the warm-up, s; one call may run over it.
        round_seconds: Length of a model's turn in a round, s; at least one call.

    Raises:
        ValueError: If a bound is not positive or a minimum lies above its maximum.
    """

    min_iterations: int = 30
    min_seconds: float = 3.0
    max_iterations: int = 10_000
    max_seconds: float = 60.0
    interval_target: float = 0.02
    warmup_max_seconds: float = 10.0
    round_seconds: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = field.name.endswith("iterations")
            is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
            if not is_number or not 0 < value <= MOST:
                wanted = "a whole number" if whole else "a number"
                raise ValueError(
                    f"{field.name} = {shown(value)} is not legal: use {wanted} above 0, at most {MOST:,}, such as "
                    f"{field.default}."
                )
        for name in ("iterations", "seconds"):
            low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if low > high:
                raise ValueError(
                    f"min_{name} = {low} is above max_{name} = {high}: lower the first or raise the second."
                )

    def is_finished(self, samples_ms: Sequence[float]) -> bool:
        """Whether these samples are enough, or no more may be taken."""
        enough = len(samples_ms) >= self.min_iterations and sum(samples_ms) >= self.min_seconds * 1e3
        return enough or self._is_exact(samples_ms) or self.is_exhausted(samples_ms)

    def share_done(self, samples_ms: Sequence[float]) -> float:
        """How far these samples are towards both minima or a maximum, 0 to 1; an exact median may end it before."""
        count, seconds = len(samples_ms), sum(samples_ms) / 1e3
        enough = min(count / self.min_iterations, seconds / self.min_seconds)
        return min(1.0, max(enough, count / self.max_iterations, seconds / self.max_seconds))

    def is_exhausted(self, samples_ms: Sequence[float]) -> bool:
        """Whether no more samples may be taken."""
        return len(samples_ms) >= self.max_iterations or sum(samples_ms) >= self.max_seconds * 1e3

    def calls_per_round(self, expected_ms: float) -> int:
        """How many calls fill a model's turn."""
        return max(1, min(round(self.round_seconds * 1e3 / expected_ms), self.max_iterations))

    def _is_exact(self, samples_ms: Sequence[float]) -> bool:
        interval = median_interval(samples_ms)
        return interval is not None and interval[1] - interval[0] < self.interval_target * float(np.median(samples_ms))


def is_steady(samples_ms: Sequence[float]) -> bool:
    """Whether the last calls took as long as those before them, within 5 %."""
    if len(samples_ms) < 2 * _WARMUP_WINDOW:
        return False
    last = float(np.median(samples_ms[-_WARMUP_WINDOW:]))
    before = float(np.median(samples_ms[-2 * _WARMUP_WINDOW : -_WARMUP_WINDOW]))
    return abs(last - before) <= _WARMUP_TOLERANCE * before


def warm_up(timer: Timer, method: Method) -> float:
    """Call until the calls take equally long, or the time for it is over.

    Returns:
        The expected duration of a call, ms: the median of the last calls.
    """
    samples: list[float] = []
    while not is_steady(samples) and sum(samples) < method.warmup_max_seconds * 1e3:
        samples += timer(1)
    return float(np.median(samples[-_WARMUP_WINDOW:]))


def measure_rounds(
    timers: Sequence[Timer], expected_ms: Sequence[float], method: Method, on_round: RoundListener
) -> list[list[float]]:
    """Measure several models interleaved, so that a drifting machine hits all alike.

    Each round gives each model one turn; every second round runs backwards, so that none always follows the same
    one. A model with enough samples stays in until all have enough.

    Args:
        timers: One per model.
        expected_ms: Duration of a call of each, from the warm-up.
        method: When to stop.
        on_round: Told after each turn.

    Returns:
        All samples of each model in order, ms.
    """
    samples: list[list[float]] = [[] for _ in timers]
    order = list(range(len(timers)))
    while not all(method.is_finished(taken) for taken in samples):
        for index in order:
            taken = samples[index]
            if not method.is_exhausted(taken):
                calls = min(method.calls_per_round(expected_ms[index]), method.max_iterations - len(taken))
                taken += timers[index](calls)
                on_round(index, taken)
        order.reverse()
    return samples


def median_interval(samples_ms: Sequence[float]) -> tuple[float, float] | None:
    """95 % confidence interval of the median by order statistics, free of any distribution.

    The k-th smallest and k-th largest of n independent samples enclose the median with probability
    1 - 2 P(X < k), X binomial with n trials and p = 1/2 (W. J. Conover, Practical Nonparametric Statistics, 3.2).

    Returns:
        Both ends, ms; None for fewer than six samples, where even the extremes do not reach 95 %.
    """
    rank = _interval_rank(len(samples_ms))
    if rank == 0:
        return None
    ordered = np.sort(np.asarray(samples_ms, dtype=float))
    return float(ordered[rank - 1]), float(ordered[-rank])


@lru_cache(maxsize=1024)
def _interval_rank(count: int) -> int:
    """Largest k with P(X < k) <= 2.5 % for X binomial(count, 1/2), in exact integers; 0 where there is none."""
    rank, outcomes, below, limit = 0, 1, 1, 2**count  # binomial(count, rank) and its sum up to there
    while 40 * below <= limit:
        rank += 1
        outcomes = outcomes * (count - rank + 1) // rank
        below += outcomes
    return rank


def latency_figures(samples_ms: Sequence[float], batch_size: int) -> Figures:
    """Percentiles, spread, interval of the median and throughput of the samples.

    The q-th percentile needs a sample beyond it: 10 samples for p90, 20 for p95, 100 for p99.

    Args:
        samples_ms: Durations of calls on a whole batch, ms; at least one.
        batch_size: Images per call.
    """
    samples = np.asarray(samples_ms, dtype=float)
    count = len(samples)
    quartiles = np.percentile(samples, (25, 50, 75))
    median, iqr = float(quartiles[1]), float(quartiles[2] - quartiles[0])
    figures = Figures(
        {
            "latency_ms_p50": median,
            "latency_ms_iqr": iqr,
            "throughput_img_s": batch_size * 1e3 / median,
            "wide_spread": iqr > WIDE_SPREAD_SHARE * median,
        }
    )
    for percent in (90, 95, 99):
        needed = math.ceil(100 / (100 - percent))
        value = float(np.percentile(samples, percent)) if count >= needed else None
        figures |= Figures.of(f"latency_ms_p{percent}", value, f"needs {needed} samples, {count} were taken")
    low, high = median_interval(samples_ms) or (None, None)
    reason = f"needs 6 samples, {count} were taken"
    figures |= Figures.of("latency_ms_p50_ci95_low", low, reason)
    return figures | Figures.of("latency_ms_p50_ci95_high", high, reason)
