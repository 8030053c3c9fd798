"""Where maps lie: exactly as wide as their figure, with a colour bar of the same length."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from explorer.charts.grid import MapGrid, map_axes
from explorer.charts.maps import Panel, map_row

PICTURE = np.zeros((60, 80, 3), np.uint8)


def plot_px(figure: go.Figure) -> tuple[float, float]:
    """Width and height of what lies within the margins."""
    layout = figure.layout
    return (
        layout.width - layout.margin.l - layout.margin.r,
        layout.height - layout.margin.t - layout.margin.b,
    )


def panels_px(figure: go.Figure) -> list[tuple[float, float]]:
    """Width and height of every panel."""
    width, height = plot_px(figure)
    return [
        ((x.domain[1] - x.domain[0]) * width, (y.domain[1] - y.domain[0]) * height)
        for x, y in zip(figure.select_xaxes(), figure.select_yaxes(), strict=True)
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("aspect", [0.5, 1.0, 4 / 3, 3.0])
def test_panels_have_the_shape_of_their_maps_and_leave_no_width_unused(count: int, aspect: float) -> None:
    grid = MapGrid(count, aspect)
    figure = grid.figure([f"map {index}" for index in range(count)])
    for place in grid.places():
        figure.add_trace(go.Heatmap(z=[[0, 1]]), **place)
    map_axes(figure, (0, 1, 0, aspect))
    grid.style(figure, "Maps")
    sizes = panels_px(figure)
    assert len(sizes) == count
    for width, height in sizes:
        assert height == pytest.approx(width * aspect, rel=0.02)
        assert max(width, height) <= 391
    axes = list(figure.select_xaxes())
    assert min(axis.domain[0] for axis in axes) == 0
    assert max(axis.domain[1] for axis in axes) == pytest.approx(1)  # where the colour bar ends
    assert figure.layout.width <= 820


@pytest.mark.parametrize("branches", [2, 3, 4])
def test_a_picture_and_its_branches_are_large(branches: int) -> None:
    values = np.linspace(0, 1, 64).reshape(8, 8)
    panels = [Panel("picture", np.zeros((64, 64, 3), np.uint8)), *(Panel(f"{b}", values, b) for b in range(branches))]
    figure = map_row(panels, (64, 64), "Maps", signed=False)
    assert all(width >= 240 for width, _ in panels_px(figure))
    assert figure.layout.width >= 0.95 * 820
    bar = figure.layout.coloraxis.colorbar
    assert (bar.orientation, bar.lenmode, bar.len, bar.xpad, bar.x) == ("h", "fraction", 1, 0, 0.5)


def test_all_panels_zoom_together() -> None:
    panels = [Panel("picture", PICTURE), Panel("a", np.eye(3), 0), Panel("b", np.eye(3), 1), Panel("c", np.eye(3), 2)]
    figure = map_row(panels, (60, 80), "Maps", signed=False)
    for x, y in zip(figure.select_xaxes(), figure.select_yaxes(), strict=True):
        assert (x.matches, y.matches) == ("x", "y")
        assert y.scaleanchor == y.anchor
        assert (tuple(x.range), tuple(y.range)) == ((-0.5, 79.5), (59.5, -0.5))


def test_each_panel_has_a_corner_to_click_that_is_large_enough_and_lies_inside() -> None:
    panels = [Panel("picture", PICTURE), Panel("1/4 branch · 8 x 3 x 3", np.eye(3), 0)]
    figure = map_row(panels, (60, 80), "Maps", signed=False)
    corners = [trace for trace in figure.data if trace.name == "enlarge"]
    assert [corner.customdata for corner in corners] == [(0,), (1,)]
    assert "Enlarge: 1/4 branch<" in corners[1].hovertemplate
    (width, height), *_ = panels_px(figure)
    for corner in corners:
        half = corner.marker.size / 2
        assert corner.marker.size >= 24  # https://www.w3.org/TR/WCAG22/#target-size-minimum
        assert half < (79.5 - corner.x[0]) * width / 80 < 2 * half
        assert half < (corner.y[0] + 0.5) * height / 60 < 2 * half


def test_an_enlarged_map_keeps_the_scale_of_all() -> None:
    panels = [Panel("picture", PICTURE), Panel("a", np.full((2, 2), 5.0), 0), Panel("b", np.full((2, 2), -7.0), 1)]
    together = map_row(panels, (60, 80), "Maps", signed=True)
    alone = map_row(panels, (60, 80), "Maps", signed=True, only=1)
    assert [trace.type for trace in alone.data] == ["heatmap"]
    assert alone.layout.coloraxis.cmin == together.layout.coloraxis.cmin == -7
    assert alone.layout.coloraxis.cmax == together.layout.coloraxis.cmax == 7
    assert panels_px(alone)[0][0] > 2 * panels_px(together)[0][0]
