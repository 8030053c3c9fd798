"""What taking one thing out changes, figure by figure: measured and counted filled, published hollow."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from explorer.charts.theme import HRFORMER_COLOUR, NEUTRAL_COLOUR, style

_BAR_PX = 30
_CLEAR = "rgba(0,0,0,0)"
_GUIDE = {"color": NEUTRAL_COLOUR, "width": 1, "dash": "dot"}
#: How a bar or marker of a network with this depth-wise convolution looks: legend, fill, pattern, marker symbol.
_LOOKS: dict[str, tuple[str, str, str, str]] = {
    "3x3": ("DW conv on", HRFORMER_COLOUR, "", "circle"),
    "1x1": ("1x1", HRFORMER_COLOUR, "/", "diamond"),
    "off": ("off", _CLEAR, "", "circle-open"),
}


def figure_bars(table: pd.DataFrame, title: str, axis: str) -> go.Figure:
    """Horizontal bars of one figure, an arm each; the references' values go on as thin lines where there is one.

    Args:
        table: One row per arm with the columns label, value, is_reference, dw_conv ("3x3", "1x1" or "off"), text
            (beside the bar) and hover.
        title: What the figure says.
        axis: Title of the axis, with the unit.
    """
    figure = go.Figure()
    for state, (name, fill, pattern, _) in _LOOKS.items():
        rows = table[table["dw_conv"] == state]
        if rows.empty:
            continue
        figure.add_bar(
            y=rows["label"],
            x=rows["value"],
            orientation="h",
            name=name,
            marker={
                "color": fill,
                "line": {"color": HRFORMER_COLOUR, "width": 2},
                "pattern": {"shape": pattern, "fillmode": "replace", "fgcolor": HRFORMER_COLOUR},
            },
            text="  " + rows["text"],  # clear of the reference line
            textposition="outside",
            cliponaxis=False,
            customdata=rows["hover"],
            hovertemplate="%{customdata}<extra></extra>",
        )
    references = table[table["is_reference"]]
    if len(references) == 1 and len(table) > 1:
        figure.add_vline(x=float(references["value"].iloc[0]), line=_GUIDE, layer="below")
    largest = float(table["value"].max())
    return _styled(figure, table, title, {"title": {"text": axis}, "range": [0, 1.45 * largest if largest > 0 else 1]})


def ratio_intervals(table: pd.DataFrame, title: str) -> go.Figure:
    """Change of the latency against the reference, with its 95 % interval, around a line at no change.

    Args:
        table: One row per measured arm other than references with the columns label, dw_conv, change_percent,
            low_percent and high_percent (missing where there were too few rounds), and hover.
        title: What the figure says.
    """
    figure = go.Figure()
    for state, (name, _, _, symbol) in _LOOKS.items():
        rows = table[table["dw_conv"] == state]
        if rows.empty:
            continue
        figure.add_scatter(
            y=rows["label"],
            x=rows["change_percent"],
            mode="markers",
            name=name,
            marker={"symbol": symbol, "size": 11, "color": HRFORMER_COLOUR, "line": {"width": 2}},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (rows["high_percent"] - rows["change_percent"]).fillna(0),
                "arrayminus": (rows["change_percent"] - rows["low_percent"]).fillna(0),
                "thickness": 1.5,
            },
            customdata=rows["hover"],
            hovertemplate="%{customdata}<extra></extra>",
        )
    figure.add_vline(x=0, line=_GUIDE, layer="below")
    return _styled(figure, table, title, {"title": {"text": "Change of the latency, %: marker with its 95 % interval"}})


def published_markers(table: pd.DataFrame, title: str) -> go.Figure:
    """Differences that others published, as hollow markers.

    Args:
        table: One row per difference with the columns label, difference (points of the metric) and hover.
        title: What the figure says.
    """
    figure = go.Figure(
        go.Scatter(
            y=table["label"],
            x=table["difference"],
            mode="markers+text",
            text=[f"  {value:+.2f}" for value in table["difference"]],
            textposition="middle right",
            marker={"symbol": "diamond-open", "size": 12, "color": NEUTRAL_COLOUR, "line": {"width": 2}},
            name="published",
            customdata=table["hover"],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line=_GUIDE, layer="below")
    most = float(table["difference"].abs().max()) or 1.0
    lowest = min(float(table["difference"].min()), 0.0)
    axis = {"title": {"text": "Published difference, points of the metric"}, "range": [1.1 * lowest - 0.05, 1.3 * most]}
    return _styled(figure, table, title, axis)


def _styled(figure: go.Figure, table: pd.DataFrame, title: str, axis: dict[str, Any]) -> go.Figure:
    order = list(dict.fromkeys(table["label"]))
    return style(
        figure,
        title,
        height=140 + _BAR_PX * len(order),
        barmode="overlay",
        bargap=0.35,
        showlegend=True,
        xaxis=axis,
        yaxis={"categoryorder": "array", "categoryarray": order[::-1], "automargin": True},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 1, "xanchor": "right"},
        margin={"t": 62},
    )
