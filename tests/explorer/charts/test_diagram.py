"""The diagram tells the truth of costs, whatever the theme."""

from __future__ import annotations

from dataclasses import replace

import pytest

from explorer.charts.diagram import MAX_COLUMNS, DiagramBlock, NetworkDiagram, network_diagram
from explorer.charts.theme import BRANCH_COLOURS

NETWORK = NetworkDiagram(
    stem=DiagramBlock("stem", 0.04),
    stage1=[DiagramBlock("bottleneck", 0.16), DiagramBlock("bottleneck", 0.16)],
    blocks=[DiagramBlock(f"block {branch}", share) for branch, share in enumerate((0.09, 0.04, 0.01, 0.0))],
    num_modules=(1, 2, 1),
    num_blocks=(2, 1, 1),
    branch_labels=["1/4", "1/8", "1/16", "1/32"],
    last_targets=4,
    fuses=True,
    head=DiagramBlock("head", 0.08),
    head_inputs=4,
    head_aggregates_down=True,
)

Place = tuple[float, float]


def areas(network: NetworkDiagram) -> dict[Place, tuple[float, float, str, str]]:
    """By the centre of each box: area of its filling and of the box, hover text and colour."""
    filled, boxes = {}, {}
    for bars in (trace for trace in network_diagram(network, "").data if trace.type == "bar"):
        for index, (x, base, height, width) in enumerate(zip(bars.x, bars.base, bars.y, bars.width, strict=True)):
            place = round(x, 6), round(base + height / 2, 6)
            if bars.customdata is None:
                filled[place] = height * width, bars.marker.color
            else:
                boxes[place] = height * width, bars.customdata[index]
    assert filled.keys() == boxes.keys()
    return {place: (filled[place][0], boxes[place][0], boxes[place][1], filled[place][1]) for place in boxes}


def test_the_filled_area_of_a_box_is_its_share_of_the_most_costly_one() -> None:
    share = {"stem": 0.04, "bottleneck": 0.16, "head": 0.08, "block 0": 0.09, "block 1": 0.04, "block 2": 0.01}
    found = areas(NETWORK)
    assert len(found) == 1 + 2 + (2 * 2) + (2 * 3) + 4 + 1
    for filled, whole, hover, _ in found.values():
        assert filled / whole == pytest.approx(share.get(hover, 0) / 0.16)


def test_blocks_of_a_branch_look_alike_because_they_cost_the_same() -> None:
    looks = {(hover, round(filled, 9), colour) for filled, _, hover, colour in areas(NETWORK).values()}
    blocks = {look for look in looks if look[0].startswith("block")}
    assert len(blocks) == 4
    assert {colour for _, _, colour in blocks} == set(BRANCH_COLOURS)  # the branch's own, neither lighter nor darker


def test_a_box_for_many_blocks_costs_as_many_times() -> None:
    deep = replace(NETWORK, num_blocks=(2, MAX_COLUMNS, 1), stage1=[DiagramBlock("bottleneck", 0.01)])
    found = areas(deep)
    stage2 = next(filled for filled, _, hover, _ in found.values() if hover == "block 0")
    largest = max(filled for filled, _, hover, _ in found.values() if hover == "block 0")
    assert largest / stage2 == pytest.approx(MAX_COLUMNS / 2)
    notes = [note.text for note in network_diagram(deep, "").layout.annotations]
    assert f"A full box:<br>{0.09 * MAX_COLUMNS * 100:.2g} % of the MACs" in notes


def test_a_note_says_what_a_full_box_costs() -> None:
    notes = [note.text for note in network_diagram(NETWORK, "").layout.annotations]
    assert "A full box:<br>16 % of the MACs" in notes


def test_no_line_runs_through_a_box() -> None:
    boxes = areas(NETWORK)
    for lines in (trace for trace in network_diagram(NETWORK, "").data if trace.type == "scatter"):
        for x0, y0, x1, y1 in zip(lines.x[::3], lines.y[::3], lines.x[1::3], lines.y[1::3], strict=True):
            for step in range(1, 20):  # inside the line
                x, y = x0 + (x1 - x0) * step / 20, y0 + (y1 - y0) * step / 20
                assert not any(abs(x - centre) < 0.3 and abs(y - row) < 0.2 for centre, row in boxes)
