"""The diagram to click on: every part once, none hidden by another, and taken out seen without colour."""

import itertools
import math

import plotly.graph_objects as go
import pytest

from explorer.ablation.parts import parts_of
from explorer.charts.diagram_parts import PartLook, Worths, parts_diagram
from explorer.charts.theme import PAGE_PX
from explorer.ui.explore.architecture import describe_network
from hrformer import HRFormerConfig, preset
from tests.variants import tiny

#: With two modules in stage 4 and two blocks each.
VARIANT = tiny(num_modules=(1, 1, 1, 2), num_blocks=(2, 2, 1, 2))


def keys_of(config: HRFormerConfig) -> list[str]:
    return [part.text for part in parts_of(config, ["branch", "block", "arrow"])]


def drawn(config: HRFormerConfig = VARIANT, worths: Worths | None = None, **looks: PartLook) -> go.Figure:
    all_looks = {key: PartLook(f"says {key}") for key in keys_of(config)} | looks
    return parts_diagram(describe_network(config), all_looks, "title", worths=worths)


def points(figure: go.Figure) -> dict[str, tuple[float, float, float, str]]:
    """Key to column, row, size in pixels and symbol."""
    found = {}
    for trace in figure.data:
        if trace.customdata is None:
            continue
        for index, key in enumerate(trace.customdata):
            size, symbol = trace.marker.size, trace.marker.symbol
            found[key] = (trace.x[index], trace.y[index], size, symbol if isinstance(symbol, str) else symbol[index])
    return found


def test_every_part_can_be_clicked_once() -> None:
    figure = drawn()
    clickable = [key for trace in figure.data if trace.customdata is not None for key in trace.customdata]
    assert sorted(clickable) == sorted(keys_of(VARIANT))
    assert [trace.hovertext[0] for trace in figure.data if trace.customdata is not None][-1].startswith(
        "says block:1.0"
    )


@pytest.mark.parametrize("config", [VARIANT, preset("tiny"), preset("base")])
def test_no_two_marks_lie_on_each_other_on_a_page(config: HRFormerConfig) -> None:
    figure = drawn(config)
    low, high = figure.layout.xaxis.range
    column_px = (PAGE_PX - 70) / (high - low)
    rows = abs(figure.layout.yaxis.range[1] - figure.layout.yaxis.range[0])
    row_px = (figure.layout.height - 48) / rows
    places = points(figure)
    arrows = {key: place for key, place in places.items() if key.startswith("arrow")}
    for (first, one), (second, other) in itertools.combinations(arrows.items(), 2):
        distance = math.hypot((one[0] - other[0]) * column_px, (one[1] - other[1]) * row_px)
        assert distance >= 0.85 * one[2], (first, second)


def test_what_is_taken_out_is_crossed_and_what_holds_something_taken_out_is_hatched() -> None:
    figure = drawn(
        **{
            "arrow:4.0.1.0": PartLook("", "whole"),
            "branch:3": PartLook("", "whole"),
            "block:2.0.0.1": PartLook("", "whole"),
            "block:3.0.2.0": PartLook("", "inside"),
        }
    )
    symbols = {key: symbol for key, (_, _, _, symbol) in points(figure).items()}
    assert [key for key, symbol in symbols.items() if symbol == "x"] == ["arrow:4.0.1.0", "branch:3"]
    bars = [trace for trace in figure.data if trace.type == "bar"]
    shapes = [shape for trace in bars for shape in trace.marker.pattern.shape or ()]
    assert sorted(shape for shape in shapes if shape) == ["/", "x"]
    dotted = [trace for trace in figure.data if trace.type == "scatter" and trace.line.dash == "dot"]
    assert [(trace.y[0], trace.y[1]) for trace in dotted] == [(1, 0)]


def test_worth_is_on_one_scale_and_several_values_share_a_box() -> None:
    worths = Worths("what mIoU loses without it", signed=True)
    figure = drawn(worths=worths, **{"block:3.0.2.0": PartLook("", worth=(0.3, -0.1))})
    axis = figure.layout.coloraxis
    assert (axis.cmin, axis.cmax) == (-0.3, 0.3)
    fills = [trace for trace in figure.data if trace.type == "bar" and trace.marker.coloraxis]
    assert [list(trace.marker.color) for trace in fills] == [[0.3, -0.1]]
    box = points(figure)["block:3.0.2.0"]
    assert sum(fills[0].x) / 2 == pytest.approx(box[0])
    assert fills[0].x[0] < fills[0].x[1]


def test_unsigned_worth_begins_at_zero() -> None:
    axis = drawn(worths=Worths("", signed=False), **{"branch:0": PartLook("", worth=(0.3,))}).layout.coloraxis
    assert (axis.cmin, axis.cmax) == (0, 0.3)
