"""Positions or pixels of a picture, to click on: Streamlit reports no click on a heat map or a picture."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from explorer.charts.theme import branch_name

#: Points that a browser still handles without delay; of larger maps every second, third, … row and column is offered.
MAX_POINTS = 4096
_PICTURE_HEIGHT_PX = 420


def add_clickable_positions(figure: go.Figure, size: tuple[int, int], *, branch: int) -> go.Figure:
    """Lay invisible points over a picture whose pixel i is centred on i; each carries (row, column) as customdata.

    Args:
        figure: Shows the picture on axes in pixels.
        size: (height, width) of the branch map.
        branch: Whose positions these are.
    """
    step = _step(size)
    rows, columns = np.indices(size)[:, ::step, ::step].reshape(2, -1)
    stride = 4 * 2**branch
    invisible = {"marker": {"opacity": 0}}
    figure.add_trace(
        go.Scatter(
            x=columns * stride,
            y=rows * stride,
            customdata=np.stack([rows, columns], 1).tolist(),  # a typed array would come back as a dictionary
            mode="markers",
            marker={"symbol": "square", "opacity": 0, "size": max(6, _PICTURE_HEIGHT_PX * step // size[0])},
            selected=invisible,
            unselected=invisible,
            hovertemplate=f"Row %{{customdata[0]}}, column %{{customdata[1]}} of the {branch_name(branch)}, centred on "
            "the pixel in row %{y}, column %{x}: click to choose it<extra></extra>",
            name="positions",
            showlegend=False,
        )
    )
    return figure.update_layout(clickmode="event+select", dragmode=False)


def add_clickable_pixels(figure: go.Figure, size: tuple[int, int]) -> go.Figure:
    """Lay invisible points over a picture whose pixel i reaches from i to i + 1; each carries its (row, column).

    Args:
        figure: Shows the picture on axes in pixels.
        size: (height, width) of the picture; of a large one every second, third, … pixel can be clicked.
    """
    step = _step(size)
    rows, columns = (axis.ravel() for axis in np.indices(size)[:, step // 2 :: step, step // 2 :: step])
    invisible = {"marker": {"opacity": 0}}
    figure.add_trace(
        go.Scatter(
            x=columns + 0.5,
            y=rows + 0.5,
            customdata=np.stack([rows, columns], 1).tolist(),  # a typed array would come back as a dictionary
            mode="markers",
            marker={"symbol": "square", "opacity": 0, "size": max(6, _PICTURE_HEIGHT_PX * step // size[0])},
            selected=invisible,
            unselected=invisible,
            hovertemplate="Pixel in row %{customdata[0]}, column %{customdata[1]}: click to choose it<extra></extra>",
            name="positions",
            showlegend=False,
        )
    )
    return figure.update_layout(clickmode="event+select", dragmode=False)


def _step(size: tuple[int, int]) -> int:
    """Every how many rows and columns can be offered."""
    step = 1
    while -(-size[0] // step) * -(-size[1] // step) > MAX_POINTS:
        step += 1
    return step
