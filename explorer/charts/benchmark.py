"""Latencies of a run as bars."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer.charts.theme import NEUTRAL_COLOUR, style
from explorer.units import significant

#: HRFormer among other networks, the same as the variant's star among published ones.
HRFORMER_COLOUR = "#D55E00"
_BAR_PX = 34
#: End of the axis over the longest whisker, beyond which its latency stands.
_ROOM_FOR_TEXT = 1.5


def latency_bars(table: pd.DataFrame, title: str) -> go.Figure:
    """Horizontal bars of the median latency, each with a whisker to p95.

    Args:
        table: One row per measurement with the columns label, is_hrformer, latency_ms_p50, latency_ms_p95 (missing
            where there were too few samples), ratio_to_first (missing where there is none), throughput_img_s,
            wide_spread, samples_count.
        title: What the figure says.
    """
    figure = go.Figure()
    for is_hrformer, name in ((True, "HRFormer"), (False, "other networks")):
        rows = table[table["is_hrformer"] == is_hrformer]
        if rows.empty:
            continue
        figure.add_bar(
            y=rows["label"],
            x=rows["latency_ms_p50"],
            orientation="h",
            name=name,
            marker={"color": HRFORMER_COLOUR if is_hrformer else NEUTRAL_COLOUR},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": rows["latency_ms_p95"] - rows["latency_ms_p50"],
                "arrayminus": [0.0] * len(rows),
                "thickness": 1.5,
            },
            customdata=[_hover(row) for _, row in rows.iterrows()],
            hovertemplate="%{customdata}<extra></extra>",
        )
    ends = table["latency_ms_p95"].fillna(table["latency_ms_p50"])
    for (_, row), end in zip(
        table.iterrows(), ends, strict=True
    ):  # beyond the whisker, which a bar's own text lies under
        figure.add_annotation(x=end, y=row["label"], text=_bar_text(row), showarrow=False, xanchor="left", xshift=6)
    order = table["label"].to_list()
    return style(
        figure,
        title,
        height=120 + _BAR_PX * len(order),
        barmode="overlay",
        yaxis={"categoryorder": "array", "categoryarray": order[::-1], "automargin": True},
        xaxis={
            "title": {"text": "Latency per call, ms (bar p50, whisker p95)"},
            "range": [0, _ROOM_FOR_TEXT * float(ends.max())],
        },
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 1, "xanchor": "right"},
    )


def _bar_text(row: pd.Series) -> str:
    ratio = "" if pd.isna(row["ratio_to_first"]) else f" · x {significant(row['ratio_to_first'])}"
    wide = " · wide spread" if row["wide_spread"] else ""
    return f"{significant(row['latency_ms_p50'])} ms{ratio}{wide}"


def _hover(row: pd.Series) -> str:
    p95 = "too few samples for p95" if pd.isna(row["latency_ms_p95"]) else f"p95 {row['latency_ms_p95']:.2f} ms"
    return (
        f"{row['label']}: median {row['latency_ms_p50']:.2f} ms, {p95}, {row['throughput_img_s']:,.1f} images/s, "
        f"{row['samples_count']} samples"
    )
