"""The ratio's interval: drift cancels, and it holds the truth about as often as it says."""

import numpy as np
import pytest

from explorer.ablation.ratio import MAX_PAIRS, latency_ratio


def test_a_drift_that_hits_both_alike_cancels() -> None:
    drift = np.linspace(1, 3, 120)  # three times slower at the end
    found = latency_ratio((8 * drift).tolist(), (10 * drift).tolist())
    assert found.pairs == MAX_PAIRS
    assert (found.ratio, found.low, found.high) == pytest.approx((0.8, 0.8, 0.8))


def test_turns_of_different_length_are_compared_over_the_same_time() -> None:
    # Per round three calls of the one and one of the other; every round twice as slow as the one before.
    rounds = 2.0 ** np.arange(10)
    found = latency_ratio(np.repeat(5 * rounds, 3).tolist(), (10 * rounds).tolist())
    assert found.pairs == 10
    assert (found.ratio, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_the_interval_holds_the_true_ratio_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        drift = np.repeat(generator.uniform(1, 2, 30), 2)
        first = 0.9 * drift * generator.lognormal(0, 0.05, 60)
        second = drift * generator.lognormal(0, 0.05, 60)
        found = latency_ratio(first.tolist(), second.tolist())
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.9 <= found.high
    assert 0.92 <= held / 400 <= 0.995


def test_too_few_rounds_have_no_interval() -> None:
    found = latency_ratio([2.0] * 5, [4.0] * 5)
    assert (found.ratio, found.low, found.high, found.pairs) == (0.5, None, None, 5)
