"""The measuring method on samples made here: no clock, no model."""

import itertools
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import quantile_test

from explorer.benchmark.method import (
    MOST,
    Method,
    is_steady,
    latency_figures,
    measure_rounds,
    median_interval,
    warm_up,
)

#: Ranks from Conover's and other textbooks' tables of the 95 % interval of a median: sample size, rank from each end.
TABLED_RANKS = {6: 1, 8: 1, 9: 2, 11: 2, 12: 3, 15: 4, 20: 6, 25: 8, 30: 10, 50: 18, 100: 40}


@pytest.mark.parametrize(("count", "rank"), TABLED_RANKS.items())
def test_interval_of_the_median_takes_the_tabled_ranks(count, rank):
    samples = [float(value) for value in range(1, count + 1)]
    assert median_interval(samples[::-1]) == (rank, count + 1 - rank)


def test_the_most_that_a_page_offers_is_legal():
    assert Method(min_seconds=MOST, max_seconds=float(MOST), max_iterations=MOST).max_iterations == MOST


def test_fewer_than_six_samples_have_no_interval():
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None


@settings(deadline=None, max_examples=10, derandomize=True)
@given(count=st.integers(6, 60), scale=st.floats(0.1, 10))
def test_interval_covers_the_median_of_a_skewed_distribution(count, scale):
    random = np.random.default_rng(count)
    draws = random.exponential(scale, (400, count))
    median = scale * np.log(2)
    covered = [low <= median <= high for low, high in map(median_interval, draws)]
    assert np.mean(covered) >= 0.92  # 95 % or more, less three standard errors of 400 trials


@pytest.mark.parametrize("count", [*range(6, 400), 1000, 1001, 9000, 10_000])
def test_interval_of_the_median_is_the_one_of_scipys_quantile_test(count):
    samples = np.arange(1, count + 1, dtype=float)
    expected = quantile_test(samples, p=0.5).confidence_interval(0.95)
    assert median_interval(samples) == (expected.low, expected.high)


def test_figures_agree_with_the_statistics_module():
    samples = [float(value) for value in np.random.default_rng(0).lognormal(2, 0.1, 200)]
    values = latency_figures(samples, batch_size=4).values
    percentiles = statistics.quantiles(samples, n=100, method="inclusive")
    assert values["latency_ms_p50"] == pytest.approx(statistics.median(samples))
    for percent in (90, 95, 99):
        assert values[f"latency_ms_p{percent}"] == pytest.approx(percentiles[percent - 1])
    assert values["latency_ms_iqr"] == pytest.approx(percentiles[74] - percentiles[24])
    assert values["throughput_img_s"] == pytest.approx(4000 / statistics.median(samples))


def test_percentiles_without_a_sample_beyond_them_are_empty_with_a_reason():
    figures = latency_figures([1.0] * 19, batch_size=1)
    assert "latency_ms_p90" in figures.values
    assert figures.reasons["latency_ms_p95"] == "needs 20 samples, 19 were taken"
    assert figures.reasons["latency_ms_p99"] == "needs 100 samples, 19 were taken"
    assert "latency_ms_p50_ci95_low" in latency_figures([1.0] * 5, 1).reasons


@pytest.mark.parametrize(("jitter", "wide"), [(0.01, False), (0.5, True)])
def test_a_wide_spread_is_flagged(jitter, wide):
    samples = 10 * (1 + jitter * np.random.default_rng(1).uniform(-1, 1, 100))
    assert latency_figures(samples, 1).values["wide_spread"] is wide


def test_stops_when_both_minima_are_reached():
    method = Method(min_iterations=10, min_seconds=0.1, interval_target=1e-9)
    spread = itertools.cycle([15.0, 5.0])
    nine = [next(spread) for _ in range(9)]
    assert not method.is_finished(nine)
    assert method.is_finished([*nine, 10.0])
    assert not method.is_finished([1.0, 2.0] * 10)  # iterations, but only 30 ms


def test_stops_early_when_the_median_is_known():
    method = Method(min_iterations=1000, min_seconds=100, max_seconds=200, interval_target=0.02)
    assert method.is_finished([10.0, 10.01, 10.02, 10.03, 10.04, 10.05])
    assert not method.is_finished([10.0, 10.1, 10.2, 10.3, 10.4, 10.5])


def test_never_takes_more_than_the_maximum():
    method = Method(min_iterations=5, min_seconds=1, max_iterations=5, max_seconds=1, interval_target=1e-9)
    assert method.is_exhausted([600.0, 500.0])
    assert method.is_exhausted([1.0] * 5)
    assert not method.is_exhausted([1.0] * 4)


@pytest.mark.parametrize(
    ("samples_ms", "share"),
    [
        ([], 0),
        ([50.0] * 3, 0.15),  # 3 of 10 calls, 0.15 of 1 s: both are asked for
        ([500.0] * 3, 0.3),
        ([50.0] * 20, 1),
        ([50.0] * 40, 1),
        ([4000.0] * 2, 0.8),  # 2 of 10 calls, but 8 of at most 10 s
        ([1.0] * 30, 0.75),  # 0.03 of 1 s, but 30 of at most 40 calls
    ],
)
def test_the_share_that_is_done_goes_to_both_minima_or_to_a_maximum(samples_ms, share):
    method = Method(min_iterations=10, min_seconds=1.0, max_iterations=40, max_seconds=10.0)
    assert method.share_done(samples_ms) == pytest.approx(share)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"min_seconds": 0}, "min_seconds = 0 is not legal: use a number above 0"),
        (
            {"max_iterations": 10**9 + 1},
            "= 1000000001 is not legal: use a whole number above 0, at most 1,000,000,000, such as 10000",
        ),
        ({"min_iterations": 2.5}, "whole number"),
        ({"max_seconds": float("nan")}, "max_seconds"),
        ({"min_seconds": 61.0}, "lower the first or raise the second"),
        ({"min_seconds": "3"}, "min_seconds = '3'"),
    ],
)
def test_illegal_bounds_are_named(values, complaint):
    with pytest.raises(ValueError, match=complaint):
        Method(**values)


def test_warm_up_ends_when_calls_take_equally_long():
    durations = iter([900.0, 500.0, 200.0, 110.0, 100.0, 101.0, 99.0, 100.0, 100.0, 1e9])
    assert warm_up(lambda count: [next(durations) for _ in range(count)], Method()) == pytest.approx(100, rel=0.02)
    assert next(durations) <= 1e9


def test_warm_up_is_bounded():
    growing = (100.0 * 1.5**index for index in itertools.count())
    taken = []

    def timer(count):
        taken.extend(next(growing) for _ in range(count))
        return taken[-count:]

    warm_up(timer, Method(warmup_max_seconds=2))
    assert sum(taken[:-1]) < 2000 <= sum(taken)


def test_steadiness_needs_two_windows():
    assert not is_steady([10.0] * 5)
    assert is_steady([10.0] * 6)
    assert not is_steady([12.0, 12.0, 12.0, 10.0, 10.0, 10.0])


class DriftingMachine:
    """Gets slower with every call of any model; logs whose turn it is."""

    def __init__(self):
        self.slowdown = 1.0
        self.turns = []

    def timer(self, name, latency_ms):
        def run(count):
            self.turns.append(name)
            samples = []
            for _ in range(count):
                self.slowdown += 0.001
                samples.append(latency_ms * self.slowdown)
            return samples

        return run


def test_interleaving_lets_drift_hit_all_models_alike():
    machine = DriftingMachine()
    method = Method(min_iterations=200, min_seconds=0.1, interval_target=1e-9, round_seconds=0.05)
    timers = [machine.timer("a", 10.0), machine.timer("b", 10.0)]
    first, second = measure_rounds(timers, [10.0, 10.0], method, lambda *_: None)
    assert machine.slowdown > 1.3
    assert statistics.median(first) == pytest.approx(statistics.median(second), rel=0.01)


def test_every_second_round_runs_backwards():
    machine = DriftingMachine()
    method = Method(min_iterations=4, min_seconds=0.001, interval_target=1e-9, round_seconds=0.001)
    measure_rounds([machine.timer(name, 10.0) for name in "abc"], [10.0] * 3, method, lambda *_: None)
    assert "".join(machine.turns) == "abccbaabccba"


def test_a_model_with_enough_samples_stays_in_until_all_have():
    heard = []
    method = Method(min_iterations=10, min_seconds=0.1, interval_target=1e-9, round_seconds=0.02)
    noisy = itertools.cycle([50.0, 150.0])
    timers = [lambda count: [1.0, 1.1] * (count // 2), lambda count: [next(noisy) for _ in range(count)]]
    samples = measure_rounds(timers, [1.0, 100.0], method, lambda index, taken: heard.append((index, len(taken))))
    assert [len(taken) for taken in samples] == [200, 10]
    assert heard[-1] == (1, 10) or heard[-1] == (0, 200)


def test_an_exhausted_model_gets_no_more_turns():
    method = Method(
        min_iterations=50, min_seconds=0.01, max_seconds=1, max_iterations=60, interval_target=1e-9, round_seconds=0.1
    )
    random = np.random.default_rng(3)
    slow, fast = measure_rounds(
        [lambda count: list(random.uniform(100, 900, count)), lambda count: list(random.uniform(1, 9, count))],
        [500.0, 25.0],
        method,
        lambda *_: None,
    )
    assert sum(slow[:-1]) < 1000
    assert len(fast) >= 50
