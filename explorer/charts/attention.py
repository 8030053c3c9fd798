"""Attention matrices, heads side by side, entropy and distance maps, and the relative position bias."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from explorer.charts.attention_colours import AttentionColours, attention_colours
from explorer.charts.attention_windows import BESIDE_PICTURE_HEIGHT
from explorer.charts.attribution import HIDDEN_AXIS, picture_trace
from explorer.charts.theme import DIVERGING_SCALE, SEQUENTIAL_SCALE, style

Values = NDArray[np.floating[Any]]
Picture = NDArray[np.uint8]
#: Left, right, top and bottom of what a panel shows.
Extent = tuple[float, float, float, float]

#: Panels in one row of small multiples.
PANELS_PER_ROW = 5
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
    axis = {"type": "category", "constrain": "domain", "tickfont": {"size": 9}}
    return style(
        figure,
        title,
        height=560,
        coloraxis=_attention_axis(colours, colours.quantity),
        xaxis={**axis, "title": {"text": "key (row, column) in the window"}},
        yaxis={
            **axis,
            "title": {"text": "query (row, column) in the window"},
            "autorange": "reversed",
            "scaleanchor": "x",
        },
        margin={"l": 10, "r": 10, "t": 48, "b": 60},
    )


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
    figure = _multiples(names, per_row)
    for head, (place, name) in enumerate(zip(_places(len(names), per_row), names, strict=True)):
        hover = f"{name}: {colours.says} goes to (%{{y}}, %{{x}}) of the window<extra></extra>"
        ratios = None if colours.ratios is None else colours.ratios[head]
        figure.add_trace(_shared_heatmap(colours.z[head], hover, customdata=ratios), **place)
        if padded.any():
            figure.add_trace(_constant_heatmap(padded, PADDING_COLOUR, hoverinfo="skip"), **place)
    end = attention.shape[1] - 0.5
    scale = _attention_axis(colours, f"{colours.quantity},<br>one scale")
    return _style_multiples(figure, title, (-0.5, end, -0.5, end), scale).update_layout(height=BESIDE_PICTURE_HEIGHT)


def entropy_maps(picture: Picture, entropy_bits: Values, max_entropy_bits: float, title: str) -> go.Figure:
    """Entropy of each position's attention beside the picture, per head, from 0 to that of even attention.

    Args:
        picture: (H, W, 3).
        entropy_bits: (heads, H_branch, W_branch).
        max_entropy_bits: Entropy of attention spread evenly over the window; ends the scale.
        title: What the figure says.
    """
    figure = _maps_beside_picture(picture, entropy_bits, "entropy %{z:.3g} bits")
    return _style_multiples(figure, title, _picture_extent(picture), _from_zero("entropy (bits)", max_entropy_bits))


def distance_maps(picture: Picture, distance_px: Values, title: str) -> go.Figure:
    """Mean distance from each position to what it attends to beside the picture, per head.

    Args:
        picture: (H, W, 3).
        distance_px: (heads, H_branch, W_branch), in input pixels.
        title: What the figure says.
    """
    figure = _maps_beside_picture(picture, distance_px, "mean distance %{z:.3g} pixels")
    scale = _from_zero("mean distance (pixels)", float(distance_px.max()))
    return _style_multiples(figure, title, _picture_extent(picture), scale)


def bias_maps(bias: Values, title: str) -> go.Figure:
    """The learned relative position bias of every head by offset from query to key, on one scale around zero.

    Args:
        bias: (heads, 2K-1, 2K-1), the query in the middle.
        title: What the figure says.
    """
    reach = bias.shape[1] // 2
    names = head_names(len(bias))
    figure = _multiples(names)
    for place, name, values in zip(_places(len(names)), names, bias, strict=True):
        hover = f"{name} adds %{{z:.3g}} for keys %{{y}} rows below and %{{x}} columns right<extra></extra>"
        figure.add_trace(_shared_heatmap(values, hover, x0=-reach, y0=-reach), **place)
    edge = reach + 0.5
    return _style_multiples(figure, title, (-edge, edge, -edge, edge), _around_zero("bias", [bias]))


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
    figure = make_subplots(1, 2, subplot_titles=names, horizontal_spacing=0.1)
    for column, (name, values) in enumerate(parts.items(), start=1):
        hover = f"{name} adds %{{z:.3g}} to the logit of query %{{y}} and key %{{x}}<extra></extra>"
        figure.add_trace(_shared_heatmap(values, hover, x=labels, y=labels), row=1, col=column)
    figure.update_xaxes(type="category", title={"text": "key"}, tickfont={"size": 9}, matches="x", constrain="domain")
    figure.update_yaxes(type="category", tickfont={"size": 9}, matches="y", constrain="domain", autorange="reversed")
    figure.update_yaxes(title={"text": "query"}, col=1)
    _square_cells(figure)
    scale = _around_zero("logit", list(parts.values()))
    return style(figure, title, height=480, coloraxis=scale, margin={"l": 10, "r": 10, "t": 78, "b": 60})


def head_names(heads: int) -> list[str]:
    """What the heads are called, from 1; a single map stands for the only head."""
    return [f"head {head}" for head in range(1, heads + 1)]


def _maps_beside_picture(picture: Picture, maps: Values, says: str) -> go.Figure:
    """The picture, then one map per head, in the picture's pixels."""
    step = picture.shape[0] / maps.shape[1], picture.shape[1] / maps.shape[2]
    heads = head_names(len(maps))
    figure = _multiples(["picture", *heads])
    first, *others = _places(len(maps) + 1)
    figure.add_trace(picture_trace(picture), **first)
    for place, name, values in zip(others, heads, maps, strict=True):
        hover = f"{name}: {says} at pixel (%{{y:.0f}}, %{{x:.0f}})<extra></extra>"
        pixels = {"x0": step[1] / 2, "dx": step[1], "y0": step[0] / 2, "dy": step[0]}
        figure.add_trace(_shared_heatmap(values, hover, **pixels), **place)
    return figure


def _picture_extent(picture: Picture) -> Extent:
    return 0, picture.shape[1], 0, picture.shape[0]


def _grid(count: int, per_row: int = PANELS_PER_ROW) -> tuple[int, int]:
    """Rows and columns of small multiples."""
    columns = min(count, per_row)
    return math.ceil(count / columns), columns


def _places(count: int, per_row: int = PANELS_PER_ROW) -> list[dict[str, int]]:
    """Row and column of each panel, from 1, as plotly takes them."""
    _, columns = _grid(count, per_row)
    return [{"row": index // columns + 1, "col": index % columns + 1} for index in range(count)]


def _multiples(names: list[str], per_row: int = PANELS_PER_ROW) -> go.Figure:
    rows, columns = _grid(len(names), per_row)
    return make_subplots(
        rows, columns, subplot_titles=names, horizontal_spacing=0.1 / columns, vertical_spacing=0.2 / rows
    )


def _style_multiples(figure: go.Figure, title: str, extent: Extent, colour_axis: dict[str, Any]) -> go.Figure:
    """Panels of equal scale and extent that zoom together, without ticks, on one colour scale."""
    left, right, top, bottom = extent
    figure.update_xaxes(**HIDDEN_AXIS, matches="x", range=[left, right])
    figure.update_yaxes(**HIDDEN_AXIS, matches="y", range=[bottom, top])
    _square_cells(figure)
    figure.update_annotations(font={"size": 12})
    rows, columns = _grid(len(figure.layout.annotations))  # one per panel: its title
    aspect = (bottom - top) / (right - left)
    row_height = min(420.0, 900 / max(columns, 2) * aspect) + 30
    margin = {"l": 6, "r": 6, "t": 70, "b": 6}
    return style(figure, title, height=round(76 + rows * row_height), coloraxis=colour_axis, margin=margin)


def _square_cells(figure: go.Figure) -> None:
    for axis in figure.select_yaxes():
        axis.scaleanchor = axis.anchor


def _shared_heatmap(values: Values, hover: str, **options: Any) -> go.Heatmap:
    return go.Heatmap(z=values.astype(np.float32), coloraxis="coloraxis", hovertemplate=hover, **options)


def _constant_heatmap(where: NDArray[np.bool_], colour: str, **options: Any) -> go.Heatmap:
    scale = [[0, colour], [1, colour]]
    return go.Heatmap(z=np.where(where, 1.0, np.nan).astype(np.float32), colorscale=scale, showscale=False, **options)


def _shared_bar(text: str) -> dict[str, Any]:
    return {"title": {"text": f"{text},<br>one scale"}, "thickness": 12}


def _attention_axis(colours: AttentionColours, says: str) -> dict[str, Any]:
    return {**colours.scale, "colorbar": {"title": {"text": says}, "thickness": 12, **colours.ticks}}


def _from_zero(text: str, largest: float) -> dict[str, Any]:
    return {"colorscale": SEQUENTIAL_SCALE, "cmin": 0, "cmax": largest or 1.0, "colorbar": _shared_bar(text)}


def _around_zero(text: str, values: Sequence[Values]) -> dict[str, Any]:
    largest = max(float(np.abs(part).max()) for part in values) or 1.0
    return {"colorscale": DIVERGING_SCALE, "cmin": -largest, "cmax": largest, "colorbar": _shared_bar(text)}
