"""Maps beside and below each other, sized in pixels: they fill their figure, and a colour bar is as long as their row.

A server does not know how wide a page is. A figure is therefore as wide as a page (or half of one) on a screen of 1440
pixels at most, and as high as its maps are then; where it gets less, the maps shrink and the colour bar with them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explorer.charts.theme import COLOUR_BAR_PX, MODE_BAR_PX, PAGE_PX, TITLE_TOP_PX, style

#: Left, right, top and bottom of what a panel shows.
Extent = tuple[float, float, float, float]

#: Maps of a page lie in rows of three, so that they have the same size whatever the number of branches.
_COLUMNS = 3
#: Most that a panel takes: half of a page.
LARGEST_PX = 390
_GAP_PX = 12
_TITLE_LINE_PX = 17
_EDGE_PX = 4


@dataclass(frozen=True)
class MapGrid:
    """Where panels of one shape lie in a figure.

    Attributes:
        count: Number of panels.
        aspect: Height of a panel over its width.
        columns: Panels in a row.
        width_px: Most that the figure takes.
        largest_px: Most that a side of a panel takes.
        title_lines: Lines of text above each panel.
        has_bar: Whether a colour bar lies below.
        left_px: Room for what stands left of the panels.
        below_px: The same below, above the colour bar.
    """

    count: int
    aspect: float
    columns: int = _COLUMNS
    width_px: int = PAGE_PX
    largest_px: int = LARGEST_PX
    title_lines: int = 1
    has_bar: bool = True
    left_px: int = _EDGE_PX
    below_px: int = _EDGE_PX

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        columns = min(self.count, self.columns)
        return math.ceil(self.count / columns), columns

    @property
    def panel_px(self) -> tuple[float, float]:
        """Width and height of a panel."""
        columns = self.shape[1]
        room = (self.width_px - self.left_px - MODE_BAR_PX - (columns - 1) * self._gap_px) / columns
        width = min(room, self.largest_px, self.largest_px / self.aspect)
        return width, width * self.aspect

    @property
    def _gap_px(self) -> int:
        """Between two columns: there, too, what stands left of a panel has its place."""
        return max(self.left_px, _GAP_PX)

    @property
    def _title_px(self) -> int:
        return self.title_lines * _TITLE_LINE_PX + _EDGE_PX * bool(self.title_lines)

    @property
    def _area_px(self) -> tuple[float, float]:
        """Width and height of all panels with what lies between them."""
        (rows, columns), (width, height) = self.shape, self.panel_px
        between = self._title_px + _GAP_PX
        return columns * width + (columns - 1) * self._gap_px, rows * height + (rows - 1) * between

    def places(self) -> list[dict[str, int]]:
        """Row and column of each panel, from 1, as Plotly takes them."""
        columns = self.shape[1]
        return [{"row": index // columns + 1, "col": index % columns + 1} for index in range(self.count)]

    def figure(self, titles: Sequence[str]) -> go.Figure:
        """Empty panels with their titles, which stay at the panels where these get less room."""
        (rows, columns), (width, height) = self.shape, self._area_px
        cells: list[list[dict[str, Any] | None]] = [
            [{} if row * columns + column < self.count else None for column in range(columns)] for row in range(rows)
        ]
        figure = make_subplots(
            rows,
            columns,
            specs=cells,
            horizontal_spacing=self._gap_px / width if columns > 1 else 0,
            vertical_spacing=(self._title_px + _GAP_PX) / height if rows > 1 else 0,
        )
        for number, title in enumerate(titles, start=1):
            axis = number if number > 1 else ""
            figure.add_annotation(
                text=title,
                x=0.5,
                y=1,
                xref=f"x{axis} domain",
                yref=f"y{axis} domain",
                yanchor="bottom",
                showarrow=False,
            )
        return figure

    def style(self, figure: go.Figure, title: str, **layout: Any) -> go.Figure:
        """The figure in its size, as `explorer.charts.theme.style`."""
        width, height = self._area_px
        margin = {
            "l": self.left_px,
            "r": MODE_BAR_PX,
            "t": TITLE_TOP_PX + self._title_px,
            "b": self.below_px + COLOUR_BAR_PX * self.has_bar,
        }
        return style(
            figure,
            title,
            width=math.ceil(width) + margin["l"] + margin["r"],
            height=math.ceil(height) + margin["t"] + margin["b"],
            margin=margin,
            **layout,
        )


def map_axes(figure: go.Figure, extent: Extent) -> None:
    """Axes of equal scale without ticks, rows downwards; all panels show the same part and zoom together."""
    left, right, top, bottom = extent
    hidden = {"showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False, "constrain": "domain"}
    figure.update_xaxes(**hidden, matches="x", range=[left, right])
    figure.update_yaxes(**hidden, matches="y", range=[bottom, top], constraintoward="top")
    square_cells(figure)


def square_cells(figure: go.Figure) -> None:
    """Make a step as long downwards as to the right."""
    for axis in figure.select_yaxes():
        axis.scaleanchor = axis.anchor or "x"
