"""Time beside work: two networks in kinds of work that they share, and one network part by part."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explorer.charts.theme import BRANCH_COLOURS, HRFORMER_COLOUR, NEUTRAL_COLOUR, branch_colour, style
from explorer.units import significant

_CLEAR = "rgba(0,0,0,0)"
_PAIR_PX = 46
_LABEL_PX = 11
#: Room for the figures beside the bars, as a share of the axis.
_ROOM = 0.3


def kinds_beside(table: pd.DataFrame, names: tuple[str, str], title: str) -> go.Figure:
    """Two networks in shared rows: their times, their multiply-adds, and how the times' differences add up.

    Args:
        table: One row per kind of work and a last one for the whole call, with the columns kind, time_ms,
            baseline_ms, surplus_ms, macs, baseline_macs.
        names: The network and the one that it is compared with.
        title: What the figure says.
    """
    figure = make_subplots(1, 3, shared_yaxes=True, horizontal_spacing=0.05, column_widths=[0.36, 0.28, 0.36])
    for name, colour, time, macs in zip(
        names, (HRFORMER_COLOUR, NEUTRAL_COLOUR), ("time_ms", "baseline_ms"), ("macs", "baseline_macs"), strict=True
    ):
        style_of = {"orientation": "h", "name": name, "legendgroup": name, "textposition": "outside"}
        figure.add_bar(
            y=table["kind"],
            x=table[time],
            marker={"color": colour, "line": {"color": colour, "width": 2}},
            text=list(map(_figure, table[time])),
            hovertemplate=f"{name}, %{{y}}: %{{x:,.4~f}} ms a call<extra></extra>",
            **style_of,
            row=1,
            col=1,
        )
        figure.add_bar(
            y=table["kind"],
            x=table[macs] / 1e9,
            marker={"color": _CLEAR, "line": {"color": colour, "width": 2}},
            text=[_figure(value / 1e9) for value in table[macs]],
            customdata=table[macs],
            hovertemplate=f"{name}, %{{y}}: %{{customdata:,}} MACs a call<extra></extra>",
            showlegend=False,
            **style_of,
            row=1,
            col=2,
        )
    figure.add_trace(_surplus(table, names), row=1, col=3)
    return _styled(figure, table, title)


def _surplus(table: pd.DataFrame, names: tuple[str, str]) -> go.Waterfall:
    """The differences one after the other, each from where the one above it ends, and the whole one."""
    own, other = names
    measures = ["relative"] * (len(table) - 1) + ["total"]
    return go.Waterfall(
        y=table["kind"],
        x=table["surplus_ms"],
        measure=measures,
        orientation="h",
        showlegend=False,
        text=[_signed(value) for value in table["surplus_ms"]],
        textposition="outside",
        increasing={"marker": {"color": HRFORMER_COLOUR}},
        decreasing={"marker": {"color": NEUTRAL_COLOUR}},
        totals={"marker": {"color": HRFORMER_COLOUR if table["surplus_ms"].iloc[-1] > 0 else NEUTRAL_COLOUR}},
        connector={"line": {"color": NEUTRAL_COLOUR, "width": 1, "dash": "dot"}},
        customdata=[
            f"{own} takes {abs(value):,.4f} ms {'more' if value > 0 else 'less'} than {other}"
            for value in table["surplus_ms"]
        ],
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )


def _styled(figure: go.Figure, table: pd.DataFrame, title: str) -> go.Figure:
    ends = table["surplus_ms"].iloc[:-1].cumsum()
    low, high = min(0.0, ends.min()), max(0.0, ends.max())
    room = 1.6 * _ROOM * (high - low)  # on either side, where signed figures take more of it
    longest = [table[columns].max().max() for columns in (["time_ms", "baseline_ms"], ["macs", "baseline_macs"])]
    axes = (
        ("Time, ms", [0, longest[0] * (1 + _ROOM)]),
        ("MACs, G", [0, longest[1] / 1e9 * (1 + _ROOM)]),
        ("Difference, ms", [low - room, high + room]),
    )
    for column, (text, bounds) in enumerate(axes, start=1):
        figure.update_xaxes(title={"text": text}, range=bounds, nticks=4, tickangle=0, row=1, col=column)
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_traces(textfont={"size": _LABEL_PX}, cliponaxis=False)
    # The whole call is no kind of work.
    figure.add_hline(y=len(table) - 1.5, line={"color": NEUTRAL_COLOUR, "width": 1})
    return style(
        figure,
        title,
        height=160 + _PAIR_PX * len(table),
        barmode="group",
        bargap=0.25,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        margin={"t": 76},
    )


def share_bars(table: pd.DataFrame, title: str, longest_share: float) -> go.Figure:
    """Paired horizontal bars: filled for the share of time, hollow for that of the multiply-adds.

    Args:
        table: One row per part with the columns part, branch (index, or missing where the part is no branch),
            time_ms, macs, time_share, macs_share (0 to 1).
        title: What the figure says.
        longest_share: End of the axis, so that two profiles beside each other have the same; 0 to 1.
    """
    colours = [HRFORMER_COLOUR if pd.isna(branch) else branch_colour(_coloured(branch)) for branch in table["branch"]]
    outlines = [NEUTRAL_COLOUR if pd.isna(branch) else branch_colour(_coloured(branch)) for branch in table["branch"]]
    figure = go.Figure()
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
    return style(
        figure,
        title,
        height=170 + _PAIR_PX * len(table),
        barmode="group",
        bargap=0.3,
        yaxis={"autorange": "reversed", "automargin": True},
        xaxis={"title": {"text": "Share of the whole network, %"}, "range": [0, longest_share * 115]},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        margin={"t": 90},
    )


def _coloured(branch: float) -> int | None:
    """A branch with a colour of its own; other networks may have more branches than HRFormer."""
    return int(branch) if 0 <= branch < len(BRANCH_COLOURS) else None


def _percent(share: float) -> str:
    percent = share * 100
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def _figure(value: float) -> str:
    return significant(value) if value >= 0.1 or value == 0 else "< 0.1"


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '−'}{significant(abs(value))}"
