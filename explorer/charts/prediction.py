"""What a network says of a picture, laid over it: masks, confidence, errors, and skeletons with their heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer.charts.attribution import mark_pixel, picture_figure
from explorer.charts.clickable import clickable_points, offered_step
from explorer.charts.grid import MapGrid
from explorer.charts.maps import png_uri
from explorer.charts.theme import HALF_PX, NEUTRAL_COLOUR, SEQUENTIAL_SCALE, TEXT_PX, colour_bar, literal, style

Colour = tuple[int, int, int]
#: How what is wrong is painted: the complement of most photographs' colours, and said in the legend.
_WRONG: Colour = (213, 94, 0)
_LEGEND_PX = 22
_BAR_PX = 34


@dataclass(frozen=True, eq=False)
class Mask:
    """A segmentation as it is drawn.

    Attributes:
        classes: (H, W).
        confidence: (H, W), 0 to 1.
        names: One a class.
        colours: One a class.
        shares: Part of the pixels that each class wins, (classes,), 0 to 1.
        background: The class that stays clear, if there is one.
    """

    classes: NDArray[np.integer[Any]]
    confidence: NDArray[np.floating[Any]]
    names: Sequence[str]
    colours: Sequence[Colour]
    shares: NDArray[np.floating[Any]]
    background: int | None = None

    @property
    def present(self) -> list[int]:
        """The classes that win a pixel, those of most pixels first."""
        order: list[int] = np.argsort(-self.shares, kind="stable").tolist()
        return [number for number in order if self.shares[number] > 0]

    def painted(self, opacity: float) -> NDArray[np.uint8]:
        """(H, W, 4); the background is clear."""
        rgba = np.zeros((*self.classes.shape, 4), np.uint8)
        rgba[..., :3] = np.asarray(self.colours, np.uint8)[self.classes]
        rgba[..., 3] = np.where(self.classes == self.background, 0, round(255 * opacity))
        return rgba


def mask_picture(
    picture: NDArray[np.uint8],
    mask: Mask,
    title: str,
    *,
    opacity: float,
    pixel: tuple[int, int],
    cells: tuple[int, int],
) -> go.Figure:
    """The mask over the picture; every cell can be clicked.

    The last trace, "positions", is invisible: its points carry a cell's row and column as customdata, because a click
    on a picture does not reach Streamlit.

    Args:
        picture: (H, W, 3).
        mask: What is laid over it.
        title: What the figure says.
        opacity: Of the mask, 0 (picture alone) to 1 (mask alone).
        pixel: (row, column) that is marked.
        cells: Rows and columns of the map whose cells can be clicked.
    """
    figure = picture_figure(picture)
    figure.add_trace(_laid_over(mask.painted(opacity)))
    for number in mask.present:
        figure.add_trace(_legend_entry(mask, number))
    mark_pixel(figure, pixel)
    figure.add_trace(_positions(mask, cells))
    rows = -(-len(mask.present) // 3)
    grid = _alone(picture, below_px=rows * _LEGEND_PX)
    return grid.style(figure, title, clickmode="event+select", dragmode=False)


def confidence_map(mask: Mask, title: str) -> go.Figure:
    """How sure the network is of each pixel's class."""
    rows, columns = mask.classes.shape
    figure = picture_figure(np.zeros((rows, columns, 3), np.uint8))
    figure.add_trace(
        go.Heatmap(
            z=np.round(mask.confidence.astype(np.float32), 3),
            x0=0.5,
            dx=1,
            y0=0.5,
            dy=1,
            zmin=0,
            zmax=1,
            colorscale=SEQUENTIAL_SCALE,
            colorbar=colour_bar("confidence: softmax of the class that wins"),
            hovertemplate="%{z:.1%} sure at pixel (%{y:.0f}, %{x:.0f})<extra></extra>",
        )
    )
    return _alone(mask.confidence, has_bar=True).style(figure, title)


def error_picture(picture: NDArray[np.uint8], wrong: NDArray[np.bool_], title: str) -> go.Figure:
    """The picture with the pixels painted over that are wrong.

    Args:
        picture: (H, W, 3).
        wrong: (H, W).
        title: What the figure says.
    """
    rgba = np.zeros((*wrong.shape, 4), np.uint8)
    rgba[wrong] = (*_WRONG, 230)
    figure = picture_figure(picture)
    figure.add_trace(_laid_over(rgba))
    return _alone(picture).style(figure, title)


def class_bars(names: Sequence[str], values: Sequence[float], colours: Sequence[str], title: str) -> go.Figure:
    """A few classes with their probabilities, the first at the top.

    Args:
        names: Of the classes.
        values: 0 to 1.
        colours: Of the bars.
        title: What the figure says.
    """
    figure = go.Figure(
        go.Bar(
            x=list(values),
            y=[literal(name) for name in names],
            orientation="h",
            marker={"color": list(colours), "line": {"color": NEUTRAL_COLOUR, "width": 1}},
            text=[f"{value:.1%}" for value in values],
            textposition="auto",
            textfont={"size": TEXT_PX},
            hovertemplate="%{y}: %{x:.2%}<extra></extra>",
        )
    )
    return style(
        figure,
        title,
        height=90 + _BAR_PX * len(names),
        xaxis={"range": [0, 1], "tickformat": ".0%", "title": {"text": "probability"}},
        yaxis={"autorange": "reversed", "automargin": True},
    )


@dataclass(frozen=True, eq=False)
class Skeleton:
    """The key points of one person as they are drawn.

    Attributes:
        points: (N, 2) as (x, y), in pixels of the picture.
        scores: (N,).
        box: Left, top, width and height, in pixels of the picture; None is not drawn.
        joints: Which key point each is; None where there is one of each, in their order.
    """

    points: NDArray[np.floating[Any]]
    scores: NDArray[np.floating[Any]]
    box: tuple[float, float, float, float] | None
    joints: Sequence[int] | None = None

    @property
    def numbers(self) -> Sequence[int]:
        """Which key point each is."""
        return range(len(self.points)) if self.joints is None else self.joints


@dataclass(frozen=True)
class Limbs:
    """What joins and colours key points.

    Attributes:
        names: One a key point.
        colours: One a key point.
        limbs: Pairs of key points, each with its colour.
    """

    names: Sequence[str]
    colours: Sequence[str]
    limbs: Sequence[tuple[tuple[int, int], str]] = ()


def skeleton_picture(
    picture: NDArray[np.uint8],
    size: tuple[int, int],
    persons: Sequence[Skeleton],
    limbs: Limbs,
    title: str,
    *,
    least_score: float,
    chosen: tuple[int, int],
    draws_boxes: bool = False,
) -> go.Figure:
    """Key points of persons over the picture; each can be clicked, or a box be dragged.

    The points of the traces "key points" carry (person, key point) as customdata.

    Args:
        picture: To be drawn, which may be a smaller copy.
        size: (height, width) of the picture that the key points are of.
        persons: Who was found.
        limbs: Names, colours and what joins them.
        title: What the figure says.
        least_score: Key points below it are left out.
        chosen: Person and key point that are marked.
        draws_boxes: Whether dragging draws a box; Streamlit then reports no click.
    """
    figure = picture_figure(picture, size=size)
    for index, person in enumerate(persons):
        shown = person.scores >= least_score
        if person.box is not None:
            _add_box(figure, person.box, index)
        for (one, other), colour in limbs.limbs:
            if shown[one] and shown[other]:
                ends = person.points[[one, other]] + 0.5  # pixel i reaches from i to i + 1
                figure.add_trace(
                    go.Scatter(
                        x=ends[:, 0].tolist(),
                        y=ends[:, 1].tolist(),
                        mode="lines",
                        line={"color": colour, "width": 3},
                        hoverinfo="skip",
                        name="limb",
                    )
                )
        figure.add_trace(_key_points(person, index, limbs, np.flatnonzero(shown), chosen))
    grid = _alone(picture)
    return grid.style(
        figure, title, clickmode="event+select", dragmode="select" if draws_boxes else False, showlegend=False
    )


def _key_points(
    person: Skeleton, index: int, limbs: Limbs, shown: NDArray[np.intp], chosen: tuple[int, int]
) -> go.Scatter:
    as_it_is = {"marker": {"opacity": 1}}
    numbers = [int(person.numbers[place]) for place in shown]
    who = "" if person.box is None else f"Person {index + 1}, "
    return go.Scatter(
        x=(person.points[shown, 0] + 0.5).tolist(),
        y=(person.points[shown, 1] + 0.5).tolist(),
        mode="markers",
        marker={
            "size": [15 if (index, number) == chosen else 9 for number in numbers],
            "color": [limbs.colours[number] for number in numbers],
            "line": {"color": "white", "width": 1.5},
        },
        selected=as_it_is,
        unselected=as_it_is,
        customdata=[
            [index, number, f"{who}{literal(limbs.names[number])}: {person.scores[place]:.2f}"]
            for place, number in zip(shown, numbers, strict=True)
        ],
        hovertemplate="%{customdata[2]} at pixel (%{y:.0f}, %{x:.0f}): click to choose it<extra></extra>",
        name="key points",
    )


def _add_box(figure: go.Figure, box: tuple[float, float, float, float], index: int) -> None:
    left, top, width, height = box
    edge = {"color": "white", "width": 1.5, "dash": "dot"}
    figure.add_shape({"type": "rect", "x0": left, "y0": top, "x1": left + width, "y1": top + height, "line": edge})
    figure.add_annotation(
        x=left,
        y=top,
        text=str(index + 1),
        showarrow=False,
        xanchor="left",
        yanchor="top",
        bgcolor="white",
        font={"color": "black", "size": TEXT_PX},
    )


def _laid_over(rgba: NDArray[np.uint8]) -> go.Image:
    return go.Image(
        source=png_uri(rgba), x0=0.5, y0=0.5, dx=1, dy=1, hoverinfo="skip", colormodel="rgba256", name="mask"
    )


def _legend_entry(mask: Mask, number: int) -> go.Scatter:
    colour = "rgba(0,0,0,0)" if number == mask.background else f"rgb{mask.colours[number]}"
    return go.Scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker={"symbol": "square", "size": 12, "color": colour, "line": {"color": NEUTRAL_COLOUR, "width": 1}},
        name=f"{literal(mask.names[number])} · {_percent(mask.shares[number])}",
        showlegend=True,
    )


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"


def middle_of(cell: int, cells: int, pixels: int) -> int:
    """The pixel in the middle of a cell, where so many cells cover so many pixels."""
    return min(int((cell + 0.5) * pixels / cells), pixels - 1)


def _positions(mask: Mask, cells: tuple[int, int]) -> go.Scatter:
    """One point a cell, in its middle, that says what the pixel there is."""
    height, width = mask.classes.shape
    step = offered_step(cells)
    points = [
        (row, column, middle_of(row, cells[0], height), middle_of(column, cells[1], width))
        for row in range(0, cells[0], step)
        for column in range(0, cells[1], step)
    ]
    told = [
        [row, column, literal(mask.names[mask.classes[y, x]]), f"{mask.confidence[y, x]:.1%} sure, pixel ({y}, {x})"]
        for row, column, y, x in points
    ]
    return clickable_points(
        [x + 0.5 for _, _, _, x in points],
        [y + 0.5 for _, _, y, _ in points],
        told,
        size_px=HALF_PX * step // cells[1],
        hovertemplate="%{customdata[2]}, %{customdata[3]}",
    )


def _alone(picture: NDArray[Any], *, below_px: int | None = None, has_bar: bool = False) -> MapGrid:
    height, width = picture.shape[:2]
    more = {} if below_px is None else {"below_px": below_px}
    return MapGrid(
        count=1, aspect=height / width, width_px=HALF_PX, largest_px=HALF_PX, title_lines=0, has_bar=has_bar, **more
    )
