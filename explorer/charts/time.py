"""Share of time beside share of work, part by part of a network."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer.charts.theme import BRANCH_COLOURS, NEUTRAL_COLOUR, branch_colour, style

#: Time where no branch has its own colour.
TIME_COLOUR = "#D55E00"
_PAIR_PX = 46


def share_bars(table: pd.DataFrame, title: str, longest_share: float, order: list[str]) -> go.Figure:
    """Paired horizontal bars: filled for the share of time, hollow for that of the multiply-adds.

    Args:
        table: One row per part with the columns part, branch (index, or missing where the part is no branch),
            time_ms, macs, time_share, macs_share (0 to 1).
        title: What the figure says.
        longest_share: End of the axis, so that two profiles beside each other have the same; 0 to 1.
        order: The parts from top to bottom, the same for two profiles beside each other.
    """
    colours = [TIME_COLOUR if pd.isna(branch) else branch_colour(_coloured(branch)) for branch in table["branch"]]
    outlines = [NEUTRAL_COLOUR if pd.isna(branch) else branch_colour(_coloured(branch)) for branch in table["branch"]]
    figure = go.Figure()
    figure.add_bar(
        y=table["part"],
        x=table["macs_share"] * 100,
        orientation="h",
        name="MACs (hollow)",
        marker={"color": "rgba(0,0,0,0)", "line": {"color": outlines, "width": 2}},
        customdata=table["macs"] / 1e6,
        text=[_percent(share) for share in table["macs_share"]],
        textposition="outside",
        hovertemplate="%{y}: %{x:.1f} % of the multiply-adds, %{customdata:,.1f} MMACs<extra></extra>",
    )
    figure.add_bar(
        y=table["part"],
        x=table["time_share"] * 100,
        orientation="h",
        name="time (filled)",
        marker={"color": colours, "line": {"color": colours, "width": 2}},
        customdata=table["time_ms"],
        text=[_percent(share) for share in table["time_share"]],
        textposition="outside",
        hovertemplate="%{y}: %{x:.1f} % of the time, %{customdata:.2f} ms<extra></extra>",
    )
    return style(
        figure,
        title,
        height=130 + _PAIR_PX * len(order),
        barmode="group",
        bargap=0.3,
        yaxis={"categoryorder": "array", "categoryarray": order[::-1], "automargin": True},
        xaxis={"title": {"text": "Share of the whole network, %"}, "range": [0, longest_share * 115]},
        legend={
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.0,
            "x": 1,
            "xanchor": "right",
            "traceorder": "reversed",
        },
    )


def _coloured(branch: float) -> int | None:
    """A branch with a colour of its own; other networks may have more branches than HRFormer."""
    return int(branch) if 0 <= branch < len(BRANCH_COLOURS) else None


def _percent(share: float) -> str:
    percent = share * 100
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"
