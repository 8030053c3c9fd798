"""The diagram of a network to click on: blocks, fusion arrows and branches, which are taken out, what each is worth."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import plotly.graph_objects as go

from explorer.charts.diagram import STEM_NOTE, DiagramBlock, NetworkDiagram, Place, branch_axis, lay_out
from explorer.charts.theme import (
    COLOUR_BAR_PX,
    DIVERGING_SCALE,
    NEUTRAL_COLOUR,
    PAGE_PX,
    SEQUENTIAL_SCALE,
    TEXT_PX,
    branch_colour,
    colour_bar,
    style,
)

#: Sides of a box, in columns and in rows.
_WIDTH, _HEIGHT = 0.66, 0.44
#: From a module's blocks to what its fusion makes: room for a mark on each arrow.
_FUSION_COLUMNS = 3
_BRANCH_X = -1.5
_BRANCH_PX, _ARROW_PX, _LEAST_ARROW_PX = 28, 13, 7
_ROW_PX = 74
_HEIGHT_PX = 350
_AXIS_PX = 70


@dataclass(frozen=True)
class PartLook:
    """How a part is drawn.

    Attributes:
        says: The sentence shown on hover.
        taken: Whether it is taken out, or something inside it.
        worth: What it is worth, on the figure's scale; several values stand side by side. None where nothing is known.
    """

    says: str
    taken: Literal["no", "inside", "whole"] = "no"
    worth: tuple[float, ...] = ()


@dataclass(frozen=True)
class Worths:
    """The scale on which parts are coloured.

    Attributes:
        says: What the numbers of the colour bar are, with their unit.
        signed: Whether something can be worth less than nothing.
    """

    says: str
    signed: bool


@dataclass
class _Boxes:
    """What the layout gives: boxes, plain lines, and the arrows of fusions."""

    boxes: list[tuple[str, int | None, float, int]] = field(default_factory=list)
    lines: list[tuple[int, float, float, int]] = field(default_factory=list)
    arrows: dict[str, tuple[int, float, float, int]] = field(default_factory=dict)

    def box(self, branch: int | None, x: float, row: int, block: DiagramBlock, place: Place = ()) -> None:
        self.boxes.append((_key("block", place) if place else "", branch, x, row))

    def line(self, source: int, x0: float, x1: float, target: int, place: Place = ()) -> None:
        if place:
            self.arrows[_key("arrow", place)] = source, x0, x1, target
        else:
            self.lines.append((source, x0, x1, target))


def parts_diagram(
    network: NetworkDiagram,
    looks: Mapping[str, PartLook],
    title: str,
    *,
    worths: Worths | None = None,
    chosen: str = "",
) -> go.Figure:
    """Draw the network; each part can be clicked, and its point carries the part's key as customdata.

    Parts that are taken out are crossed, those with something taken out inside are hatched.

    Args:
        network: The structure.
        looks: By key, such as "branch:0", "block:3.0.1.0" or "arrow:3.0.0.1" with the numbers of
            `explorer.charts.diagram.Place`; what has no look cannot be clicked.
        title: What the figure says.
        worths: The scale of the parts' worth, where they are coloured.
        chosen: Key of the block that is looked at.
    """
    canvas = _Boxes()
    captions, end = lay_out(network, canvas, fusion_columns=_FUSION_COLUMNS)
    column_px = (PAGE_PX - _AXIS_PX) / (end + 1.6 - _BRANCH_X)
    rows = range(len(network.branch_labels))
    figure = go.Figure(
        [
            *_lines(canvas, looks),
            *_fills(canvas, looks),
            *_outlines(canvas, looks, chosen),
            _arrow_marks(canvas, looks, column_px),
            _branch_marks(looks, rows),
            _click_points(canvas, looks, column_px),
        ]
    )
    notes = [*({"x": x, "y": -0.62, "text": text} for text, x in captions), STEM_NOTE]
    return style(
        figure,
        title,
        height=_HEIGHT_PX + (COLOUR_BAR_PX if worths else 0),
        showlegend=False,
        barmode="overlay",
        clickmode="event+select",
        dragmode=False,
        annotations=[{"showarrow": False} | note for note in notes],
        coloraxis=_colour_axis(looks.values(), worths),
        xaxis={"visible": False, "range": [_BRANCH_X - 0.8, end + 0.8], "fixedrange": True},
        yaxis=branch_axis(network.branch_labels),
        margin={"t": 44, "b": COLOUR_BAR_PX if worths else 4},
    )


def _key(kind: str, place: Place) -> str:
    return f"{kind}:{'.'.join(map(str, place))}"


def _lines(canvas: _Boxes, looks: Mapping[str, PartLook]) -> Iterator[go.Scatter]:
    """Lines in their source's colour; an arrow that is taken out is dotted and grey."""
    places = {(x, row) for _, _, x, row in canvas.boxes}
    taken = {key for key in canvas.arrows if _look(looks, key).taken == "whole"}
    kept = [*canvas.lines, *(line for key, line in canvas.arrows.items() if key not in taken)]
    for branch in sorted({line[0] for line in kept}):
        line = {"color": branch_colour(branch), "width": 1.4}
        yield _line([one for one in kept if one[0] == branch], places, line=line, opacity=0.55)
    if taken:
        yield _line(
            [canvas.arrows[key] for key in sorted(taken)], places, line={"color": NEUTRAL_COLOUR, "dash": "dot"}
        )


def _line(
    lines: Iterable[tuple[int, float, float, int]], places: Collection[tuple[float, int]], **options: Any
) -> go.Scatter:
    """Lines that end at a box's side, where there is a box."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for source, x0, x1, target in lines:
        xs += [x0 + _WIDTH / 2 * ((x0, source) in places), x1 - _WIDTH / 2 * ((x1, target) in places), None]
        ys += [source, target, None]
    return go.Scatter(x=xs, y=ys, mode="lines", hoverinfo="skip", showlegend=False, **options)


def _fills(canvas: _Boxes, looks: Mapping[str, PartLook]) -> Iterator[go.Bar]:
    """What a block is worth as its colour: one value all over, several side by side."""
    cells = []
    for key, _, x, row in canvas.boxes:
        worth = _look(looks, key).worth
        width = _WIDTH / max(len(worth), 1)
        cells += [(x - _WIDTH / 2 + width * (at + 0.5), row, width, value) for at, value in enumerate(worth)]
    if cells:
        xs, ys, widths, values = zip(*cells, strict=True)
        yield _bars(xs, ys, width=widths, marker={"color": values, "coloraxis": "coloraxis", "line": {"width": 0}})


def _outlines(canvas: _Boxes, looks: Mapping[str, PartLook], chosen: str) -> Iterator[go.Bar]:
    """Boxes in their branch's colour, hatched or crossed where something is taken out."""
    patterns = {"no": "", "inside": "/", "whole": "x"}
    for branch in sorted({branch for _, branch, _, _ in canvas.boxes}, key=str):
        boxes = [box for box in canvas.boxes if box[1] == branch]
        shapes = [patterns[_look(looks, key).taken] for key, _, _, _ in boxes]
        yield _bars(
            [x for _, _, x, _ in boxes],
            [row for _, _, _, row in boxes],
            width=_WIDTH,
            marker={
                "color": "rgba(0,0,0,0)",
                "line": {
                    "color": branch_colour(branch),
                    "width": [4 if key and key == chosen else 1.6 for key, _, _, _ in boxes],
                },
                "pattern": {"shape": shapes, "fgcolor": branch_colour(branch), "size": 7, "solidity": 0.35},
            },
        )


def _bars(xs: Sequence[float], rows: Sequence[float], **options: Any) -> go.Bar:
    return go.Bar(
        x=list(xs),
        base=[row - _HEIGHT / 2 for row in rows],
        y=[_HEIGHT] * len(rows),
        hoverinfo="skip",
        **options,
    )


def _arrow_marks(canvas: _Boxes, looks: Mapping[str, PartLook], column_px: float) -> go.Scatter:
    """A mark on each arrow, further along for lower sources, so that no two meet; a cross where it is taken out."""
    keys = [key for key in canvas.arrows if key in looks]
    places = [_on_arrow(*canvas.arrows[key], sources=int(key.split(":")[1].split(".")[0])) for key in keys]
    size = min(_ARROW_PX, max(_LEAST_ARROW_PX, column_px * (_FUSION_COLUMNS - _WIDTH) / 5 - 1))
    worths = [looks[key].worth for key in keys]
    colours: list[Any] = [branch_colour(canvas.arrows[key][0]) for key in keys]
    return _marks(
        keys,
        looks,
        x=[x for x, _ in places],
        y=[y for _, y in places],
        marker={
            "size": size,
            "symbol": ["x" if looks[key].taken == "whole" else "circle" for key in keys],
            "line": {"width": 1, "color": NEUTRAL_COLOUR},
        }
        | (
            {"color": [worth[0] for worth in worths], "coloraxis": "coloraxis"}
            if keys and all(worths)
            else {"color": colours}
        ),
    )


def _on_arrow(source: int, x0: float, x1: float, target: int, sources: int) -> tuple[float, float]:
    share = (source + 1) / (sources + 1)
    start, end = x0 + _WIDTH / 2, x1 - _WIDTH / 2  # short of the next module's box, if there is one
    return start + share * (end - start), source + share * (target - source)


def _branch_marks(looks: Mapping[str, PartLook], rows: Iterable[int]) -> go.Scatter:
    keys = [key for row in rows if (key := f"branch:{row}") in looks]
    branches = [int(key.split(":")[1]) for key in keys]
    worths = [looks[key].worth for key in keys]
    is_ranked = bool(keys) and all(worths)
    symbols = ["x" if looks[key].taken == "whole" else "square" for key in keys]
    colours = [branch_colour(branch) for branch in branches]
    return _marks(
        keys,
        looks,
        x=[_BRANCH_X] * len(keys),
        y=branches,
        marker={"size": _BRANCH_PX, "symbol": symbols, "line": {"width": 3, "color": colours}}
        | ({"color": [worth[0] for worth in worths], "coloraxis": "coloraxis"} if is_ranked else {"color": colours}),
    )


def _click_points(canvas: _Boxes, looks: Mapping[str, PartLook], column_px: float) -> go.Scatter:
    """Invisible points over the boxes: Streamlit reports no click on a bar."""
    boxes = [box for box in canvas.boxes if box[0] in looks]
    return _marks(
        [key for key, _, _, _ in boxes],
        looks,
        x=[x for _, _, x, _ in boxes],
        y=[row for _, _, _, row in boxes],
        opacity=0,
        marker={"symbol": "square", "size": max(TEXT_PX, min(_WIDTH * column_px, _HEIGHT * _ROW_PX))},
    )


def _marks(keys: Sequence[str], looks: Mapping[str, PartLook], opacity: float = 1, **options: Any) -> go.Scatter:
    as_it_is = {"marker": {"opacity": opacity}}
    return go.Scatter(
        mode="markers",
        customdata=list(keys),
        hovertext=[looks[key].says for key in keys],
        hovertemplate="%{hovertext}<extra></extra>",
        opacity=opacity,
        selected=as_it_is,
        unselected=as_it_is,
        showlegend=False,
        **options,
    )


def _look(looks: Mapping[str, PartLook], key: str) -> PartLook:
    return looks.get(key, _PLAIN)


def _colour_axis(looks: Iterable[PartLook], worths: Worths | None) -> dict[str, Any]:
    values = [value for look in looks for value in look.worth]
    if worths is None or not values:
        return {"showscale": False}
    bar = colour_bar(worths.says)
    largest = max(map(abs, values)) or 1.0
    if worths.signed:
        return {"colorscale": DIVERGING_SCALE, "cmin": -largest, "cmax": largest, "colorbar": bar}
    return {"colorscale": SEQUENTIAL_SCALE, "cmin": 0, "cmax": largest, "colorbar": bar}


_PLAIN = PartLook("")
