"""The multi-branch diagram: stages across, resolutions down, fusions and transitions drawn as they are in the code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import plotly.graph_objects as go

from explorer.charts.theme import BRANCH_COLOURS, NEUTRAL_COLOUR, branch_name, style

#: Above this many blocks side by side a module's blocks are drawn as one box.
MAX_COLUMNS = 44
#: Sides of a box, in columns and in rows.
_BOX_WIDTH, _BOX_HEIGHT = 0.66, 0.44
#: Where notes have room on a narrow page: there are no boxes below the first ones.
_AT_LEFT = {"x": -_BOX_WIDTH / 2, "xanchor": "left", "align": "left"}
STEM_NOTE: dict[str, Any] = {"y": 0.5, "text": "stem, stage 1"} | _AT_LEFT


@dataclass(frozen=True)
class DiagramBlock:
    """What one box says and how full it is.

    Attributes:
        hover: The sentence shown on hover.
        share: Share of all MACs, 0 to 1; fills the box.
        settings: All that makes it what it is: boxes of two networks with equal settings are alike.
    """

    hover: str
    share: float
    settings: tuple[object, ...] = ()


@dataclass(frozen=True)
class NetworkDiagram:
    """The structure to draw.

    Attributes:
        stem: The convolutional stem.
        stage1: The bottlenecks.
        blocks: One entry per branch: any block of it, for all blocks of a branch cost the same.
        num_modules: Modules of stages 2 to 4.
        num_blocks: Blocks per module of stages 2 to 4.
        branch_labels: Axis label per branch, such as "1/4 · 56x56".
        last_targets: Branches that the last fusion makes (1 for pose).
        fuses: Whether fusions join branches; otherwise each branch runs on alone.
        head: The head.
        head_inputs: Branches that the head reads.
        head_aggregates_down: Whether the head ends at the lowest resolution (classification) or at the highest.
    """

    stem: DiagramBlock
    stage1: Sequence[DiagramBlock]
    blocks: Sequence[DiagramBlock]
    num_modules: Sequence[int]
    num_blocks: Sequence[int]
    branch_labels: Sequence[str]
    last_targets: int
    fuses: bool
    head: DiagramBlock
    head_inputs: int
    head_aggregates_down: bool

    @property
    def condensed(self) -> bool:
        """Whether a module's blocks are drawn as one box, because there are too many."""
        return sum(m * b for m, b in zip(self.num_modules, self.num_blocks, strict=True)) > MAX_COLUMNS


#: Of a block: stage from 1, module, branch and block from 0; bottlenecks of stage 1 are counted through. Of a line of a
#: fusion: stage, module, source and target. Other boxes and lines have none.
Place = tuple[int, ...]


class Canvas(Protocol):
    """What a network is laid out on, in columns and rows: a row is a branch, highest resolution first."""

    def box(self, branch: int | None, x: float, row: int, block: DiagramBlock, place: Place = ()) -> None:
        """Take a box; its branch is None where it belongs to none."""

    def line(self, source: int, x0: float, x1: float, target: int, place: Place = ()) -> None:
        """Take a line from one branch to another or the same."""


@dataclass
class _Canvas:
    """Boxes and lines by branch, collected before they become traces: few traces draw fast."""

    boxes: dict[int | None, list[tuple[float, int, DiagramBlock]]]
    lines: dict[int, list[tuple[float, int, float, int]]]

    def box(self, branch: int | None, x: float, row: int, block: DiagramBlock, place: Place = ()) -> None:
        self.boxes.setdefault(branch, []).append((x, row, block))

    def line(self, source: int, x0: float, x1: float, target: int, place: Place = ()) -> None:
        self.lines.setdefault(source, []).append((x0, source, x1, target))


def network_diagram(network: NetworkDiagram, title: str) -> go.Figure:
    """Draw the network; boxes have the colour of their branch, and their filled area is their share of the MACs.

    The most costly box is full, and a note says what it costs. How light or dark a box is would tell the opposite on
    the other theme.
    """
    canvas = _Canvas({}, {})
    stage_centres, end = lay_out(network, canvas)
    most = max(block.share for boxes in canvas.boxes.values() for _, _, block in boxes)
    figure = go.Figure([*_line_traces(canvas), *_box_traces(canvas, most)])
    rows = range(len(network.branch_labels))
    notes = [
        *({"x": x, "y": -0.62, "text": text} for text, x in stage_centres),
        STEM_NOTE,
        {"y": len(rows) - 1, "text": f"A full box:<br>{most * 100:.2g} % of the MACs"} | _AT_LEFT,
    ]
    return style(
        figure,
        title,
        height=330,
        showlegend=False,
        barmode="overlay",
        annotations=[{"showarrow": False} | note for note in notes],
        xaxis={"visible": False, "range": [-0.8, end + 0.8], "fixedrange": True},
        yaxis=branch_axis(network.branch_labels),
        margin={"t": 44, "b": 4},
    )


def branch_axis(labels: Sequence[str]) -> dict[str, Any]:
    """The rows of a diagram, a branch each, the first at the top, with room for the stages' captions above."""
    return {
        "tickvals": list(range(len(labels))),
        "ticktext": list(labels),
        "range": [len(labels) - 0.5, -0.85],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }


def lay_out(
    network: NetworkDiagram, canvas: Canvas, grid: NetworkDiagram | None = None, fusion_columns: int = 1
) -> tuple[list[tuple[str, float]], float]:
    """Place everything from left to right.

    Args:
        network: What is placed.
        canvas: Where.
        grid: A network with at least as much of everything, whose columns are used; by default the network's own.
        fusion_columns: From a module's last blocks to what its fusion makes.

    Returns:
        The stages' captions with their centres, and the right end.
    """
    grid = grid or network
    canvas.box(None, 0, 0, network.stem)
    for column, bottleneck in enumerate(network.stage1, start=1):
        canvas.box(None, column, 0, bottleneck, (1, 0, 0, column - 1))
        canvas.line(0, column - 1, column, 0)
    x = float(len(grid.stage1))
    _run_on(canvas, range(1), len(network.stage1), x)
    captions = []
    for stage in (2, 3, 4):
        first = x = _transition(canvas, x, stage)
        targets = stage
        for module in range(network.num_modules[stage - 2]):
            if stage == 4 and module == network.num_modules[-1] - 1:
                targets = network.last_targets
            made = x + _columns(grid, stage) - 1 + fusion_columns
            _module(network, canvas, x, (stage, module), grid)
            _fusion(canvas, (made - fusion_columns, made), (stage, module), targets, network.fuses)
            x = made
        end = first + grid.num_modules[stage - 2] * (_columns(grid, stage) - 1 + fusion_columns)
        _run_on(canvas, range(targets), x, end)
        x = end
        blocks = f": {network.num_blocks[stage - 2]} blocks a box" if grid.condensed else ""
        captions.append((f"stage {stage}{blocks}", (first + x - 1) / 2))
    row = network.head_inputs - 1 if network.head_aggregates_down else 0
    for branch in range(network.head_inputs):
        canvas.line(branch, x, x + 1, row)
    canvas.box(None, x + 1, row, network.head)
    return [*captions, ("head", x + 1)], x + 1


def _run_on(canvas: Canvas, branches: Iterable[int], x: float, end: float) -> None:
    """Branches pass the columns in which only another network of the grid has something."""
    if x < end:
        for branch in branches:
            canvas.line(branch, x, end, branch)


def _transition(canvas: Canvas, x: float, branches: int) -> float:
    """Kept branches run on, the new one leaves the lowest; returns the first column of the next stage."""
    for branch in range(branches):
        canvas.line(min(branch, branches - 2), x, x + 1, branch)
    return x + 1


def _columns(grid: NetworkDiagram, stage: int) -> int:
    """Columns of each module of a stage."""
    return 1 if grid.condensed else grid.num_blocks[stage - 2]


def _module(network: NetworkDiagram, canvas: Canvas, x: float, place: Place, grid: NetworkDiagram) -> None:
    """All branches' blocks, from column x on; the place is stage and module."""
    stage = place[0]
    blocks = network.num_blocks[stage - 2]
    for branch in range(stage):
        block = network.blocks[branch]
        if grid.condensed:
            block = replace(block, share=block.share * blocks, settings=(*block.settings, blocks))
        for column in range(_columns(grid, stage)):
            if column < blocks:
                canvas.box(branch, x + column, branch, block, (*place, branch, column))
            if column:
                canvas.line(branch, x + column - 1, x + column, branch)


def _fusion(canvas: Canvas, columns: tuple[float, float], place: Place, targets: int, fuses: bool) -> None:
    """What each branch of a stage adds to each target; the place is stage and module."""
    for source in range(place[0]):
        for target in range(targets):
            if fuses or source == target:
                canvas.line(source, *columns, target, (*place, source, target))


def _line_traces(canvas: _Canvas) -> Iterator[go.Scatter]:
    """Lines from box to box: they end at a box's sides, so that it shows nothing but its own filling."""
    places = {(x, row) for boxes in canvas.boxes.values() for x, row, _ in boxes}
    for branch, lines in sorted(canvas.lines.items()):
        xs: list[float | None] = []
        ys: list[float | None] = []
        for x0, row0, x1, row1 in lines:
            xs += [
                x0 + _BOX_WIDTH / 2 * ((x0, row0) in places),
                x1 - _BOX_WIDTH / 2 * ((x1, row1) in places),
                None,
            ]
            ys += [row0, row1, None]
        line = {"color": BRANCH_COLOURS[branch], "width": 1.4}
        yield go.Scatter(x=xs, y=ys, mode="lines", line=line, opacity=0.55, hoverinfo="skip", showlegend=False)


def _box_traces(canvas: _Canvas, most: float) -> Iterator[go.Bar]:
    """What fills the boxes, then the boxes themselves, which are what the pointer meets."""
    for branch, boxes in canvas.boxes.items():
        colour = NEUTRAL_COLOUR if branch is None else BRANCH_COLOURS[branch]
        sides = [(block.share / most) ** 0.5 if most else 0.0 for _, _, block in boxes]
        yield _bars(boxes, sides, marker={"color": colour, "line": {"width": 0}}, hoverinfo="skip")
        yield _bars(
            boxes,
            [1.0] * len(boxes),
            marker={"color": "rgba(0,0,0,0)", "line": {"color": colour, "width": 1.6}},
            customdata=[block.hover for _, _, block in boxes],
            hovertemplate="%{customdata}<extra></extra>",
            name="shared parts" if branch is None else branch_name(branch),
        )


def _bars(boxes: Sequence[tuple[float, int, DiagramBlock]], sides: Sequence[float], **options: Any) -> go.Bar:
    """Bars around the centres of boxes, whose sides are so many times those of a box."""
    return go.Bar(
        x=[x for x, _, _ in boxes],
        base=[row - _BOX_HEIGHT / 2 * side for (_, row, _), side in zip(boxes, sides, strict=True)],
        y=[_BOX_HEIGHT * side for side in sides],
        width=[_BOX_WIDTH * side for side in sides],
        **options,
    )
