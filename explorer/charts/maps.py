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
from plotly.subplots import make_subplots

from explorer.charts.theme import DIVERGING_SCALE, SEQUENTIAL_SCALE, branch_colour, style


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


def map_row(
    panels: Sequence[Panel], img_size: tuple[int, int], title: str, *, signed: bool, beside: Sequence[Panel] = ()
) -> go.Figure:
    """Panels side by side; heat maps share one colour scale, and all panels zoom together.

    Args:
        panels: What to show, the photograph first.
        img_size: (height, width) of the picture in pixels, to which all panels are scaled.
        title: What the figure says.
        signed: Whether values are signed; the scale is then symmetric around zero.
        beside: Panels of another figure, with which the heat maps share their scale.
    """
    titles = [panel.title.replace(" · ", "<br>") for panel in panels]  # in one line they overlap on a narrow screen
    figure = make_subplots(1, len(panels), subplot_titles=titles, horizontal_spacing=0.012)
    height, width = img_size
    for column, panel in enumerate(panels, start=1):
        figure.add_trace(_trace(panel, img_size), row=1, col=column)
        _frame(figure, panel, column)
    first = {"matches": "x", "range": [-0.5, width - 0.5], "constrain": "domain"}
    figure.update_xaxes(showticklabels=False, ticks="", showgrid=False, zeroline=False, **first)
    figure.update_yaxes(
        showticklabels=False,
        ticks="",
        showgrid=False,
        zeroline=False,
        matches="y",
        range=[height - 0.5, -0.5],
        constrain="domain",
    )
    for column in range(1, len(panels) + 1):
        suffix = "" if column == 1 else str(column)
        figure.update_yaxes(scaleanchor=f"x{suffix}", row=1, col=column)
    figure.update_annotations(font={"size": 12})
    return style(
        figure,
        title,
        height=_row_height(len(panels), img_size),
        coloraxis=_colour_axis([*panels, *beside], signed=signed),
        margin={"l": 6, "r": 6, "t": 84, "b": 6},
    )


def _row_height(panels: int, img_size: tuple[int, int]) -> int:
    """Height at which panels of a 1,000 pixel wide row keep the picture's aspect."""
    return round(min(520, 1000 / max(panels, 2) * img_size[0] / img_size[1])) + 90


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


def _frame(figure: go.Figure, panel: Panel, column: int) -> None:
    """Frame a map in its branch's colour."""
    line = {"color": branch_colour(panel.branch), "width": 3 if panel.branch is not None else 1}
    shape = {"type": "rect", "xref": "x domain", "yref": "y domain", "x0": 0, "x1": 1, "y0": 0, "y1": 1, "line": line}
    figure.add_shape(shape, row=1, col=column)


def _colour_axis(panels: Sequence[Panel], *, signed: bool) -> dict[str, Any]:
    maps = [panel.values for panel in panels if panel.values.ndim == 2]
    if not maps:
        return {"showscale": False}
    low, high = min(float(values.min()) for values in maps), max(float(values.max()) for values in maps)
    bar = {"title": {"text": "one scale<br>for all"}, "thickness": 10, "len": 0.9}
    if not signed:
        return {"colorscale": SEQUENTIAL_SCALE, "cmin": low, "cmax": high, "colorbar": bar}
    largest = max(abs(low), abs(high)) or 1.0
    return {"colorscale": DIVERGING_SCALE, "cmin": -largest, "cmax": largest, "colorbar": bar}


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """A picture as a data URI: far smaller than its values as JSON."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
