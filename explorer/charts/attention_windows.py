"""A branch's attention windows over the picture, to look at and to click on."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer.charts.attention_colours import AttentionColours, attention_colours
from explorer.charts.attribution import picture_figure
from explorer.charts.grid import Extent, MapGrid
from explorer.charts.theme import HALF_PX, NEUTRAL_COLOUR, branch_colour, branch_name, colour_bar

Values = NDArray[np.floating[Any]]
#: Pixels of the picture from one token of the branch to the next, downwards and to the right.
Step = tuple[float, float]


class Windows(Protocol):
    """How a branch's map is cut into windows; `hrformer.windows.WindowGrid` is one."""

    @property
    def height(self) -> int:
        """Rows of tokens before padding."""

    @property
    def width(self) -> int:
        """Columns of tokens before padding."""

    @property
    def size(self) -> int:
        """K, side of a window in tokens."""

    @property
    def rows(self) -> int:
        """Windows from top to bottom."""

    @property
    def columns(self) -> int:
        """Windows from left to right."""

    @property
    def top(self) -> int:
        """Rows of padding above the map."""

    @property
    def left(self) -> int:
        """Columns of padding left of the map."""


def window_picture(
    picture: NDArray[np.uint8],
    windows: Windows,
    title: str,
    *,
    branch: int,
    position: tuple[int, int] | None = None,
    attention: Values | None = None,
    ratio_limit: float | None = None,
) -> go.Figure:
    """The picture under a branch's window grid, padding hatched beside it; every position can be clicked.

    The last trace, "positions", is invisible: its points carry (row, column) as customdata, because a click on a heat
    map does not reach Streamlit.

    Args:
        picture: (H, W, 3).
        windows: The branch's windows.
        title: What the figure says.
        branch: Whose colour the grid has.
        position: Chosen (row, column) of the branch's map, marked.
        attention: Attention of that position over its window, (K, K), padding included; lights the window up. With a
            limit, its ratio to even attention.
        ratio_limit: As for `explorer.charts.attention_colours.attention_colours`.
    """
    step = picture.shape[0] / windows.height, picture.shape[1] / windows.width  # pixels per token
    extent = _extent(windows, step)
    figure = picture_figure(picture, extent)
    figure.add_trace(_padding(windows, step))
    if position is not None and attention is not None:
        figure.add_trace(_lit_window(windows, step, position, attention_colours(attention, ratio_limit)))
    figure.add_trace(_window_lines(windows, step, branch_colour(branch)))
    if position is not None:
        figure.add_trace(_marked_position(step, position))
    figure.add_trace(_clickable_positions(windows, step, branch))
    left, right, top, bottom = extent
    grid = MapGrid(count=1, aspect=(bottom - top) / (right - left), width_px=HALF_PX, title_lines=0)
    return grid.style(figure, title, clickmode="event+select", dragmode=False, showlegend=False)


def _extent(windows: Windows, step: Step) -> Extent:
    """Left, right, top and bottom of the padded map in pixels of the picture."""
    left, top = -windows.left * step[1], -windows.top * step[0]
    right = left + windows.columns * windows.size * step[1]
    bottom = top + windows.rows * windows.size * step[0]
    return left, right, top, bottom


def _padding(windows: Windows, step: Step) -> go.Scatter:
    """Hatched rectangles left, right, above and below the picture; those without padding are empty."""
    left, right, top, bottom = _extent(windows, step)
    width, height = windows.width * step[1], windows.height * step[0]
    sides = ((left, 0, top, bottom), (width, right, top, bottom), (0, width, top, 0), (0, width, height, bottom))
    x: list[float | None] = []
    y: list[float | None] = []
    for x0, x1, y0, y1 in sides:
        if x1 > x0 and y1 > y0:
            x += [x0, x1, x1, x0, x0, None]
            y += [y0, y0, y1, y1, y0, None]
    hatch = {"shape": "/", "fgcolor": NEUTRAL_COLOUR, "bgcolor": "rgba(138,143,152,0.15)", "size": 6}
    return go.Scatter(
        x=x, y=y, mode="lines", line={"width": 0}, fill="toself", fillpattern=hatch, hoverinfo="skip", name="padding"
    )


def _lit_window(windows: Windows, step: Step, position: tuple[int, int], colours: AttentionColours) -> go.Heatmap:
    window_row = (position[0] + windows.top) // windows.size
    window_column = (position[1] + windows.left) // windows.size
    return go.Heatmap(
        z=colours.z.astype(np.float32),
        x0=(window_column * windows.size - windows.left + 0.5) * step[1],
        dx=step[1],
        y0=(window_row * windows.size - windows.top + 0.5) * step[0],
        dy=step[0],
        colorscale=colours.scale["colorscale"],
        zmin=colours.scale["cmin"],
        zmax=colours.scale["cmax"],
        opacity=0.8,
        colorbar=colour_bar(colours.quantity) | colours.ticks,
        hoverinfo="skip",
        name="attention",
    )


def _window_lines(windows: Windows, step: Step, colour: str) -> go.Scatter:
    left, right, top, bottom = _extent(windows, step)
    x: list[float | None] = []
    y: list[float | None] = []
    for edge in np.linspace(left, right, windows.columns + 1).tolist():
        x += [edge, edge, None]
        y += [top, bottom, None]
    for edge in np.linspace(top, bottom, windows.rows + 1).tolist():
        x += [left, right, None]
        y += [edge, edge, None]
    return go.Scatter(x=x, y=y, mode="lines", line={"color": colour, "width": 1.5}, hoverinfo="skip", name="windows")


def _marked_position(step: Step, position: tuple[int, int]) -> go.Scatter:
    marker = {"symbol": "square-open", "size": 11, "color": "white", "line": {"width": 2.5}}
    return go.Scatter(
        x=[(position[1] + 0.5) * step[1]],
        y=[(position[0] + 0.5) * step[0]],
        mode="markers",
        marker=marker,
        hoverinfo="skip",
        name="chosen position",
    )


def _clickable_positions(windows: Windows, step: Step, branch: int) -> go.Scatter:
    rows, columns = np.indices((windows.height, windows.width)).reshape(2, -1)
    invisible = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=((columns + 0.5) * step[1]).astype(np.float32),
        y=((rows + 0.5) * step[0]).astype(np.float32),
        customdata=np.stack([rows, columns], 1).tolist(),  # a typed array would come back as a dictionary
        mode="markers",
        marker={"opacity": 0, "size": 10},
        selected=invisible,
        unselected=invisible,
        hovertemplate=f"Row %{{customdata[0]}}, column %{{customdata[1]}} of the {branch_name(branch)}<extra></extra>",
        name="positions",
    )
