"""Two networks in one diagram: which boxes are in both and which in one only."""

from dataclasses import replace

import pytest

from explorer.charts.diagram_overlay import network_overlay
from explorer.ui.explore.architecture import describe_network
from hrformer import HRFormerConfig, preset

TINY = preset("tiny")
BRANCHES = {1: 1, 2: 2, 3: 3, 4: 4}


def boxes(first: HRFormerConfig, second: HRFormerConfig) -> dict[str, int]:
    """How many boxes of each kind are drawn, by the kind's name in the legend."""
    figure = network_overlay(describe_network(first), describe_network(second), ("A", "B"), "title")
    looks = {kind_of(trace): trace.name for trace in figure.data if trace.name}
    counts = dict.fromkeys(looks.values(), 0)
    for trace in figure.data:
        if trace.fill == "toself" and not trace.name:
            counts[looks[kind_of(trace)]] += list(trace.x).count(None)
    return counts


def kind_of(trace) -> tuple[str, str, str | None]:
    """What tells kinds apart beside colour: how full, which outline, whether hatched."""
    return str(trace.fillcolor).rsplit(",", 1)[-1], str(trace.line.dash), trace.fillpattern.shape


def blocks(config: HRFormerConfig) -> int:
    return sum(
        config.num_modules[stage - 1] * config.num_blocks[stage - 1] * branches for stage, branches in BRANCHES.items()
    )


def test_a_network_is_all_alike_with_itself() -> None:
    assert boxes(TINY, TINY) == {"in both, alike": blocks(TINY) + 2}  # stem and head


def test_what_only_one_has_is_counted_by_hand() -> None:
    more = replace(TINY, num_modules=(1, 1, 4, 2), num_blocks=(2, 3, 2, 1))
    # Stage 2: a third block in 2 branches. Stage 3: a fourth module of 2 blocks in 3 branches. Stage 4: one block of 2.
    assert boxes(TINY, more) == {
        "in both, alike": 2 + 2 + 2 * 2 + 3 * 2 * 3 + 2 * 4,
        "only in A": 2 * 4,
        "only in B": 2 + 2 * 3,
    }
    assert boxes(more, TINY)["only in B"] == boxes(TINY, more)["only in A"]


@pytest.mark.parametrize(
    "changes",
    [{"window_sizes": (7, 7, 7, 9)}, {"num_heads": (1, 2, 4, 4)}, {"mlp_ratios": (4, 4, 4, 2)}],
    ids=["K", "H", "R"],
)
def test_blocks_of_a_branch_that_is_set_differently_are_marked(changes: dict) -> None:
    counts = boxes(TINY, replace(TINY, **changes))
    assert counts == {"in both, alike": blocks(TINY) + 2 - 2 * 2, "in both, set differently": 2 * 2}


def test_another_task_has_another_head() -> None:
    counts = boxes(TINY, preset("tiny", "pose"))
    assert counts["only in A"] == counts["only in B"] == 1


def test_no_two_kinds_are_told_apart_by_colour_alone() -> None:
    second = replace(TINY, num_modules=(1, 1, 2, 3), window_sizes=(9, 7, 7, 7))
    figure = network_overlay(describe_network(TINY), describe_network(second), ("A", "B"), "title")
    kinds = [kind_of(trace) for trace in figure.data if trace.name]
    assert len(kinds) == len(set(kinds)) == 4


def test_deep_networks_share_boxes_by_module() -> None:
    deep = replace(TINY, num_blocks=(2, 8, 16, 8))
    counts = boxes(deep, TINY)
    assert counts == {
        "in both, alike": 2 + 2,  # stem, head, bottlenecks
        "in both, set differently": 1 * 2 + 3 * 3 + 2 * 4,
    }


def test_the_pointer_meets_every_box_with_what_both_say_of_it() -> None:
    figure = network_overlay(describe_network(TINY), describe_network(preset("small")), ("<A>", "B"), "title")
    hover = figure.data[-1]
    assert len(hover.x) == blocks(preset("small")) + 2
    assert sum("&lt;A&gt;" in text and "<b>B</b>" in text for text in hover.customdata) == blocks(TINY) + 2


def test_lines_only_end_at_boxes_or_run_on() -> None:
    second = replace(TINY, num_modules=(1, 1, 5, 2), num_blocks=(4, 2, 3, 2))
    figure = network_overlay(describe_network(TINY), describe_network(second), ("A", "B"), "title")
    lines = [trace for trace in figure.data if trace.mode == "lines" and trace.fill is None]
    assert {trace.line.dash for trace in lines} == {"solid", "dot"}
    assert all(start < end for trace in lines for start, end in zip(trace.x[::3], trace.x[1::3], strict=True))
