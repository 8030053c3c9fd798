"""Receptive fields over the picture, leaks between windows, and what a larger window buys for its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer.charts.grid import LARGEST_PX, MapGrid, map_axes
from explorer.charts.maps import png_uri
from explorer.charts.theme import (
    DIVERGING_SCALE,
    HALF_PX,
    NEUTRAL_COLOUR,
    SEQUENTIAL_SCALE,
    branch_colour,
    colour_bar,
    style,
)

#: Decades below the strongest value at which a logarithmic scale ends; everything weaker looks alike.
DECADES = 6
#: Window sizes that carry their number in the axis of sizes; all say it on hover.
LABELLED_SIZES = (3, 5, 7, 9, 11, 15, 21)
#: Maps beside each other where there are many; of up to so many blocks the variants alone stand beside each other.
_IN_A_ROW, _FEW_BLOCKS = 4, 2
_SMALLER_PX = 300
_LEGEND_PX = 30

Mask = NDArray[np.bool_]
Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class FieldPanel:
    """One effective field of a row.

    Attributes:
        title: Short name above it, such as "with DW conv".
        contribution: Non-negative (H, W), in any unit: panels are compared in shares of their own sum.
        square_px: Side of the square around the position that holds half of the contribution; None draws none.
    """

    title: str
    contribution: Scores
    square_px: int | None = None


def theoretical_field_map(
    picture: NDArray[np.uint8],
    pixels: Mask,
    pixel: tuple[int, int],
    title: str,
    *,
    branch: int,
    pixels_without_dw_conv: Mask | None = None,
) -> go.Figure:
    """The picture, dimmed where nothing can reach the position, with the outline of the field.

    Args:
        picture: (H, W, 3).
        pixels: The field (H, W), outlined solid.
        pixel: (row, column) of the position's own pixel.
        title: What the figure says.
        branch: Whose colour the outline has.
        pixels_without_dw_conv: The field of the same position without the depth-wise convolution, outlined dashed.
    """
    figure = go.Figure(go.Image(source=png_uri(picture), hoverinfo="skip"))
    _add_overlay(figure, pixels, "rgba(0,0,0,0)", "can influence this position")
    _add_overlay(figure, ~pixels, "rgba(0,0,0,0.6)", "cannot influence this position")
    _add_outline(figure, pixels, branch_colour(branch), "solid", "receptive field")
    if pixels_without_dw_conv is not None:
        _add_outline(figure, pixels_without_dw_conv, branch_colour(branch), "dash", "without DW conv")
    figure.add_trace(_position_marker(pixel))
    return _fit_to_picture(figure, _grid(pixels, below_px=_LEGEND_PX, has_bar=False), title, pixels)


def effective_field_maps(
    panels: Sequence[FieldPanel], pixel: tuple[int, int], title: str, *, beside: Sequence[FieldPanel] = ()
) -> go.Figure:
    """Effective fields side by side on one logarithmic colour scale; all panels zoom together.

    Args:
        panels: What to show, all of one size.
        pixel: (row, column) of the position's own pixel.
        title: What the figure says.
        beside: Panels of another figure, with which these share their scale.
    """
    contributions = [panel.contribution for panel in panels]
    logarithms = _log_shares([*contributions, *(panel.contribution for panel in beside)])[: len(panels)]
    grid = MapGrid(count=len(panels), aspect=_aspect(contributions[0]))
    figure = grid.figure([panel.title for panel in panels])
    for panel, logarithm, place in zip(panels, logarithms, grid.places(), strict=True):
        trace = _pixel_heatmap(
            logarithm,
            customdata=(_shares(panel.contribution) * 100).astype(np.float32),
            hovertemplate=f"{panel.title}: the pixel in row %{{y}}, column %{{x}} makes %{{customdata:.2g}} % "
            "of the contribution<extra></extra>",
        )
        figure.add_trace(trace, **place)
        figure.add_trace(_position_marker(pixel), **place)
        if panel.square_px is not None:
            figure.add_shape(_square(pixel, panel.square_px), **place)
    axis = _decades_axis("log10 of the share, strongest pixel of all = 0")
    return _fit_to_picture(figure, grid, title, contributions[0], coloraxis=axis)


def effective_field_difference(first: FieldPanel, second: FieldPanel, pixel: tuple[int, int], title: str) -> go.Figure:
    """Where the first field is stronger than the second: difference of the two maps of `effective_field_maps`.

    Args:
        first: Positive where it is stronger.
        second: Negative where it is stronger.
        pixel: (row, column) of the position's own pixel.
        title: What the figure says.
    """
    stronger, weaker = _log_shares([first.contribution, second.contribution])
    difference = stronger - weaker
    trace = _pixel_heatmap(
        difference,
        hovertemplate="The pixel in row %{y}, column %{x} counts 10^%{z:.2f} times as much "
        f"{first.title} as {second.title}<extra></extra>",
    )
    figure = go.Figure([trace, _position_marker(pixel)])
    largest = float(np.abs(difference).max()) or 1.0
    axis = _colour_axis(DIVERGING_SCALE, -largest, largest, f"log10 of share: {first.title} − {second.title}")
    return _fit_to_picture(figure, _grid(difference), title, difference, coloraxis=axis)


def leak_maps(shares: Mapping[str, Scores], window: tuple[int, int], title: str) -> go.Figure:
    """Where a change of one window is found after 1, 2, … blocks: variants beside each other, blocks downwards.

    The blocks of a single variant lie beside each other. Windows that exactly nothing reaches are left empty, so that
    they differ from the weakest colour.

    Args:
        shares: Per variant's name, the share of the change in each window, 0 to 1, (blocks, rows, columns).
        window: (row, column) of the changed window.
        title: What the figure says.
    """
    blocks = len(next(iter(shares.values())))
    maps = {
        f"{name}, after {_blocks(block + 1)}": of_variant[block]
        for block in range(blocks)
        for name, of_variant in shares.items()
    }
    first = next(iter(maps.values()))
    grid = MapGrid(
        count=len(maps),
        aspect=_aspect(first),
        columns=_IN_A_ROW if len(shares) == 1 or blocks > _FEW_BLOCKS else len(shares),
        title_lines=2,  # in one they overlap on a narrow screen
        largest_px=LARGEST_PX if blocks == 1 else _SMALLER_PX,
    )
    figure = grid.figure([name.replace(", ", "<br>") for name in maps])
    for place, (name, arrived) in zip(grid.places(), maps.items(), strict=True):
        figure.add_trace(_leak_heatmap(arrived, name), **place)
        figure.add_trace(_nothing_heatmap(arrived, name), **place)
        figure.add_trace(_changed_window_marker(window), **place)
    return _fit_to_picture(figure, grid, title, first, coloraxis=_decades_axis("log10 of the share of the change"))


def area_against_macs(
    table: pd.DataFrame,
    title: str,
    *,
    branch: int,
    without_dw_conv: pd.DataFrame | None = None,
    window_size: int | None = None,
) -> go.Figure:
    """Area of the theoretical field over the network's MACs, one point per window size.

    Args:
        table: Columns window_size, field_area_px, field_share (0 to 1) and macs.
        title: What the figure says.
        branch: Whose colour the line has.
        without_dw_conv: The same without the depth-wise convolution, dashed and hollow.
        window_size: The variant's own size, marked larger.
    """
    figure = go.Figure(_size_line(table, branch, window_size, "with DW conv", dashed=False))
    if without_dw_conv is not None:
        figure.add_trace(_size_line(without_dw_conv, branch, window_size, "without DW conv", dashed=True))
    return style(
        figure,
        title,
        height=420,
        xaxis={"title": {"text": "MACs of one picture (G)"}},
        yaxis={"title": {"text": "field (% of the picture)"}, "rangemode": "tozero"},
    )


def _size_line(table: pd.DataFrame, branch: int, window_size: int | None, name: str, *, dashed: bool) -> go.Scatter:
    sizes = table["window_size"]
    return go.Scatter(
        x=table["macs"] / 1e9,
        y=table["field_share"] * 100,
        mode="lines+markers+text",
        name=name,
        text=[str(size) if size in LABELLED_SIZES or size == window_size else "" for size in sizes],
        textposition="top center",
        line={"color": branch_colour(branch), "dash": "dash" if dashed else "solid"},
        marker={
            "symbol": "circle-open" if dashed else "circle",
            "size": [15 if size == window_size else 8 for size in sizes],
        },
        customdata=table[["window_size", "field_area_px", "macs"]],
        hovertemplate=f"Windows of %{{customdata[0]}}x%{{customdata[0]}} {name} see %{{y:.3g}} % of the picture "
        "(%{customdata[1]:,} pixels) for %{customdata[2]:,} MACs<extra></extra>",
    )


def _add_overlay(figure: go.Figure, where: Mask, colour: str, says: str) -> None:
    figure.add_trace(
        _pixel_heatmap(
            np.where(where, 1.0, np.nan),
            coloraxis=None,
            colorscale=[[0, colour], [1, colour]],
            showscale=False,
            hoverongaps=False,
            hovertemplate=f"The pixel in row %{{y}}, column %{{x}} {says}<extra></extra>",
        )
    )


def _add_outline(figure: go.Figure, where: Mask, colour: str, dash: str, name: str) -> None:
    figure.add_trace(
        go.Contour(
            z=np.pad(where, 1).astype(np.float32),  # a frame of nothing closes the outline at the picture's border
            x0=-1,
            y0=-1,
            contours={"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"},
            line={"color": colour, "width": 3, "dash": dash, "smoothing": 0},
            name=name,
            showlegend=True,
            showscale=False,
            hoverinfo="skip",
        )
    )


def _pixel_heatmap(z: Scores, **options: Any) -> go.Heatmap:
    return go.Heatmap(z=z.astype(np.float32), **{"coloraxis": "coloraxis", **options})


def _leak_heatmap(arrived: Scores, where: str) -> go.Heatmap:
    return go.Heatmap(
        z=np.log10(arrived, out=np.full(arrived.shape, np.nan), where=arrived > 0),
        customdata=arrived * 100,
        coloraxis="coloraxis",
        hoverongaps=False,
        xgap=1,
        ygap=1,
        hovertemplate=f"{where}, %{{customdata:.3g}} % of the change is found in the window in row %{{y}}, column "
        "%{x}<extra></extra>",
    )


def _nothing_heatmap(arrived: Scores, where: str) -> go.Heatmap:
    return go.Heatmap(
        z=np.where(arrived == 0, 0.0, np.nan),
        colorscale=[[0, "rgba(138,143,152,0.15)"], [1, "rgba(138,143,152,0.15)"]],
        showscale=False,
        hoverongaps=False,
        xgap=1,
        ygap=1,
        hovertemplate=f"{where}, exactly nothing of the change is found in the window in row %{{y}}, column "
        "%{x}<extra></extra>",
    )


def _changed_window_marker(window: tuple[int, int]) -> go.Scatter:
    return go.Scatter(
        x=[window[1]],
        y=[window[0]],
        mode="markers",
        marker={"symbol": "x-thin-open", "size": 12, "color": NEUTRAL_COLOUR, "line": {"width": 2}},
        hoverinfo="skip",
        showlegend=False,
    )


def _position_marker(pixel: tuple[int, int]) -> go.Scatter:
    return go.Scatter(
        x=[pixel[1]],
        y=[pixel[0]],
        mode="markers",
        marker={"symbol": "cross-thin-open", "size": 13, "color": "white", "line": {"width": 2}},
        hovertemplate=f"The position lies on the pixel in row {pixel[0]}, column {pixel[1]}<extra></extra>",
        showlegend=False,
    )


def _square(pixel: tuple[int, int], side_px: int) -> dict[str, Any]:
    reach = side_px / 2
    row, column = pixel
    edges = {"x0": column - reach, "x1": column + reach, "y0": row - reach, "y1": row + reach}
    return {"type": "rect", **edges, "line": {"color": "white", "width": 1.5, "dash": "dot"}}


def _grid(values: Scores | Mask, **sizes: Any) -> MapGrid:
    """A single map in half of a page."""
    return MapGrid(count=1, aspect=_aspect(values), width_px=HALF_PX, title_lines=0, **sizes)


def _aspect(values: Scores | Mask) -> float:
    height, width = values.shape
    return float(height / width)


def _fit_to_picture(figure: go.Figure, grid: MapGrid, title: str, values: Scores | Mask, **layout: Any) -> go.Figure:
    """Axes on which value i is centred on i, and the figure in the grid's size."""
    height, width = values.shape
    map_axes(figure, (-0.5, width - 0.5, -0.5, height - 0.5))
    return grid.style(figure, title, **layout)


def _shares(contribution: Scores) -> Scores:
    total = contribution.sum()
    shares: Scores = contribution / total if total > 0 else contribution
    return shares


def _log_shares(contributions: Sequence[Scores]) -> list[Scores]:
    """log10 of each pixel's share of its field, against the strongest pixel of all fields, floored at -DECADES."""
    shares = [_shares(contribution) for contribution in contributions]
    strongest = max(float(share.max()) for share in shares) or 1.0
    return [np.log10(np.maximum(share / strongest, 10.0**-DECADES)) for share in shares]


def _decades_axis(says: str) -> dict[str, Any]:
    return _colour_axis(SEQUENTIAL_SCALE, -DECADES, 0, says)


def _colour_axis(scale: str, low: float, high: float, says: str) -> dict[str, Any]:
    return {"colorscale": scale, "cmin": low, "cmax": high, "colorbar": colour_bar(says)}


def _blocks(count: int) -> str:
    return f"{count} block{'s' if count > 1 else ''}"
