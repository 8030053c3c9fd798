"""Positions or pixels of a picture, to click on: Streamlit reports no click on a heat map or a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from explorer.charts.theme import branch_name

#: Points that a browser still handles without delay; of larger maps every second, third, … row and column is offered.
MAX_POINTS = 4096
_PICTURE_HEIGHT_PX = 420
_LEAST_PX = 6


def clickable_points(
    x: ArrayLike, y: ArrayLike, customdata: Sequence[Sequence[object]], *, size_px: float, hovertemplate: str
) -> go.Scatter:
    """Invisible squares, named "positions", that a click or the pointer meets.

    Args:
        x: Of each, in the picture's pixels.
        y: The same.
        customdata: What a click on each hands over; as lists, for a typed array would come back as a dictionary.
        size_px: Side of each on the screen.
        hovertemplate: What each says.
    """
    invisible = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=x,
        y=y,
        customdata=customdata,
        mode="markers",
        marker={"symbol": "square", "opacity": 0, "size": max(_LEAST_PX, size_px)},
        selected=invisible,
        unselected=invisible,
        hovertemplate=f"{hovertemplate}: click to choose it<extra></extra>",
        name="positions",
        showlegend=False,
    )


def add_clickable_positions(figure: go.Figure, size: tuple[int, int], *, branch: int) -> go.Figure:
    """Lay invisible points over a picture whose pixel i is centred on i; each carries (row, column) as customdata.

    Args:
        figure: Shows the picture on axes in pixels.
        size: (height, width) of the branch map.
        branch: Whose positions these are.
    """
    step = offered_step(size)
    rows, columns = np.indices(size)[:, ::step, ::step].reshape(2, -1)
    stride = 4 * 2**branch
    figure.add_trace(
        clickable_points(
            columns * stride,
            rows * stride,
            np.stack([rows, columns], 1).tolist(),
            size_px=_PICTURE_HEIGHT_PX * step // size[0],
            hovertemplate=f"Row %{{customdata[0]}}, column %{{customdata[1]}} of the {branch_name(branch)}, centred on "
            "the pixel in row %{y}, column %{x}",
        )
    )
    return figure.update_layout(clickmode="event+select", dragmode=False)


def add_clickable_pixels(figure: go.Figure, size: tuple[int, int]) -> go.Figure:
    """Lay invisible points over a picture whose pixel i reaches from i to i + 1; each carries its (row, column).

    Args:
        figure: Shows the picture on axes in pixels.
        size: (height, width) of the picture; of a large one every second, third, … pixel can be clicked.
    """
    step = offered_step(size)
    rows, columns = (axis.ravel() for axis in np.indices(size)[:, step // 2 :: step, step // 2 :: step])
    figure.add_trace(
        clickable_points(
            columns + 0.5,
            rows + 0.5,
            np.stack([rows, columns], 1).tolist(),
            size_px=_PICTURE_HEIGHT_PX * step // size[0],
            hovertemplate="Pixel in row %{customdata[0]}, column %{customdata[1]}",
        )
    )
    return figure.update_layout(clickmode="event+select", dragmode=False)


def offered_step(size: tuple[int, int]) -> int:
    """Every how many rows and columns of a map can be offered."""
    step = 1
    while -(-size[0] // step) * -(-size[1] // step) > MAX_POINTS:
        step += 1
    return step
