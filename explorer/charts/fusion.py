"""What each branch adds to each other branch in a fusion, as a matrix and as maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer.charts.maps import Panel
from explorer.charts.theme import (
    COLOUR_BAR_PX,
    DIVERGING_SCALE,
    SEQUENTIAL_SCALE,
    TEXT_PX,
    branch_name,
    colour_bar,
    colours_on_scale,
    readable_on,
    style,
)

Values = NDArray[np.floating[Any]]


def norm_ratio_matrix(norm_ratios: Values, title: str) -> go.Figure:
    """Norm of each source's summand over that of the sum, targets from top to bottom.

    Args:
        norm_ratios: (targets, sources); cells that are NaN stay empty.
        title: What the figure says.
    """
    hover = "What the %{x} adds to the %{y} has %{z:.3g} times the norm of the sum<extra></extra>"
    largest = float(np.nanmax(norm_ratios, initial=0)) or 1.0
    scale = {"colorscale": SEQUENTIAL_SCALE, "zmin": 0, "zmax": largest}
    return _matrix(norm_ratios, title, "norm of summand / norm of sum", hover, scale)


def share_matrix(shares: Values, title: str) -> go.Figure:
    """Part of each target that each source makes; rows add up to 1, negative parts work against the sum.

    Args:
        shares: (targets, sources); cells that are NaN stay empty.
        title: What the figure says.
    """
    largest = float(np.nanmax(np.abs(shares), initial=0)) or 1.0
    hover = "The %{x} makes %{z:.3g} of the %{y}<extra></extra>"
    scale = {"colorscale": DIVERGING_SCALE, "zmin": -largest, "zmax": largest}
    return _matrix(shares, title, "share of the sum", hover, scale)


def summand_panels(picture: NDArray[np.uint8], summands: Sequence[Values], target: int) -> list[Panel]:
    """What each source adds to one target, after the picture, for `explorer.charts.maps.map_row`.

    Args:
        picture: (H, W, 3).
        summands: For each source, the channel mean of its summand, (H_target, W_target).
        target: Index of the branch that the summands make.
    """
    note = f"added to the {branch_name(target)}"
    sources = [Panel(f"from the<br>{branch_name(index)}", values, index, note) for index, values in enumerate(summands)]
    return [Panel("picture", picture), *sources]


def _matrix(values: Values, title: str, bar: str, hover: str, scale: dict[str, Any]) -> go.Figure:
    targets, sources = values.shape
    names = [branch_name(branch) for branch in range(max(targets, sources))]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=names[:sources],
            y=names[:targets],
            hovertemplate=hover,
            hoverongaps=False,
            xgap=2,
            ygap=2,
            colorbar=colour_bar(bar),
            **scale,
        )
    )
    figure.add_trace(_numbers(values, names, scale))
    return style(
        figure,
        title,
        height=150 + COLOUR_BAR_PX + 44 * max(targets, 2),
        xaxis={"title": {"text": "source branch"}, "showgrid": False, **_short_ticks(sources)},
        yaxis={
            "title": {"text": "target branch"},
            "showgrid": False,
            "autorange": "reversed",
            **_short_ticks(targets),
        },
        margin={"b": COLOUR_BAR_PX + 56},
    )


def _numbers(values: Values, names: Sequence[str], scale: dict[str, Any]) -> go.Scatter:
    """Each cell's value in black or white, whichever reads better: Plotly's own choice has 3.7:1 on some."""
    cells = np.argwhere(np.isfinite(values)).tolist()
    filled = [float(values[row, column]) for row, column in cells]
    colours = colours_on_scale(filled, scale["colorscale"], scale["zmin"], scale["zmax"])
    return go.Scatter(
        x=[names[column] for _, column in cells],
        y=[names[row] for row, _ in cells],
        mode="text",
        text=[f"{value:.2f}" for value in filled],
        textfont={"size": TEXT_PX, "color": [readable_on(colour) for colour in colours]},
        hoverinfo="skip",
        showlegend=False,
    )


def _short_ticks(branches: int) -> dict[str, Any]:
    """Branches as "1/4": with the whole name the ticks of narrow matrices would slant."""
    names = [branch_name(branch) for branch in range(branches)]
    return {"tickvals": names, "ticktext": [name.removesuffix(" branch") for name in names]}
