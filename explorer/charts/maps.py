"""Maps of branches as heat maps or colours, in the picture's pixel coordinates so that all zoom together."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image

from explorer.charts.grid import LARGEST_PX, MapGrid, map_axes
from explorer.charts.theme import DIVERGING_SCALE, SEQUENTIAL_SCALE, branch_colour, colour_bar

#: Side of the corner that enlarges a panel; less than 24 pixels is hard to hit.
_CORNER_PX = 24
_ENLARGED_PX = 600


@dataclass(frozen=True)
class Panel:
    """One picture in a row.

    Attributes:
        title: Short name above it.
        values: (H, W) for a heat map, (H, W, 3) uint8 for colours.
        branch: Whose colour frames it; None for the photograph.
        note: What the hover text says of it, such as "channel 3".
    """

    title: str
    values: NDArray[Any]
    branch: int | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """The title without what stands after it, in one line."""
        return self.title.split(" · ")[0].replace("<br>", " ")


def map_row(
    panels: Sequence[Panel],
    img_size: tuple[int, int],
    title: str,
    *,
    signed: bool,
    only: int | None = None,
    beside: Sequence[Panel] = (),
    mark: tuple[float, float] | None = None,
) -> go.Figure:
    """Panels side by side; heat maps share one colour scale, and all panels zoom together.

    The corner of each panel can be clicked, to enlarge it: its point carries the panel's index as customdata.

    Args:
        panels: What to show, the photograph first.
        img_size: (height, width) of the picture in pixels, to which all panels are scaled.
        title: What the figure says.
        signed: Whether values are signed; the scale is then symmetric around zero.
        only: Index of the one panel to show, large and on the scale of all; None shows all.
        beside: Panels of another figure, with which the heat maps share their scale.
        mark: Shares of the height and of the width at which a place is marked in every panel.
    """
    height, width = img_size
    shown = panels if only is None else [panels[only]]
    titles = [panel.title.replace(" · ", "<br>") for panel in shown]  # in one line they overlap on a narrow screen
    scale = _colour_axis([*panels, *beside], signed=signed)
    grid = MapGrid(
        count=len(shown),
        aspect=height / width,
        title_lines=max(text.count("<br>") for text in titles) + 1,
        has_bar=any(panel.values.ndim == 2 for panel in shown),
        largest_px=LARGEST_PX if only is None else _ENLARGED_PX,
    )
    figure = grid.figure(titles)
    for index, (panel, place) in enumerate(zip(shown, grid.places(), strict=True)):
        figure.add_trace(_trace(panel, img_size), **place)
        _frame(figure, panel, place)
        if mark is not None:
            figure.add_trace(_marked((mark[0] * height - 0.5, mark[1] * width - 0.5)), **place)
        if only is None:
            figure.add_trace(_corner(panel, index, img_size, grid.panel_px), **place)
    map_axes(figure, (-0.5, width - 0.5, -0.5, height - 0.5))
    return grid.style(figure, title, coloraxis=scale, clickmode="event+select", dragmode="zoom")


def _corner(panel: Panel, index: int, img_size: tuple[int, int], panel_px: tuple[float, float]) -> go.Scatter:
    """A plus in the upper right corner: Streamlit reports no click on a heat map or a picture."""
    inset = [_CORNER_PX * 0.65 * pixels / size for pixels, size in zip(img_size, reversed(panel_px), strict=True)]
    as_it_is = {"marker": {"opacity": 1}, "textfont": {"color": "black"}}
    return go.Scatter(
        x=[img_size[1] - 0.5 - inset[1]],
        y=[inset[0] - 0.5],
        customdata=[index],
        mode="markers+text",
        marker={
            "symbol": "square",
            "size": _CORNER_PX,
            "color": "rgba(255,255,255,0.85)",
            "line": {"color": "black", "width": 1},
        },
        text=["+"],
        textfont={"size": 20, "color": "black"},
        selected=as_it_is,
        unselected=as_it_is,
        hovertemplate=f"Enlarge: {panel.name}<extra></extra>",
        showlegend=False,
        name="enlarge",
    )


def _marked(place: tuple[float, float]) -> go.Scatter:
    """White around black: one of them stands out on every map."""
    return go.Scatter(
        x=[place[1]] * 2,
        y=[place[0]] * 2,
        mode="markers",
        marker={"symbol": "square-open", "size": [13, 9], "color": ["white", "black"], "line": {"width": 2}},
        hoverinfo="skip",
        showlegend=False,
        name="chosen place",
    )


def _trace(panel: Panel, img_size: tuple[int, int]) -> go.Image | go.Heatmap:
    rows, columns = panel.values.shape[:2]
    step_y, step_x = img_size[0] / rows, img_size[1] / columns
    # Pixel i is centred on i, so that the hover text's rounding names the pixel in the middle of a value.
    grid = {"x0": (step_x - 1) / 2, "dx": step_x, "y0": (step_y - 1) / 2, "dy": step_y}
    if panel.values.ndim == 3:
        hover = (
            f"{panel.title}{', ' + panel.note if panel.note else ''}: pixel (%{{y:.0f}}, %{{x:.0f}}); {rows}x{columns}"
        )
        return go.Image(source=png_uri(panel.values), hovertemplate=f"{hover}<extra></extra>", **grid)
    return go.Heatmap(
        z=np.round(panel.values, 5),
        **grid,
        coloraxis="coloraxis",
        hovertemplate=f"{panel.title}{', ' + panel.note if panel.note else ''}: %{{z:.3g}} at pixel (%{{y:.0f}}, "
        f"%{{x:.0f}}); map of {rows}x{columns}<extra></extra>",
    )


def _frame(figure: go.Figure, panel: Panel, place: dict[str, int]) -> None:
    """Frame a map in its branch's colour."""
    line = {"color": branch_colour(panel.branch), "width": 3 if panel.branch is not None else 1}
    shape = {"type": "rect", "xref": "x domain", "yref": "y domain", "x0": 0, "x1": 1, "y0": 0, "y1": 1, "line": line}
    figure.add_shape(shape, **place)


def _colour_axis(panels: Sequence[Panel], *, signed: bool) -> dict[str, Any]:
    maps = [panel.values for panel in panels if panel.values.ndim == 2]
    if not maps:
        return {"showscale": False}
    low, high = min(float(values.min()) for values in maps), max(float(values.max()) for values in maps)
    bar = colour_bar("one scale for all maps")
    if not signed:
        return {"colorscale": SEQUENTIAL_SCALE, "cmin": low, "cmax": high, "colorbar": bar}
    largest = max(abs(low), abs(high)) or 1.0
    return {"colorscale": DIVERGING_SCALE, "cmin": -largest, "cmax": largest, "colorbar": bar}


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """A picture as a data URI: far smaller than its values as JSON."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
