"""Where the cost sits, and where a variant stands among published networks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import plotly.graph_objects as go

from explorer.charts.theme import (
    FAMILY_SYMBOLS,
    FONT,
    HRFORMER_COLOUR,
    MODE_BAR_PX,
    NEUTRAL_COLOUR,
    branch_colour,
    branch_name,
    literal,
    log_axis,
    style,
)

if TYPE_CHECKING:
    import pandas as pd


class CostPart(NamedTuple):
    """A piece of a bar.

    Attributes:
        group: The bar: a stage or a kind of work.
        branch: Index of the branch; None for what belongs to none.
        value: How much of the figure.
    """

    group: str
    branch: int | None
    value: float


#: Where the name stands per family or model: so that no two names meet.
LABEL_SIDES = {"HRFormer": "bottom right", "HRNet": "top left", "DeiT": "bottom right", "HRNet-W30": "bottom right"}

#: What the bar of the accuracies needs beside the points.
_SCALE_PX = 64
#: Decades between two points whose numbers would lie on each other.
_NEAR = 0.12
#: Ranks of legend entries after all others, which have 1000.
_LAST = 1001


def cost_bars(parts: Sequence[CostPart], unit: str, title: str) -> go.Figure:
    """Stacked bars of one cost figure, one bar per group, one colour per branch.

    Args:
        parts: What the bars consist of, in their order from top to bottom.
        unit: Unit of the values, such as "MACs".
        title: What the figure says.
    """
    total = sum(part.value for part in parts) or 1
    figure = go.Figure()
    for branch, bars in _stacks(parts).items():
        figure.add_bar(
            y=list(bars),
            x=list(bars.values()),
            orientation="h",
            name=_branch_label(branch),
            marker={"color": branch_colour(branch)},
            customdata=[value / total * 100 for value in bars.values()],
            hovertemplate=f"%{{y}}: %{{x:,}} {unit}, %{{customdata:.1f}} % of all<extra>%{{fullData.name}}</extra>",
        )
    return style(
        figure,
        title,
        height=330,
        barmode="stack",
        yaxis=_in_order(parts),
        xaxis={"title": {"text": unit}, "tickformat": "~s"},
    )


def paired_cost_bars(variants: Sequence[tuple[str, Sequence[CostPart]]], unit: str, title: str) -> go.Figure:
    """`cost_bars` of two variants on one axis, in pairs: the first one's full, the second's hatched below it.

    Args:
        variants: The name and, as in `cost_bars`, the parts of the first and of the second.
        unit: Unit of the values, such as "MACs".
        title: What the figure says.
    """
    figure = go.Figure()
    for pair, (name, parts) in reversed(list(enumerate(variants))):  # horizontal bars are piled up from below
        common = {"orientation": "h", "offsetgroup": str(pair)}
        total = sum(part.value for part in parts) or 1
        for branch, bars in _stacks(parts).items():
            figure.add_bar(
                y=list(bars),
                x=list(bars.values()),
                name=_branch_label(branch),
                legendgroup=_branch_label(branch),
                showlegend=pair == 0,
                marker=_filling(branch_colour(branch), is_second=pair == 1),
                customdata=[[value / total * 100, literal(name)] for value in bars.values()],
                hovertemplate=f"%{{y}}, %{{customdata[1]}}: %{{x:,}} {unit}, %{{customdata[0]:.1f}} % of all"
                "<extra>%{fullData.name}</extra>",
                **common,
            )
        figure.add_bar(
            y=[None],
            x=[None],
            name=f"{('full', 'hatched')[pair]}: {literal(name)}",
            legendrank=_LAST + pair,
            marker=_filling(NEUTRAL_COLOUR, is_second=pair == 1),
            **common,
        )
    return style(
        figure,
        title,
        height=430,
        barmode="stack",
        yaxis=_in_order([part for _, parts in variants for part in parts]),
        xaxis={"title": {"text": unit}, "tickformat": "~s"},
    )


def _stacks(parts: Iterable[CostPart]) -> dict[int | None, dict[str, float]]:
    """By branch, how long its part of each bar is; branches without any are left out."""
    sums: dict[int | None, dict[str, float]] = {branch: {} for branch in (None, *range(4))}
    for part in parts:
        bars = sums[part.branch]
        bars[part.group] = bars.get(part.group, 0) + part.value
    return {branch: bars for branch, bars in sums.items() if any(bars.values())}


def _branch_label(branch: int | None) -> str:
    return "no branch" if branch is None else branch_name(branch)


def _in_order(parts: Iterable[CostPart]) -> dict[str, object]:
    """A vertical axis that has the groups from top to bottom."""
    return {"categoryorder": "array", "categoryarray": list(dict.fromkeys(part.group for part in parts))[::-1]}


def _filling(colour: str, *, is_second: bool) -> dict[str, object]:
    """A bar's own colour, or hatched in it."""
    if not is_second:
        return {"color": colour}
    return {
        "color": "rgba(0,0,0,0)",
        "line": {"color": colour, "width": 1.2},
        "pattern": {"shape": "/", "fgcolor": colour, "size": 6, "solidity": 0.25},
    }


@dataclass(frozen=True)
class PlacedVariant:
    """A variant among published networks.

    Attributes:
        name: What it is called.
        macs: For one image.
        params: Learned parameters.
        img_size: For the hover text.
    """

    name: str
    macs: int
    params: int
    img_size: str


def reference_scatter(
    references: pd.DataFrame,
    macs: int,
    params: int,
    name: str,
    img_size: str,
    *,
    pinned: Sequence[PlacedVariant] = (),
) -> go.Figure:
    """Parameters over MACs of published networks, coloured by published accuracy, with the variant placed live.

    Published ones are hollow; what is counted here is full: the variant a star, pinned ones dots with the numbers under
    which the legend names them.

    Args:
        references: Columns model, family, params, macs, top1_percent, source.
        macs: The variant's MACs for one image.
        params: The variant's parameters.
        name: The variant's name.
        img_size: The variant's image size, for the hover text.
        pinned: Further variants.
    """
    figure = go.Figure()
    low, high = references["top1_percent"].min(), references["top1_percent"].max()
    for family, rows in references.groupby("family", sort=False):
        symbol = f"{FAMILY_SYMBOLS[str(family)]}-open"
        figure.add_scatter(
            x=rows["macs"] / 1e9,
            y=rows["params"] / 1e6,
            mode="markers+text",
            text=rows["model"],
            textposition=[LABEL_SIDES.get(model, LABEL_SIDES[str(family)]) for model in rows["model"]],
            legendgroup=family,
            showlegend=False,
            marker={
                "symbol": symbol,
                "size": 13,
                "line": {"width": 3},
                "color": rows["top1_percent"],
                "coloraxis": "coloraxis",
            },
            customdata=rows[["top1_percent", "source"]],
            hovertemplate="%{text} at 224x224: %{x:.3g} GMACs, %{y:.3g} M parameters, "
            "%{customdata[0]:.1f} % top-1 (%{customdata[1]})<extra></extra>",
        )
        # The legend's own marker: Plotly draws one without a scale in black, which a dark page swallows.
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=f"{family}, published",
            legendgroup=family,
            marker={"symbol": symbol, "size": 13, "line": {"width": 3}, "color": NEUTRAL_COLOUR},
        )
    this = PlacedVariant(name, macs, params, img_size)
    figure.add_trace(_variant_trace(this, f"{literal(name)} (this variant)", {"symbol": "star", "size": 18}))
    for number, variant in enumerate(pinned, start=1):
        figure.add_trace(_variant_trace(variant, f"{number} · {literal(variant.name)} (pinned)", {"symbol": "circle"}))
    placed = [this, *pinned]
    return style(
        figure,
        "Where this variant stands among published ImageNet networks",
        height=430 + 18 * len(pinned),
        annotations=_numbers(pinned),
        xaxis=log_axis("MACs per image (G, log scale)")
        | {"range": _with_room([*references["macs"] / 1e9, *(variant.macs / 1e9 for variant in placed)], 1.5)},
        yaxis=log_axis("Parameters (M, log scale)")
        | {"range": _with_room([*references["params"] / 1e6, *(variant.params / 1e6 for variant in placed)], 1.6)},
        coloraxis={
            "colorscale": "Cividis",
            "cmin": low,
            "cmax": high,
            "colorbar": {
                "title": {"text": "published top-1, %", "side": "right", "font": FONT},
                "tickfont": FONT,
                "thickness": 12,
                "len": 1,
                "y": 0.5,
                "ypad": 0,
            },
        },
        margin={"r": MODE_BAR_PX + _SCALE_PX},
    )


def _numbers(pinned: Sequence[PlacedVariant]) -> list[dict[str, object]]:
    """The numbers of pinned variants beside their dots; those of dots that lie close together stand in one label."""
    seats: list[tuple[float, float, list[str]]] = []
    for number, variant in enumerate(pinned, start=1):
        x, y = math.log10(variant.macs / 1e9), math.log10(variant.params / 1e6)
        near = next((seat for seat in seats if abs(seat[0] - x) < _NEAR and abs(seat[1] - y) < _NEAR), (x, y, []))
        if not near[2]:
            seats.append(near)
        near[2].append(str(number))
    look = {"bgcolor": HRFORMER_COLOUR, "font": {"color": "black", "size": 12}, "borderpad": 2}
    arrow = {"ax": 20, "ay": -22, "arrowhead": 0, "arrowcolor": HRFORMER_COLOUR}
    return [{"x": x, "y": y, "text": ", ".join(numbers), **look, **arrow} for x, y, numbers in seats]


def _variant_trace(variant: PlacedVariant, says: str, marker: dict[str, object]) -> go.Scatter:
    return go.Scatter(
        x=[variant.macs / 1e9],
        y=[variant.params / 1e6],
        name=says,
        mode="markers",
        marker={"color": HRFORMER_COLOUR, "size": 11, "line": {"width": 1, "color": NEUTRAL_COLOUR}, **marker},
        customdata=[[literal(variant.name), variant.img_size]],
        hovertemplate="%{customdata[0]} at %{customdata[1]}: %{x:.3g} GMACs, %{y:.3g} M parameters; accuracy needs "
        "training<extra></extra>",
    )


def _with_room(values: list[float], factor: float) -> list[float]:
    """Range of a logarithmic axis over the values, with room at both ends for the points' names."""
    return [math.log10(min(values) / factor), math.log10(max(values) * factor)]
