"""The multi-branch diagram: stages across, resolutions down, fusions and transitions drawn as they are in the code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.charts.theme import BRANCH_COLOURS, NEUTRAL_COLOUR, branch_name, style

#: Above this many blocks side by side a module's blocks are drawn as one box.
MAX_COLUMNS = 44


@dataclass(frozen=True)
class DiagramBlock:
    """What one box says and how dark it is.

    Attributes:
        hover: The sentence shown on hover.
        share: Share of all MACs, 0 to 1; shades the box.
    """

    hover: str
    share: float


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


@dataclass
class _Canvas:
    """Boxes and lines by branch, collected before they become traces: few traces draw fast."""

    boxes: dict[int | None, list[tuple[float, int, DiagramBlock]]]
    lines: dict[int, tuple[list[float | None], list[float | None]]]

    def box(self, branch: int | None, x: float, row: int, block: DiagramBlock) -> None:
        self.boxes.setdefault(branch, []).append((x, row, block))

    def line(self, source: int, x0: float, x1: float, target: int) -> None:
        xs, ys = self.lines.setdefault(source, ([], []))
        xs += [x0, x1, None]
        ys += [source, target, None]


def network_diagram(network: NetworkDiagram, title: str) -> go.Figure:
    """Draw the network; boxes are coloured by branch and the darker, the larger their share of the MACs."""
    canvas = _Canvas({}, {})
    stage_centres, end = _layout(network, canvas)
    figure = go.Figure([*_line_traces(canvas), *_box_traces(canvas)])
    rows = range(len(network.branch_labels))
    annotations = [
        {"x": x, "y": -0.62, "text": text, "showarrow": False, "font": {"size": 12}} for text, x in stage_centres
    ]
    return style(
        figure,
        title,
        height=330,
        showlegend=False,
        annotations=annotations,
        xaxis={"visible": False, "range": [-0.8, end + 0.8], "fixedrange": True},
        yaxis={
            "tickvals": list(rows),
            "ticktext": list(network.branch_labels),
            "range": [len(rows) - 0.5, -0.85],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        margin={"l": 10, "r": 10, "t": 44, "b": 4},
    )


def _layout(network: NetworkDiagram, canvas: _Canvas) -> tuple[list[tuple[str, float]], float]:
    """Place everything from left to right; returns the stages' captions with their centres, and the right end."""
    canvas.box(None, 0, 0, network.stem)
    for column, bottleneck in enumerate(network.stage1, start=1):
        canvas.box(None, column, 0, bottleneck)
    x = float(len(network.stage1))
    captions = [("stem", 0.0), ("stage 1", (1 + x) / 2)]
    canvas.line(0, 0, x, 0)
    for stage in (2, 3, 4):
        first = x = _transition(canvas, x, stage)
        for module in range(network.num_modules[stage - 2]):
            last = stage == 4 and module == network.num_modules[-1] - 1
            x = _module(network, canvas, x, stage)
            _fusion(canvas, x, stage, network.last_targets if last else stage, network.fuses)
        blocks = f": {network.num_blocks[stage - 2]} blocks a box" if network.condensed else ""
        captions.append((f"stage {stage}{blocks}", (first + x - 1) / 2))
    row = network.head_inputs - 1 if network.head_aggregates_down else 0
    for branch in range(network.head_inputs):
        canvas.line(branch, x, x + 1, row)
    canvas.box(None, x + 1, row, network.head)
    return [*captions, ("head", x + 1)], x + 1


def _transition(canvas: _Canvas, x: float, branches: int) -> float:
    """Kept branches run on, the new one leaves the lowest; returns the first column of the next stage."""
    for branch in range(branches):
        canvas.line(min(branch, branches - 2), x, x + 1, branch)
    return x + 1


def _module(network: NetworkDiagram, canvas: _Canvas, x: float, stage: int) -> float:
    """All branches' blocks; returns the column after them, where the fusion's outputs are."""
    columns = 1 if network.condensed else network.num_blocks[stage - 2]
    for branch in range(stage):
        canvas.line(branch, x, x + columns - 1, branch)
        for column in range(columns):
            canvas.box(branch, x + column, branch, network.blocks[branch])
    return x + columns


def _fusion(canvas: _Canvas, x: float, branches: int, targets: int, fuses: bool) -> None:
    for source in range(branches):
        for target in range(targets):
            if fuses or source == target:
                canvas.line(source, x - 1, x, target)


def _line_traces(canvas: _Canvas) -> Iterator[go.Scatter]:
    for branch, (xs, ys) in sorted(canvas.lines.items()):
        line = {"color": BRANCH_COLOURS[branch], "width": 1.4}
        yield go.Scatter(x=xs, y=ys, mode="lines", line=line, opacity=0.55, hoverinfo="skip", showlegend=False)


def _box_traces(canvas: _Canvas) -> Iterator[go.Scatter]:
    largest = max(block.share for boxes in canvas.boxes.values() for _, _, block in boxes) or 1.0
    columns = max(x for boxes in canvas.boxes.values() for x, _, _ in boxes)
    size = max(4.0, min(22.0, 360 / (columns + 2)))  # boxes of a 1,024 pixel wide page just do not touch
    for branch, boxes in canvas.boxes.items():
        colour = NEUTRAL_COLOUR if branch is None else BRANCH_COLOURS[branch]
        yield go.Scatter(
            x=[x for x, _, _ in boxes],
            y=[row for _, row, _ in boxes],
            mode="markers",
            marker={
                "symbol": "square",
                "size": size,
                "color": [_shade(colour, (block.share / largest) ** 0.5) for _, _, block in boxes],
                "line": {"color": colour, "width": 1.6},
                "opacity": 1,
            },
            customdata=[block.hover for _, _, block in boxes],
            hovertemplate="%{customdata}<extra></extra>",
            name="shared parts" if branch is None else branch_name(branch),
        )


def _shade(colour: str, share: float) -> str:
    """The colour mixed with white, so that lines do not shine through: white at 0, full at 1."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    strength = 0.12 + 0.88 * share
    mixed = (round(255 + (channel - 255) * strength) for channel in (red, green, blue))
    return "rgb({},{},{})".format(*mixed)
