"""Where the cost sits, and where a variant stands among published networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import plotly.graph_objects as go

from explorer.charts.theme import FONT, MODE_BAR_PX, NEUTRAL_COLOUR, branch_colour, branch_name, log_axis, style

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


#: Marker per family, and where the name stands per family or model: so that no two names meet.
SYMBOLS = {"HRFormer": "circle-open", "HRNet": "square-open", "DeiT": "diamond-open"}
LABEL_SIDES = {"HRFormer": "bottom right", "HRNet": "top left", "DeiT": "bottom right", "HRNet-W30": "bottom right"}

#: What the bar of the accuracies needs beside the points.
_SCALE_PX = 64


def cost_bars(parts: Sequence[CostPart], unit: str, title: str) -> go.Figure:
    """Stacked bars of one cost figure, one bar per group, one colour per branch.

    Args:
        parts: What the bars consist of, in their order from top to bottom.
        unit: Unit of the values, such as "MACs".
        title: What the figure says.
    """
    total = sum(part.value for part in parts) or 1
    order = list(dict.fromkeys(part.group for part in parts))
    sums: dict[int | None, dict[str, float]] = {branch: {} for branch in (None, *range(4))}
    for part in parts:
        bars = sums[part.branch]
        bars[part.group] = bars.get(part.group, 0) + part.value
    figure = go.Figure()
    for branch, bars in sums.items():
        if not any(bars.values()):
            continue
        figure.add_bar(
            y=list(bars),
            x=list(bars.values()),
            orientation="h",
            name="no branch" if branch is None else branch_name(branch),
            marker={"color": branch_colour(branch)},
            customdata=[value / total * 100 for value in bars.values()],
            hovertemplate=f"%{{y}}: %{{x:,}} {unit}, %{{customdata:.1f}} % of all<extra>%{{fullData.name}}</extra>",
        )
    return style(
        figure,
        title,
        height=330,
        barmode="stack",
        yaxis={"categoryorder": "array", "categoryarray": order[::-1]},
        xaxis={"title": {"text": unit}, "tickformat": "~s"},
    )


def reference_scatter(references: pd.DataFrame, macs: int, params: int, name: str, img_size: str) -> go.Figure:
    """Parameters over MACs of published networks, coloured by published accuracy, with the variant placed live.

    Args:
        references: Columns model, family, params, macs, top1_percent, source.
        macs: The variant's MACs for one image.
        params: The variant's parameters.
        name: The variant's name.
        img_size: The variant's image size, for the hover text.
    """
    figure = go.Figure()
    low, high = references["top1_percent"].min(), references["top1_percent"].max()
    for family, rows in references.groupby("family", sort=False):
        figure.add_scatter(
            x=rows["macs"] / 1e9,
            y=rows["params"] / 1e6,
            mode="markers+text",
            text=rows["model"],
            textposition=[LABEL_SIDES.get(model, LABEL_SIDES[str(family)]) for model in rows["model"]],
            legendgroup=family,
            showlegend=False,
            marker={
                "symbol": SYMBOLS[str(family)],
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
            marker={"symbol": SYMBOLS[str(family)], "size": 13, "line": {"width": 3}, "color": NEUTRAL_COLOUR},
        )
    figure.add_scatter(
        x=[macs / 1e9],
        y=[params / 1e6],
        mode="markers",
        name=f"{name} (this variant)",
        marker={"symbol": "star", "size": 18, "color": "#D55E00", "line": {"width": 1, "color": NEUTRAL_COLOUR}},
        hovertemplate=f"{name} at {img_size}: %{{x:.3g}} GMACs, %{{y:.3g}} M parameters; accuracy needs training"
        "<extra></extra>",
    )
    return style(
        figure,
        "Where this variant stands among published ImageNet networks",
        height=430,
        xaxis=log_axis("MACs per image (G, log scale)")
        | {"range": _with_room([*references["macs"] / 1e9, macs / 1e9], 1.5)},
        yaxis=log_axis("Parameters (M, log scale)")
        | {"range": _with_room([*references["params"] / 1e6, params / 1e6], 1.6)},
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


def _with_room(values: list[float], factor: float) -> list[float]:
    """Range of a logarithmic axis over the values, with room at both ends for the points' names."""
    return [math.log10(min(values) / factor), math.log10(max(values) * factor)]
