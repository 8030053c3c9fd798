"""Attention in windows grows with the number of pixels, over all positions with its square."""

import math

import pytest

from explorer.cost.attention_scaling import compare_with_global
from hrformer import preset

TINY = preset("tiny")


def test_the_costs_are_those_computed_by_hand() -> None:
    row = compare_with_global(TINY, 0, [224]).iloc[0]
    positions, channels = 56 * 56, 18
    projections = 4 * positions * channels**2
    assert row["positions"] == positions
    assert row["window_macs"] == projections + 2 * positions * 49 * channels  # 56 is a multiple of 7: no padding
    assert row["global_macs"] == projections + 2 * positions**2 * channels


@pytest.mark.parametrize(("column", "exponent"), [("window_macs", 1), ("global_macs", 2)])
def test_large_pictures_grow_as_the_paper_says(column: str, exponent: int) -> None:
    first, second = compare_with_global(TINY, 0, [1792, 3584])[column]  # multiples of 4 * 7
    assert math.log(second / first, 4) == pytest.approx(exponent, abs=0.01)


def test_a_window_as_large_as_the_map_is_global_attention() -> None:
    row = compare_with_global(preset("tiny", window_sizes=(56, 7, 7, 7)), 0, [224]).iloc[0]
    assert row["window_macs"] == row["global_macs"]


def test_an_illegal_side_is_refused() -> None:
    with pytest.raises(ValueError, match="img_size"):
        compare_with_global(TINY, 0, [0])
