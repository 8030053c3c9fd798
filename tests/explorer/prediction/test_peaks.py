"""Several peaks of one heat map, and which of them find something: cases by hand, and what always holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from explorer.prediction.peaks import Peak, Target, count_found, local_peaks, score_peaks


def maps(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)[None]


def places(heat_maps: np.ndarray, threshold: float = 0.1) -> list[tuple[float, float]]:
    return [(peak.x, peak.y) for peak in local_peaks(heat_maps, threshold)]


def test_every_cell_that_no_neighbour_exceeds_is_a_peak_the_highest_first() -> None:
    heat_map = maps([0.5, 0.2, 0, 0, 0], [0.2, 0, 0, 0, 0.3], [0, 0, 0.9, 0.4, 0.2])
    assert places(heat_map) == [(2, 2), (0, 0)]  # 0.3 at (4, 1) lies beside 0.4
    assert places(heat_map, 0.5) == [(2, 2)]  # a peak is above the threshold, not at it


def test_a_neighbour_across_the_corner_counts() -> None:
    assert places(maps([0.6, 0, 0], [0, 0.7, 0], [0, 0, 0.8])) == [(2, 2)]


def test_a_plateau_is_one_peak() -> None:
    assert places(maps([0, 0, 0, 0], [0, 0.5, 0.5, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 0])) == [(1, 1)]


def test_maps_know_nothing_of_each_other() -> None:
    both = np.concatenate([maps([0.9, 0]), maps([0, 0.8])])
    assert [peak[:3] for peak in local_peaks(both, 0.1)] == [(0, 0, 0), (1, 1, 0)]


@given(arrays(np.float32, (2, 5, 6), elements=st.floats(-1, 1, width=32)), st.floats(-0.5, 0.9))
def test_the_highest_cell_is_a_peak_and_no_two_peaks_touch(heat_maps: np.ndarray, threshold: float) -> None:
    peaks = local_peaks(heat_maps, threshold)
    assert bool(peaks) == bool(heat_maps.max() > threshold)
    assert [peak.score for peak in peaks] == sorted((peak.score for peak in peaks), reverse=True)
    for one in peaks:
        assert one.score > threshold
        near = [p for p in peaks if p.key_point == one.key_point and max(abs(p.x - one.x), abs(p.y - one.y)) <= 1]
        assert near == [one]


def test_a_peak_finds_what_is_within_reach_on_its_own_map() -> None:
    targets = [Target(3, 5, 5, 2)]
    assert count_found([Peak(3, 6.2, 6.6, 0.9)], targets) == 1  # exactly 2 away
    assert count_found([Peak(3, 7.1, 5, 0.9)], targets) == 0
    assert count_found([Peak(4, 5, 5, 0.9)], targets) == 0


def test_each_peak_finds_one_and_each_thing_is_found_once() -> None:
    one, two = Target(0, 0, 0, 3), Target(0, 4, 0, 3)
    assert count_found([Peak(0, 2, 0, 0.9)], [one, two]) == 1
    assert count_found([Peak(0, 0, 0, 0.9), Peak(0, 1, 0, 0.8)], [one]) == 1
    # the higher peak takes the nearer one, which leaves the other one out of reach of the lower peak
    assert count_found([Peak(0, 2.5, 0, 0.9), Peak(0, 5, 0, 0.8)], [one, two]) == 1
    assert count_found([Peak(0, 1.5, 0, 0.9), Peak(0, 5, 0, 0.8)], [one, two]) == 2


def test_scores_by_hand() -> None:
    """Five peaks, of which three find something, and four things: precision 3/5, recall 3/4, F1 6/9."""
    there = [Target(0, 0, 0, 1), Target(1, 5, 5, 1)]
    found = [Peak(0, 0, 0, 0.9), Peak(1, 5, 5, 0.8), Peak(2, 5, 5, 0.7)]
    scores = score_peaks([(found, there), ([Peak(0, 0, 0, 0.9), Peak(0, 9, 9, 0.9)], there)])
    assert (scores.precision, scores.recall) == (3 / 5, 3 / 4)
    assert scores.f1 == pytest.approx(6 / 9)


def test_nothing_found_and_nothing_there_score_zero() -> None:
    assert set(score_peaks([([], [])]).to_dict().values()) == {0.0}
    assert set(score_peaks([([], [Target(0, 0, 0, 1)])]).to_dict().values()) == {0.0}
