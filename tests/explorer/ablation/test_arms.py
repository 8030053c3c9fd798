"""Arms: one reference and one thing missing in each other, at every point of the axes."""

from dataclasses import fields, replace

import pytest

from explorer.ablation.arms import MAX_ARMS, Axes, arms_of, put_in_names
from explorer.ablation.switches import SWITCHES, switch_named
from tests.explorer.ablation.examples import TINY

DW_CONV, FUSION = switch_named("dw_conv"), switch_named("fusion")


def test_each_arm_differs_from_its_reference_in_one_field() -> None:
    arms = arms_of(TINY, SWITCHES)
    assert [arm.name for arm in arms][:2] == ["reference", "without DW conv"]
    assert arms[0].config == TINY
    for arm in arms[1:]:
        differing = [f.name for f in fields(TINY) if getattr(arm.config, f.name) != getattr(arm.reference, f.name)]
        assert len(differing) == 1


def test_axes_are_crossed_and_each_point_has_a_reference_of_its_own() -> None:
    arms = arms_of(TINY, [DW_CONV], Axes(window_sizes=(2, 4), num_heads=(1,), mlp_ratios=(1.5,)))
    assert [arm.label for arm in arms] == [
        "reference · K 2, H 1, R 1.5",
        "without DW conv · K 2, H 1, R 1.5",
        "reference · K 4, H 1, R 1.5",
        "without DW conv · K 4, H 1, R 1.5",
    ]
    assert arms[0].config.window_sizes == (2, 2, 2, 2)
    assert arms[0].config.num_heads == (1, 2, 4, 8)
    assert arms[3].reference == arms[2].config


def test_what_the_variant_lacks_is_put_into_the_reference_and_named() -> None:
    lacking = replace(TINY, dw_conv=False)
    arms = arms_of(lacking, [DW_CONV, FUSION])
    assert arms[0].config == TINY
    assert arms[1].config == lacking
    assert put_in_names(lacking, [DW_CONV, FUSION]) == ["3x3 depth-wise convolution"]
    assert put_in_names(TINY, SWITCHES) == []


@pytest.mark.parametrize(
    ("switches", "axes", "words"),
    [
        ([], Axes(), "choose at least one"),
        ([DW_CONV], Axes(num_heads=(3,)), "nearest legal value is"),
        ([DW_CONV], Axes(window_sizes=(129,)), "128"),
        (list(SWITCHES), Axes(window_sizes=(2, 3, 4, 5, 6)), f"at most {MAX_ARMS}"),
        ([DW_CONV], Axes(window_sizes=tuple(range(1, 10)), mlp_ratios=(1.0, 2.0, 3.0)), f"more than {MAX_ARMS}"),
    ],
)
def test_what_cannot_be_compared_is_refused(switches: list, axes: Axes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        arms_of(TINY, switches, axes)
