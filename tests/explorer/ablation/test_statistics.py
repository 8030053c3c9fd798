"""Paired differences against hand-computed intervals, and sentences that claim no more than the numbers do."""

import pytest

from explorer.ablation.statistics import (
    PairedDifference,
    arms_sentence,
    border_finding,
    border_gap_difference,
    finding,
    mixing_finding,
    paired_difference,
)
from tests.explorer.ablation.tiny import example_training


def trainings(**arms: list[float]) -> list:
    return [
        example_training(arm.removeprefix("arm_"), seed, miou)
        for arm, values in arms.items()
        for seed, miou in enumerate(values)
    ]


def test_the_interval_is_students() -> None:
    difference = paired_difference(trainings(arm_3x3=[0.57, 0.48, 0.49], arm_none=[0.5, 0.4, 0.4]), "3x3", "none")
    assert difference is not None
    # differences 0.07, 0.08, 0.09: mean 0.08, deviation 0.01; t(0.975, 2) = 4.3027; half = 4.3027 * 0.01 / sqrt(3)
    assert difference.differences == pytest.approx((0.07, 0.08, 0.09))
    assert difference.mean == pytest.approx(0.08)
    assert (difference.low, difference.high) == pytest.approx((0.08 - 0.024842, 0.08 + 0.024842), abs=1e-5)
    assert difference.is_clear


def test_only_seeds_of_both_arms_count_and_the_last_of_a_pair() -> None:
    records = [
        example_training("3x3", 0, 0.1),
        example_training("3x3", 0, 0.6),
        example_training("none", 0, 0.5),
        example_training("none", 7, 0.9),
    ]
    difference = paired_difference(records, "3x3", "none")
    assert difference is not None
    assert difference.seeds == (0,)
    assert difference.mean == pytest.approx(0.1)
    assert difference.low is None
    assert "One seed cannot tell an effect from chance" in finding(difference)
    assert paired_difference(records, "3x3", "1x1") is None


def test_a_clear_difference_is_said_at_equal_steps() -> None:
    sentence = finding(
        paired_difference(trainings(arm_3x3=[0.57, 0.48, 0.49], arm_none=[0.5, 0.4, 0.4]), "3x3", "none")
    )
    assert "mIoU is 0.080 higher than with no convolution at equal steps (600)" in sentence
    assert "95 % interval [+0.055, +0.105], 3 seeds, paired" in sentence
    assert "longer training" in sentence


def test_nothing_is_said_where_nothing_shows() -> None:
    sentence = finding(paired_difference(trainings(arm_3x3=[0.5, 0.6, 0.4], arm_none=[0.45, 0.4, 0.5]), "3x3", "none"))
    assert sentence.startswith("No difference is shown")
    assert "zero lies within" in sentence


def test_each_arms_mean_is_over_the_seeds_that_all_have() -> None:
    records = trainings(arm_3x3=[0.6, 0.5, 0.9], arm_none=[0.4, 0.5], arm_1x1=[0.5, 0.42])
    assert arms_sentence(records) == (
        "Test mIoU, mean of 2 seeds: 0.550 with the 3x3 depth-wise convolution, 0.450 with no convolution, 0.460 with "
        "the 1x1 control."
    )
    assert arms_sentence(trainings(arm_none=[0.4])) == "Test mIoU, one seed: 0.400 with no convolution."


def test_a_short_training_is_warned_of() -> None:
    records = [
        example_training(arm, seed, 0.2 + 0.1 * (arm == "3x3") + 0.001 * seed, steps=100)
        for arm in ("3x3", "none")
        for seed in (0, 1)
    ]
    assert "Below 300 steps the sign means little" in finding(paired_difference(records, "3x3", "none"))


def test_mixing_is_told_from_one_more_non_linearity() -> None:
    with_, without = [0.57, 0.58, 0.59], [0.5, 0.501, 0.499]
    assert mixing_finding(trainings(arm_3x3=with_, arm_none=without)) is None
    apart = mixing_finding(trainings(arm_3x3=with_, arm_none=without, arm_1x1=[0.5, 0.49, 0.52]))
    assert "the effect comes from mixing positions" in apart
    partly = mixing_finding(trainings(arm_3x3=[0.6, 0.61, 0.59], arm_none=without, arm_1x1=[0.57, 0.575, 0.568]))
    assert "only part of the difference comes from mixing positions" in partly
    beyond = mixing_finding(trainings(arm_3x3=[0.6, 0.61, 0.59], arm_none=without, arm_1x1=[0.45, 0.452, 0.449]))
    assert "0.050 below having neither: all of the difference comes from mixing positions" in beyond
    alike = mixing_finding(trainings(arm_3x3=with_, arm_none=without, arm_1x1=[0.58, 0.57, 0.6]))
    assert "may explain the effect" in alike
    open_ = mixing_finding(trainings(arm_3x3=with_, arm_none=[0.4, 0.9, 0.5], arm_1x1=[0.5, 0.49, 0.52]))
    assert "stays open" in open_


def test_the_border_gap_is_the_gain_near_borders_beyond_the_gain_away() -> None:
    records = [example_training("3x3", seed, near_border_accuracy=0.80, away_accuracy=0.82) for seed in (0, 1)] + [
        example_training("none", seed, near_border_accuracy=0.70 + 0.01 * seed, away_accuracy=0.80) for seed in (0, 1)
    ]
    gap = border_gap_difference(records, "3x3", "none")
    assert gap.differences == pytest.approx((0.08, 0.07))


def test_trainings_of_two_recipes_are_not_compared() -> None:
    other = example_training("none", recipe={"steps": 5})
    with pytest.raises(ValueError, match="compare those of one recipe and variant"):
        paired_difference([example_training(), other], "3x3", "none")


def border_trainings(gains: list[float]) -> list:
    return [
        example_training(arm, seed, near_border_accuracy=0.7 + gain * (arm == "3x3"), away_accuracy=0.7)
        for seed, gain in enumerate(gains)
        for arm in ("3x3", "none")
    ]


def test_a_larger_gain_near_borders_is_said_only_where_it_shows() -> None:
    assert "is 0.060 larger near window borders" in border_finding(border_trainings([0.06, 0.061, 0.059]))
    assert "is not shown: +0.010" in border_finding(border_trainings([0.06, -0.06, 0.03]))
    assert border_finding(border_trainings([0.06])) is None


def test_what_rounds_to_zero_has_no_minus():
    nothing = PairedDifference("1x1", "none", "miou", 600, (0, 1), (-0.0001, -0.0001), -0.0001, -0.0002, 0.0002)
    assert "-0.000" not in finding(nothing)
    assert "is +0.000 at equal steps (600), 95 % interval [+0.000, +0.000]" in finding(nothing)
