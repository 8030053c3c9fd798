"""The picture as the ground of an overlay, and attribution laid over it."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer.charts.grid import Extent, MapGrid, map_axes
from explorer.charts.maps import png_uri
from explorer.charts.theme import DIVERGING_SCALE, SEQUENTIAL_SCALE, colour_bar

#: Percentile of the magnitudes at which the scale ends, so that a few pixels do not leave all others colourless.
SCALE_PERCENTILE = 99.5
_FIGURE_PX = 480
#: Colours of a frame, the outer or lower one first.
_FRAME = ("black", "white")


def picture_trace(picture: NDArray[np.uint8], size: tuple[int, int] | None = None) -> go.Image:
    """The picture, (H, W, 3), from (0, 0) to (W, H): pixel i reaches from i to i + 1.

    Args:
        picture: To be drawn.
        size: (height, width) that it stands for, where it is a smaller copy.
    """
    height, width = size or picture.shape[:2]
    dx, dy = width / picture.shape[1], height / picture.shape[0]
    return go.Image(source=png_uri(picture), x0=dx / 2, y0=dy / 2, dx=dx, dy=dy, hoverinfo="skip", name="picture")


def picture_figure(
    picture: NDArray[np.uint8], extent: Extent | None = None, size: tuple[int, int] | None = None
) -> go.Figure:
    """The picture, (H, W, 3), or what `extent` tells, in pixels, rows downwards; further traces lie over it.

    Args:
        picture: To be drawn.
        extent: What is shown, if not the picture alone.
        size: As of `picture_trace`.
    """
    height, width = size or picture.shape[:2]
    figure = go.Figure(picture_trace(picture, size))
    map_axes(figure, extent or (0, width, 0, height))
    return figure


def attribution_overlay(
    picture: NDArray[np.uint8],
    values: NDArray[np.floating[Any]],
    title: str,
    *,
    opacity: float,
    signed: bool,
    quantity: str,
) -> go.Figure:
    """How much each pixel speaks for an output, over the picture.

    Args:
        picture: (H, W, 3).
        values: (H, W).
        title: What the figure says.
        opacity: Of the overlay, 0 (picture alone) to 1 (values alone).
        signed: Whether pixels can speak against it; the scale is then symmetric around zero.
        quantity: What the values are, for scale and hover text, such as "fall of the logit".
    """
    limit = float(np.percentile(np.abs(values), SCALE_PERCENTILE)) or float(np.abs(values).max()) or 1.0
    figure = picture_figure(picture)
    figure.add_trace(
        go.Heatmap(
            z=values.astype(np.float32),
            x0=0.5,
            dx=1,
            y0=0.5,
            dy=1,
            zmin=-limit if signed else 0,
            zmax=limit,
            colorscale=DIVERGING_SCALE if signed else SEQUENTIAL_SCALE,
            opacity=opacity,
            colorbar=colour_bar(quantity) | {"exponentformat": "e"},
            hovertemplate=f"{quantity} %{{z:.3g}} at pixel (%{{y:.0f}}, %{{x:.0f}})<extra></extra>",
        )
    )
    grid = MapGrid(
        count=1, aspect=picture.shape[0] / picture.shape[1], width_px=_FIGURE_PX, largest_px=_FIGURE_PX, title_lines=0
    )
    return grid.style(figure, title)


def mark_pixel(figure: go.Figure, pixel: tuple[int, int]) -> None:
    """Put a frame around the pixel in (row, column), light on dark, so that it is seen on any colour."""
    figure.add_trace(
        go.Scatter(
            x=[pixel[1] + 0.5] * 2,
            y=[pixel[0] + 0.5] * 2,
            mode="markers",
            marker={"symbol": "square-open", "size": [14, 11], "color": list(_FRAME), "line": {"width": 2.5}},
            hoverinfo="skip",
            showlegend=False,
            name="chosen pixel",
        )
    )


def mark_box(figure: go.Figure, corner: tuple[int, int], size: tuple[int, int]) -> None:
    """Frame the box of (height, width) whose first pixel is `corner`, (row, column)."""
    for colour, width in zip(_FRAME, (5, 2), strict=True):
        figure.add_shape(
            type="rect",
            x0=corner[1],
            y0=corner[0],
            x1=corner[1] + size[1],
            y1=corner[0] + size[0],
            line={"color": colour, "width": width},
        )
