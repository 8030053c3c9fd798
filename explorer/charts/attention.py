"""Attention matrices, heads side by side, entropy and distance maps, and the relative position bias."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer.charts.attention_colours import AttentionColours, attention_colours
from explorer.charts.attribution import picture_trace
from explorer.charts.grid import MapGrid, map_axes, square_cells
from explorer.charts.theme import DIVERGING_SCALE, HALF_PX, SEQUENTIAL_SCALE, colour_bar

Values = NDArray[np.floating[Any]]
Picture = NDArray[np.uint8]
#: More heads than two rows of large panels hold lie in rows of so many.
_MANY_PER_ROW = 5
_FEW = 6
#: What the labels and the title of an axis of tokens need.
_LABELS_PX = 78
_MATRIX_PX = 520
#: Laid over what is padding: visible on both themes and over every colour of the scales.
PADDING_COLOUR = "rgba(138,143,152,0.75)"


def attention_matrix(
    matrix: Values, padded: NDArray[np.bool_], size: int, title: str, *, ratio_limit: float | None = None
) -> go.Figure:
    """Attention of every query of a window (rows) to every key (columns), both by their place in the window.

    Args:
        matrix: Probabilities or, with a limit, their ratios to even attention, (K*K, K*K).
        padded: Tokens that are padding, (K*K,); their rows and columns are greyed.
        size: K.
        title: What the figure says.
        ratio_limit: As for `explorer.charts.attention_colours.attention_colours`.
    """
    labels = token_labels(size, padded)
    colours = attention_colours(matrix, ratio_limit)
    hover = f"{colours.says} of %{{y}} goes to %{{x}}<extra></extra>"
    figure = go.Figure(_shared_heatmap(colours.z, hover, x=labels, y=labels, customdata=colours.ratios))
    if padded.any():
        greyed = padded[:, None] | padded[None, :]
        figure.add_trace(_constant_heatmap(greyed, PADDING_COLOUR, x=labels, y=labels, hoverinfo="skip"))
    axis = _token_axis(labels, size)
    figure.update_xaxes(**axis, title={"text": "key (row, column) in the window"})
    figure.update_yaxes(
        **axis, title={"text": "query (row, column) in the window"}, autorange="reversed", constraintoward="top"
    )
    square_cells(figure)
    grid = MapGrid(count=1, aspect=1, largest_px=_MATRIX_PX, title_lines=0, left_px=_LABELS_PX, below_px=_LABELS_PX)
    return grid.style(figure, title, coloraxis=_attention_axis(colours, colours.quantity))


def _token_axis(labels: list[str], size: int) -> dict[str, Any]:
    """An axis of a window's tokens that names the first of each row: all of them would be too small to read."""
    return {"type": "category", "constrain": "domain", "tickvals": labels[::size], "showgrid": False}


def token_labels(size: int, padded: NDArray[np.bool_]) -> list[str]:
    """ "(row, column)" of each token of a window, padding named as such."""
    places = [f"({row}, {column})" for row in range(size) for column in range(size)]
    return [f"{place} padding" if pad else place for place, pad in zip(places, padded, strict=True)]


def head_windows(
    attention: Values, padded: NDArray[np.bool_], title: str, *, ratio_limit: float | None = None
) -> go.Figure:
    """Attention of one position over its window in every head, on one scale.

    Args:
        attention: Shares or, with a limit, their ratios to even attention, (heads, K, K).
        padded: Tokens of the window that are padding, (K, K); greyed.
        title: What the figure says.
        ratio_limit: As for `explorer.charts.attention_colours.attention_colours`.
    """
    colours = attention_colours(attention, ratio_limit)
    names = head_names(len(attention))
    per_row = math.ceil(math.sqrt(len(names)))  # a square block, to stand beside the picture
    grid = MapGrid(count=len(names), aspect=1, columns=per_row, width_px=HALF_PX)
    figure = grid.figure(names)
    for head, (place, name) in enumerate(zip(grid.places(), names, strict=True)):
        hover = f"{name}: {colours.says} goes to (%{{y}}, %{{x}}) of the window<extra></extra>"
        ratios = None if colours.ratios is None else colours.ratios[head]
        figure.add_trace(_shared_heatmap(colours.z[head], hover, customdata=ratios), **place)
        if padded.any():
            figure.add_trace(_constant_heatmap(padded, PADDING_COLOUR, hoverinfo="skip"), **place)
    end = attention.shape[1] - 0.5
    map_axes(figure, (-0.5, end, -0.5, end))
    return grid.style(figure, title, coloraxis=_attention_axis(colours, f"{colours.quantity}, one scale for all"))


def entropy_maps(picture: Picture, entropy_bits: Values, max_entropy_bits: float, title: str) -> go.Figure:
    """Entropy of each position's attention beside the picture, per head, from 0 to that of even attention.

    Args:
        picture: (H, W, 3).
        entropy_bits: (heads, H_branch, W_branch).
        max_entropy_bits: Entropy of attention spread evenly over the window; ends the scale.
        title: What the figure says.
    """
    scale = _from_zero("entropy (bits)", max_entropy_bits)
    return _maps_beside_picture(picture, entropy_bits, "entropy %{z:.3g} bits", title, scale)


def distance_maps(picture: Picture, distance_px: Values, title: str) -> go.Figure:
    """Mean distance from each position to what it attends to beside the picture, per head.

    Args:
        picture: (H, W, 3).
        distance_px: (heads, H_branch, W_branch), in input pixels.
        title: What the figure says.
    """
    scale = _from_zero("mean distance (pixels)", float(distance_px.max()))
    return _maps_beside_picture(picture, distance_px, "mean distance %{z:.3g} pixels", title, scale)


def bias_maps(bias: Values, title: str) -> go.Figure:
    """The learned relative position bias of every head by offset from query to key, on one scale around zero.

    Args:
        bias: (heads, 2K-1, 2K-1), the query in the middle.
        title: What the figure says.
    """
    reach = bias.shape[1] // 2
    names = head_names(len(bias))
    grid = _heads_grid(len(names), 1)
    figure = grid.figure(names)
    for place, name, values in zip(grid.places(), names, bias, strict=True):
        hover = f"{name} adds %{{z:.3g}} for keys %{{y}} rows below and %{{x}} columns right<extra></extra>"
        figure.add_trace(_shared_heatmap(values, hover, x0=-reach, y0=-reach), **place)
    edge = reach + 0.5
    map_axes(figure, (-edge, edge, -edge, edge))
    return grid.style(figure, title, coloraxis=_around_zero("bias", [bias]))


def logit_parts(content: Values, bias: Values, padded: NDArray[np.bool_], size: int, title: str) -> go.Figure:
    """The two parts of a window's logits on one scale: what the content says and what the position says.

    Above each part stands its spread: the standard deviation within a row, averaged over the rows. Only differences
    within a row pass the softmax, so the part with the larger spread makes the pattern.

    Args:
        content: Scaled products of queries and keys, (K*K, K*K).
        bias: Relative position bias, (K*K, K*K).
        padded: Tokens of the window that are padding, (K*K,).
        size: K.
        title: What the figure says.
    """
    parts = {"content": content, "position bias": bias}
    labels = token_labels(size, padded)
    names = [f"{name} (spread {values.std(1).mean():.2g})" for name, values in parts.items()]
    grid = MapGrid(count=2, aspect=1, left_px=_LABELS_PX, below_px=_LABELS_PX)
    figure = grid.figure(names)
    for place, (name, values) in zip(grid.places(), parts.items(), strict=True):
        hover = f"{name} adds %{{z:.3g}} to the logit of query %{{y}} and key %{{x}}<extra></extra>"
        figure.add_trace(_shared_heatmap(values, hover, x=labels, y=labels), **place)
    axis = _token_axis(labels, size)
    figure.update_xaxes(**axis, title={"text": "key"}, matches="x")
    figure.update_yaxes(**axis, matches="y", autorange="reversed", constraintoward="top")
    figure.update_yaxes(title={"text": "query"}, col=1)
    square_cells(figure)
    return grid.style(figure, title, coloraxis=_around_zero("logit", list(parts.values())))


def head_names(heads: int) -> list[str]:
    """What the heads are called, from 1; a single map stands for the only head."""
    return [f"head {head}" for head in range(1, heads + 1)]


def _maps_beside_picture(
    picture: Picture, maps: Values, says: str, title: str, colour_axis: dict[str, Any]
) -> go.Figure:
    """The picture, then one map per head, in the picture's pixels."""
    height, width = picture.shape[:2]
    step = height / maps.shape[1], width / maps.shape[2]
    heads = head_names(len(maps))
    grid = _heads_grid(len(maps) + 1, height / width)
    figure = grid.figure(["picture", *heads])
    first, *others = grid.places()
    figure.add_trace(picture_trace(picture), **first)
    for place, name, values in zip(others, heads, maps, strict=True):
        hover = f"{name}: {says} at pixel (%{{y:.0f}}, %{{x:.0f}})<extra></extra>"
        pixels = {"x0": step[1] / 2, "dx": step[1], "y0": step[0] / 2, "dy": step[0]}
        figure.add_trace(_shared_heatmap(values, hover, **pixels), **place)
    map_axes(figure, (0, width, 0, height))
    return grid.style(figure, title, coloraxis=colour_axis)


def _heads_grid(count: int, aspect: float) -> MapGrid:
    """Large panels where they are few."""
    return MapGrid(count, aspect) if count <= _FEW else MapGrid(count, aspect, columns=_MANY_PER_ROW)


def _shared_heatmap(values: Values, hover: str, **options: Any) -> go.Heatmap:
    return go.Heatmap(z=values.astype(np.float32), coloraxis="coloraxis", hovertemplate=hover, **options)


def _constant_heatmap(where: NDArray[np.bool_], colour: str, **options: Any) -> go.Heatmap:
    scale = [[0, colour], [1, colour]]
    return go.Heatmap(z=np.where(where, 1.0, np.nan).astype(np.float32), colorscale=scale, showscale=False, **options)


def _attention_axis(colours: AttentionColours, says: str) -> dict[str, Any]:
    return {**colours.scale, "colorbar": colour_bar(says) | colours.ticks}


def _from_zero(text: str, largest: float) -> dict[str, Any]:
    return {"colorscale": SEQUENTIAL_SCALE, "cmin": 0, "cmax": largest or 1.0, "colorbar": _shared_bar(text)}


def _around_zero(text: str, values: Sequence[Values]) -> dict[str, Any]:
    largest = max(float(np.abs(part).max()) for part in values) or 1.0
    return {"colorscale": DIVERGING_SCALE, "cmin": -largest, "cmax": largest, "colorbar": _shared_bar(text)}


def _shared_bar(text: str) -> dict[str, Any]:
    return colour_bar(f"{text}, one scale for all")
