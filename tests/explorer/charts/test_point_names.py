"""Names beside points: boxes computed here by Plotly's own rules, on plots as wide as three screens give."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.charts.point_names import AFTER_LINES, ALL_SIDES, name_sides, padded_range

#: The least width of a character at 11 px in a sans-serif font, half of it, and a line's height.
CHARACTER_PX, LINE_PX, RADIUS_PX = 5.5, 12.0, 5.5
PLOTS_PX = ((300, 240), (560, 320), (720, 320))


def boxes(points, names, sides, ranges, plot_px):
    """Left, top, right, bottom of every point and every name that is written."""
    for (x, y), name, side in zip(points, names, sides, strict=True):
        left, right = (
            plot_px[0] * (x - ranges[0][0]) / (ranges[0][1] - ranges[0][0]) + sign * RADIUS_PX for sign in (-1, 1)
        )
        top, bottom = (
            plot_px[1] * (ranges[1][1] - y) / (ranges[1][1] - ranges[1][0]) + sign * RADIUS_PX for sign in (-1, 1)
        )
        yield "point", (left, top, right, bottom)
        if not side:
            continue
        width = len(name) * CHARACTER_PX
        x_side, y_side = ((left + right - width) / 2, (top + bottom - LINE_PX) / 2)
        x_side = right + 2 if "right" in side else left - 2 - width if "left" in side else x_side
        y_side = top - 2 - LINE_PX if "top" in side else bottom + 2 if "bottom" in side else y_side
        yield "name", (x_side, y_side, x_side + width, y_side + LINE_PX)


def overlap(first, second):
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def placed(points, names, allowed=ALL_SIDES, longest=""):
    x, y = np.array(points, dtype=float).T
    ranges = padded_range(x, longest), padded_range(y)
    return name_sides(x, y, names, *ranges, allowed=allowed), ranges


_places = st.tuples(st.floats(0, 3), st.floats(-1, 2))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(_places, min_size=1, max_size=24))
def test_no_name_covers_another_or_a_point_or_leaves_the_plot(points):
    names = [f"HRFormer-{number:02d}"[: 4 + number % 8] for number in range(len(points))]
    sides, ranges = placed(points, names)
    shown = list(boxes(points, names, sides, ranges, PLOTS_PX[0]))
    for (kind, box), (other_kind, other) in itertools.combinations(shown, 2):
        if "name" in (kind, other_kind):
            assert not overlap(box, other)
    for kind, box in shown:
        assert kind == "point" or (min(box) >= 0 and box[2] <= PLOTS_PX[0][0] and box[3] <= PLOTS_PX[0][1])


def test_every_name_stands_where_there_is_room():
    points = [(x, y) for x in (0, 1, 2) for y in (0, 1, 2)]
    sides, ranges = placed(points, ["HRNet-W48"] * 9)
    assert all(sides)
    for plot_px in PLOTS_PX:  # on a wider screen points only move apart
        shown = list(boxes(points, ["HRNet-W48"] * 9, sides, ranges, plot_px))
        assert not any(overlap(a, b) for (_, a), (_, b) in itertools.combinations(shown, 2))


def test_the_first_of_points_that_coincide_is_named_and_an_empty_name_never():
    sides, _ = placed([(1, 1)] * 12, ["DeiT-B"] * 12)
    assert sides[0]
    assert not all(sides)
    assert placed([(0, 0), (1, 1)], ["", "A"])[0] == ["", "middle right"]


def test_behind_lines_there_is_room_for_the_longest_name():
    points = [(0, 0), (3, 0), (0, 2), (3, 2)]
    names = ["", "HRFormer-B", "", "HRNet-W48"]
    sides, ranges = placed(points, names, AFTER_LINES, "HRFormer-B")
    assert sides == ["", "middle right", "", "middle right"]
    assert ranges[0][1] > 3.5
    assert placed(points, names, AFTER_LINES)[0] == ["", "", "", ""]  # without the room there is none


@pytest.mark.parametrize("values", [[], [float("nan")]])
def test_a_range_without_values_is_one_all_the_same(values):
    assert padded_range(values) == (0, 1)


def test_a_range_of_one_value_has_room_on_both_sides():
    low, high = padded_range([2.0])
    assert low < 2 < high
