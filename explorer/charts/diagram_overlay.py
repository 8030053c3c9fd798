"""Two networks laid over each other: what both have, what is set differently in them, and what only one has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import plotly.graph_objects as go

from explorer.charts.diagram import STEM_NOTE, DiagramBlock, NetworkDiagram, Place, branch_axis, lay_out
from explorer.charts.theme import NEUTRAL_COLOUR, branch_colour, literal, style

#: Sides of a box, in columns and in rows.
_WIDTH, _HEIGHT = 0.66, 0.42
#: Where a box stands: its branch, its column and its row.
_Place = tuple[int | None, float, int]
#: A line: the branch that it leaves, the columns of its ends, and the branch that it enters.
_Line = tuple[int, float, float, int]


@dataclass
class _Network:
    """Boxes and lines of one network, in columns that it shares with the other."""

    boxes: dict[_Place, DiagramBlock] = field(default_factory=dict)
    lines: set[_Line] = field(default_factory=set)

    def box(self, branch: int | None, x: float, row: int, block: DiagramBlock, place: Place = ()) -> None:
        self.boxes[branch, x, row] = block

    def line(self, source: int, x0: float, x1: float, target: int, place: Place = ()) -> None:
        self.lines.add((source, x0, x1, target))


@dataclass(frozen=True)
class _Look:
    """How boxes of one kind are drawn: never told apart by colour alone."""

    says: str
    fill: float
    dash: str = "solid"
    is_hatched: bool = False


def network_overlay(first: NetworkDiagram, second: NetworkDiagram, names: tuple[str, str], title: str) -> go.Figure:
    """Draw two networks in one: full boxes only the first has, dashed and hollow ones only the second.

    Boxes that both have are tinted, and hatched where they are set differently.

    Args:
        first: One network.
        second: The other.
        names: What they are called.
        title: What the figure says.
    """
    grid = _common_grid(first, second)
    one, other = _Network(), _Network()
    captions, end = lay_out(first, one, grid)
    other_captions, _ = lay_out(second, other, grid)
    figure = go.Figure([*_line_traces(one, one.lines, "solid"), *_line_traces(other, other.lines - one.lines, "dot")])
    for look, places in _kinds(one.boxes, other.boxes, names).items():
        if places:
            figure.add_traces([*_box_traces(places, look), _legend_entry(look)])
    figure.add_trace(_hover_trace([(names[0], one.boxes), (names[1], other.boxes)]))
    labels = [a if a == b else f"{a}<br>{b}" for a, b in zip(first.branch_labels, second.branch_labels, strict=True)]
    return style(
        figure,
        title,
        height=370,
        annotations=[
            *(
                {"x": x, "y": -0.62, "text": text if text == other_text else text.split(":")[0], "showarrow": False}
                for (text, x), (other_text, _) in zip(captions, other_captions, strict=True)
            ),
            STEM_NOTE | {"showarrow": False},
        ],
        xaxis={"visible": False, "range": [-0.8, end + 0.8], "fixedrange": True},
        yaxis=branch_axis(labels),
        margin={"t": 44, "b": 40},
    )


def _common_grid(first: NetworkDiagram, second: NetworkDiagram) -> NetworkDiagram:
    """A network with at least as much of everything as either."""
    return replace(
        first,
        stage1=max(first.stage1, second.stage1, key=len),
        num_modules=tuple(map(max, first.num_modules, second.num_modules)),
        num_blocks=tuple(map(max, first.num_blocks, second.num_blocks)),
    )


def _kinds(
    one: Mapping[_Place, DiagramBlock], other: Mapping[_Place, DiagramBlock], names: tuple[str, str]
) -> dict[_Look, list[_Place]]:
    shared = [place for place in one if place in other]
    alike = [place for place in shared if one[place].settings == other[place].settings]
    return {
        _Look("in both, alike", 0.3): alike,
        _Look("in both, set differently", 0.3, is_hatched=True): [place for place in shared if place not in alike],
        _Look(f"only in {literal(names[0])}", 1.0): [place for place in one if place not in other],
        _Look(f"only in {literal(names[1])}", 0.0, dash="dot"): [place for place in other if place not in one],
    }


def _line_traces(network: _Network, lines: Iterable[_Line], dash: str) -> Iterator[go.Scatter]:
    """Lines from box to box: they end at a box's sides, so that it shows nothing but its own filling."""
    places = {(x, row) for _, x, row in network.boxes}
    for branch in sorted({source for source, *_ in lines}):
        xs: list[float | None] = []
        ys: list[float | None] = []
        for source, x0, x1, target in lines:
            if source == branch:
                xs += [x0 + _WIDTH / 2 * ((x0, source) in places), x1 - _WIDTH / 2 * ((x1, target) in places), None]
                ys += [source, target, None]
        line = {"color": branch_colour(branch), "width": 1.4, "dash": dash}
        yield go.Scatter(x=xs, y=ys, mode="lines", line=line, opacity=0.55, hoverinfo="skip", showlegend=False)


def _box_traces(places: Iterable[_Place], look: _Look) -> Iterator[go.Scatter]:
    """One closed path a box, one trace a branch."""
    by_branch: dict[int | None, list[_Place]] = {}
    for place in places:
        by_branch.setdefault(place[0], []).append(place)
    for branch, some in by_branch.items():
        xs: list[float | None] = []
        ys: list[float | None] = []
        for _, x, row in some:
            left, right, top, bottom = x - _WIDTH / 2, x + _WIDTH / 2, row - _HEIGHT / 2, row + _HEIGHT / 2
            xs += [left, right, right, left, left, None]
            ys += [top, top, bottom, bottom, top, None]
        yield go.Scatter(x=xs, y=ys, showlegend=False, hoverinfo="skip", **_drawn(branch_colour(branch), look))


def _legend_entry(look: _Look) -> go.Scatter:
    return go.Scatter(x=[None], y=[None], name=look.says, **_drawn(NEUTRAL_COLOUR, look))


def _drawn(colour: str, look: _Look) -> dict[str, object]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    fill = f"rgba({red},{green},{blue},{look.fill})"
    hatched = {"shape": "/", "fgcolor": colour, "bgcolor": fill, "size": 6, "solidity": 0.25, "fillmode": "overlay"}
    return {
        "mode": "lines",
        "line": {"color": colour, "width": 1.6, "dash": look.dash},
        "fill": "toself",
        "fillcolor": fill,
        **({"fillpattern": hatched} if look.is_hatched else {}),
    }


def _hover_trace(networks: Sequence[tuple[str, Mapping[_Place, DiagramBlock]]]) -> go.Scatter:
    """What the pointer meets: each place with what stands there in which network."""
    places = list(dict.fromkeys(place for _, boxes in networks for place in boxes))
    return go.Scatter(
        x=[x for _, x, _ in places],
        y=[row for _, _, row in places],
        mode="markers",
        marker={"symbol": "square", "size": 20, "opacity": 0},
        customdata=[
            "<br>".join(f"<b>{literal(name)}</b><br>{boxes[place].hover}" for name, boxes in networks if place in boxes)
            for place in places
        ],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )
