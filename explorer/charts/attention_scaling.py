"""Cost of attention over the size of the picture: windows against all positions at once."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer.charts.theme import NEUTRAL_COLOUR, branch_colour, style


def attention_cost_lines(table: pd.DataFrame, title: str, *, branch: int, window_size: int) -> go.Figure:
    """MACs of one attention over the side of the picture, both axes logarithmic.

    Args:
        table: Columns side_px, positions, window_macs and global_macs.
        title: What the figure says.
        branch: Whose colour the windows have.
        window_size: Side of the windows in tokens.
    """
    figure = go.Figure()
    sides = table["side_px"].to_list()
    lines = (
        ("global_macs", "over all positions (global)", NEUTRAL_COLOUR, "square"),
        ("window_macs", f"in {window_size}x{window_size} windows", branch_colour(branch), "circle"),
    )
    for column, name, colour, symbol in lines:
        figure.add_scatter(
            x=sides,
            y=table[column],
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 3},
            marker={"symbol": symbol, "size": 9},
            customdata=table["positions"],
            hovertemplate=f"Attention {name} of a %{{x}}x%{{x}} picture (%{{customdata:,}} positions) costs %{{y:,}} "
            "MACs<extra></extra>",
        )
    return style(
        figure,
        title,
        height=370,
        xaxis={
            "title": {"text": "side of the picture (pixels, log scale)"},
            "type": "log",
            "tickvals": table["side_px"],
        },
        yaxis={"title": {"text": "MACs of one attention (log scale)"}, "type": "log", "tickformat": "~s", "dtick": 1},
    )
