"""What each branch adds to each other branch in a fusion, as a matrix and as maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer.charts.maps import Panel, map_row
from explorer.charts.theme import DIVERGING_SCALE, SEQUENTIAL_SCALE, branch_name, style

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
    return _matrix(norm_ratios, title, "norm of summand<br>/ norm of sum", hover, scale)


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


def summand_maps(picture: NDArray[np.uint8], summands: Sequence[Values], target: int, title: str) -> go.Figure:
    """What each source adds to one target beside the picture, on one scale around zero.

    Args:
        picture: (H, W, 3).
        summands: For each source, the channel mean of its summand, (H_target, W_target).
        target: Index of the branch that the summands make.
        title: What the figure says.
    """
    note = f"added to the {branch_name(target)}"
    sources = [Panel(f"from the<br>{branch_name(index)}", values, index, note) for index, values in enumerate(summands)]
    return map_row([Panel("picture", picture), *sources], picture.shape[:2], title, signed=True)


def _matrix(values: Values, title: str, bar: str, hover: str, scale: dict[str, Any]) -> go.Figure:
    targets, sources = values.shape
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=[branch_name(source) for source in range(sources)],
            y=[branch_name(target) for target in range(targets)],
            texttemplate="%{z:.2f}",
            hovertemplate=hover,
            hoverongaps=False,
            xgap=2,
            ygap=2,
            colorbar={"title": {"text": bar}, "thickness": 12},
            **scale,
        )
    )
    return style(
        figure,
        title,
        height=130 + 48 * max(targets, 2),
        xaxis={"title": {"text": "source branch"}, "showgrid": False, **_short_ticks(sources)},
        yaxis={
            "title": {"text": "target branch"},
            "showgrid": False,
            "autorange": "reversed",
            **_short_ticks(targets),
        },
        margin={"l": 10, "r": 10, "t": 48, "b": 50},
    )


def _short_ticks(branches: int) -> dict[str, Any]:
    """Branches as "1/4": with the whole name the ticks of narrow matrices would slant."""
    names = [branch_name(branch) for branch in range(branches)]
    return {"tickvals": names, "ticktext": [name.removesuffix(" branch") for name in names]}
