"""What the sidebar's sliders offer is legal, wherever they are moved."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from explorer.ui.explore.controls import legal_channels, legal_heads
from hrformer import HRFormerConfig, preset
from hrformer.config import NUM_BRANCHES
from tests.variants import accepted_variants

TIGHT = preset("tiny", num_heads=(31, 29, 1, 1), channels=(899, 1798, 3596, 7192))
NARROW = preset("tiny", channels=(12, 24, 48, 96), mlp_ratios=(0.05, 4, 4, 4))


def places(config: HRFormerConfig, branches: list[int], most: int) -> list[int]:
    low, high, step = legal_channels(config, branches, most)
    return [*range(low, high, step), high]


def with_channels(config: HRFormerConfig, branches: list[int], value: int) -> HRFormerConfig:
    channels = list(config.channels)
    for branch in branches:
        channels[branch] = value * 2 ** (branch - branches[0])
    return replace(config, channels=tuple(channels))


@settings(deadline=None, max_examples=60)
@given(accepted_variants(), st.integers(0, NUM_BRANCHES - 1), st.sampled_from([128, 1024]))
@example(NARROW, 0, 128)
def test_every_place_of_one_branchs_channels_is_legal(config: HRFormerConfig, branch: int, most: int) -> None:
    offered = places(config, [branch], most)
    assert config.channels[branch] in offered
    assert [with_channels(config, [branch], value).channels[branch] for value in offered] == offered


@settings(deadline=None, max_examples=60)
@given(accepted_variants(), st.integers(1, 8))
@example(TIGHT, 1)
@example(NARROW, 1)
def test_every_place_of_all_branches_channels_is_legal(config: HRFormerConfig, times: int) -> None:
    branches = list(range(NUM_BRANCHES))
    first = config.channels[0] if config in (TIGHT, NARROW) else 24 * times  # 1 to 4 heads divide 24 and its doubles
    try:
        config = with_channels(config, branches, first)
    except ValueError:  # the least ratios leave no hidden channel
        return
    offered = places(config, branches, max(128, first))
    assert first in offered
    assert [with_channels(config, branches, value).channels[0] for value in offered] == offered


def test_the_fewest_channels_leave_a_hidden_one() -> None:
    assert legal_channels(NARROW, [0], 128)[0] == 11  # 0.05 of ten rounds to none, of eleven to one
    assert legal_channels(NARROW, [1], 128)[0] == 4


def test_the_most_channels_are_within_the_limit_in_the_lowest_branch() -> None:
    assert legal_channels(TIGHT, list(range(4)), 899) == (899, 899, 899)


@pytest.mark.parametrize("branches", [[0], [3], [0, 1, 2, 3]])
def test_every_choice_of_heads_is_legal(branches: list[int]) -> None:
    config = preset("tiny")
    for heads in legal_heads(config, branches, 16):
        values = list(config.num_heads)
        for branch in branches:
            values[branch] = heads * 2 ** (branch - branches[0])
        assert replace(config, num_heads=tuple(values)).num_heads[branches[0]] == heads
