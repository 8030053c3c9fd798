"""Published figures hollow, ours filled: how far apart they are, and how the cost of attention grows."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer.charts.theme import NEUTRAL_COLOUR, branch_colour, style

#: Colours tell the verdicts apart for those who see them; shapes do for all.
VERDICT_COLOURS = {"reproduced": "#009E73", "differs": "#D55E00"}
VERDICT_SYMBOLS = {"reproduced": "circle", "differs": "x"}
_ROW_PX = 22
_SCOPES = (("window", "inside windows", branch_colour(0), "circle"), ("global", "over all", NEUTRAL_COLOUR, "square"))


def deviation_chart(table: pd.DataFrame, title: str) -> go.Figure:
    """Ours as a percentage of the published figure, with what is tolerated as a whisker around the published one.

    Args:
        table: Columns claim, verdict, ratio, tolerance (both 1 = the published figure).
        title: What the figure says.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[100.0] * len(table),
        y=table["claim"],
        mode="markers",
        name="published, with the tolerance",
        marker={"symbol": "diamond-open", "size": 10, "color": NEUTRAL_COLOUR, "line": {"width": 2}},
        error_x={"type": "data", "array": table["tolerance"] * 100, "color": NEUTRAL_COLOUR, "thickness": 1.5},
        customdata=table["tolerance"] * 100,
        hovertemplate="%{y}: published; up to %{customdata:.2~f} % off counts as reproduced<extra></extra>",
    )
    for verdict, rows in table.groupby("verdict", sort=False):
        figure.add_scatter(
            x=rows["ratio"] * 100,
            y=rows["claim"],
            mode="markers",
            name=f"ours, {verdict}",
            marker={"symbol": VERDICT_SYMBOLS[str(verdict)], "size": 9, "color": VERDICT_COLOURS[str(verdict)]},
            hovertemplate="%{y}: ours is %{x:.1f} % of the published figure<extra></extra>",
        )
    return style(
        figure,
        title,
        height=150 + _ROW_PX * len(table),
        xaxis={"title": {"text": "Ours, % of the published figure"}},
        yaxis={"autorange": "reversed", "title": None, "automargin": True},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        margin={"t": 84},
    )


def growth_chart(table: pd.DataFrame, unit: str, exponents: tuple[float, float], title: str) -> go.Figure:
    """Cost of attention over the number of positions, both logarithmic, with the fitted exponents in the names.

    Args:
        table: Columns positions, window and global.
        unit: Of the costs.
        exponents: Fitted, of windows and of all positions.
        title: What the figure says.
    """
    figure = go.Figure()
    for (column, name, colour, symbol), exponent in zip(_SCOPES, exponents, strict=True):
        figure.add_scatter(
            x=table["positions"],
            y=table[column],
            mode="lines+markers",
            name=f"{name}: grows with N^{exponent:.2f}",
            line={"color": colour, "width": 2},
            marker={"symbol": symbol, "size": 9},
            hovertemplate=f"Attention {name} of %{{x:,}} positions costs %{{y:.3~s}} {unit}<extra></extra>",
        )
    return style(
        figure,
        title,
        height=340,
        xaxis={
            "title": {"text": "N, positions of the map (log scale)"},
            "type": "log",
            "tickvals": table["positions"],
            "tickformat": ",",
        },
        yaxis={
            "title": {"text": f"{unit} of one attention (log scale)"},
            "type": "log",
            "tickformat": "~s",
            "dtick": 1,
        },
    )
