"""Figures that stand beside each other: one colour scale, one pair of axes."""

import numpy as np
import plotly.graph_objects as go
import pytest

from explorer.charts.maps import Panel, map_row
from explorer.charts.shared_axes import share_axes


@pytest.mark.parametrize(("signed", "expected"), [(False, (-3.0, 9.0)), (True, (-9.0, 9.0))])
def test_rows_of_maps_share_one_scale(signed: bool, expected: tuple[float, float]) -> None:
    first = [Panel("a", np.array([[-3.0, 1.0]])), Panel("picture", np.zeros((4, 4, 3), np.uint8))]
    second = [Panel("b", np.array([[2.0, 9.0]]))]
    for row, other in ((first, second), (second, first)):
        axis = map_row(row, (4, 4), "title", signed=signed, beside=other).layout.coloraxis
        assert (axis.cmin, axis.cmax) == expected


def test_axes_reach_over_the_points_of_both_figures() -> None:
    figures = [go.Figure(go.Scatter(x=[1, 2], y=[10, 20])), go.Figure(go.Scatter(x=[3, 8], y=[1, 40]))]
    share_axes(figures)
    assert figures[0].layout.xaxis.range == figures[1].layout.xaxis.range
    assert figures[0].layout.yaxis.range == figures[1].layout.yaxis.range
    assert figures[0].layout.xaxis.range[0] == 0
    assert figures[0].layout.xaxis.range[1] > 8
    assert figures[0].layout.yaxis.range[1] > 40
