"""Bars of measured and published models: full ones are measured, hollow ones published; a family has one colour."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from explorer.charts.theme import FAMILY_COLOURS, NEUTRAL_COLOUR, style

_BAR_PX = 34
#: Beyond the longest bar, for what stands beside it.
_BESIDE_BARS = 1.2


def latency_bars(table: pd.DataFrame, baseline: str, title: str) -> go.Figure:
    """One bar a model from zero to its median latency, a whisker to its 95th percentile, the ratio beside it.

    Args:
        table: In the order of the bars: model, family, latency_ms_p50, latency_ms_p95 (missing where there were too few
            samples), latency_ratio (missing where there is none), throughput_img_s, wide_spread,
            ran_beside (missing where nothing did).
        baseline: What the ratio refers to.
        title: What the figure says.
    """
    p50, p95 = (table[name].to_numpy(float, na_value=np.nan) for name in ("latency_ms_p50", "latency_ms_p95"))
    ends = np.fmax(p50, p95)
    wide = table["wide_spread"].fillna(value=False).to_numpy(bool)
    beside = table["ran_beside"].astype("string")
    figure = go.Figure()
    figure.add_bar(
        y=table["model"],
        x=p50,
        orientation="h",
        marker={
            "color": family_colours(table),
            "pattern": {"shape": np.select([beside.notna(), wide], ["x", "/"], "")},
        },
        error_x={
            "type": "data",
            "array": ends - p50,
            "symmetric": False,
            "arrayminus": np.zeros(len(table)),
            "color": NEUTRAL_COLOUR,
        },
        customdata=np.stack(
            [
                [
                    "too few samples for a 95th percentile" if np.isnan(ms) else f"95th percentile {ms:.4g} ms"
                    for ms in p95
                ],
                [_ratio_text(ratio, baseline, "the latency") for ratio in table["latency_ratio"]],
                np.where(wide, "; wide spread, not to be trusted", ""),
                table["throughput_img_s"],
                ("; beside it ran " + beside).fillna(""),
            ],
            axis=1,
        ),
        hovertemplate="%{y}: median %{x:.4~g} ms, %{customdata[0]}, %{customdata[3]:.4~g} images/s%{customdata[1]}"
        "%{customdata[2]}%{customdata[4]}<extra>measured</extra>",
        showlegend=False,
    )
    _annotate(figure, table["model"], ends, table["latency_ratio"])
    return style(
        figure,
        title,
        height=_bars_height(len(table)),
        yaxis={"autorange": "reversed", "title": None},
        xaxis={
            "title": {
                "text": "Latency per call, ms<br>(bar p50, whisker p95; hatched: wide spread, crossed: not alone)"
            },
            "range": (0, _BESIDE_BARS * ends.max()),
        },
    )


def batch_bars(table: pd.DataFrame, title: str) -> go.Figure:
    """The largest batch of each model that fits the device.

    Args:
        table: Columns model, family, batch_size.
        title: What the figure says.
    """
    rows = table.sort_values("batch_size", ascending=False)
    figure = go.Figure()
    figure.add_bar(
        y=rows["model"],
        x=rows["batch_size"],
        orientation="h",
        marker={"color": family_colours(rows)},
        hovertemplate="%{y}: %{x:,} images fit<extra>measured</extra>",
    )
    return style(
        figure,
        title,
        height=_bars_height(len(rows)),
        yaxis={"autorange": "reversed"},
        xaxis={"title": {"text": "Largest batch that fits, images"}, "rangemode": "tozero"},
    )


def published_bars(table: pd.DataFrame, baseline: str, title: str) -> go.Figure:
    """Hollow bars of published throughput, the ratio to the baseline beside them.

    Args:
        table: One published series: model, family, throughput_img_s, throughput_ratio, batch_size, source.
        baseline: What the ratio refers to.
        title: What the figure says.
    """
    rows = table.sort_values("throughput_img_s", ascending=False)
    figure = go.Figure()
    figure.add_bar(
        y=rows["model"],
        x=rows["throughput_img_s"],
        orientation="h",
        marker={"color": "rgba(0,0,0,0)", "line": {"color": family_colours(rows), "width": 2}},
        customdata=np.stack(
            [
                rows["batch_size"].astype("string").fillna("not stated"),
                [_ratio_text(ratio, baseline, "the throughput") for ratio in rows["throughput_ratio"]],
                rows["source"],
            ],
            axis=1,
        ),
        hovertemplate="%{y}: %{x:.4~g} images/s at batch %{customdata[0]}%{customdata[1]}<br>%{customdata[2]}"
        "<extra>published</extra>",
        showlegend=False,
    )
    _annotate(figure, rows["model"], rows["throughput_img_s"], rows["throughput_ratio"])
    return style(
        figure,
        title,
        height=_bars_height(len(rows)),
        yaxis={"autorange": "reversed"},
        xaxis={
            "title": {"text": "Throughput, images/s (published)"},
            "range": (0, _BESIDE_BARS * rows["throughput_img_s"].max()),
        },
    )


def family_colours(rows: pd.DataFrame) -> list[str]:
    """The colour of each row's family."""
    return [FAMILY_COLOURS.get(family, NEUTRAL_COLOUR) for family in rows["family"]]


def _annotate(figure: go.Figure, models: pd.Series, ends: ArrayLike, ratios: pd.Series) -> None:
    """The ratio right of each bar's end; beyond a whisker, where a bar's own text would lie under it."""
    for model, x, value in zip(models, np.asarray(ends, dtype=float), ratios, strict=True):
        if np.isfinite(value) and np.isfinite(x):
            text = f"{value:.2f}x"
            figure.add_annotation(x=x, y=model, text=text, showarrow=False, xanchor="left", xshift=8)


def _ratio_text(ratio: float, baseline: str, what: str) -> str:
    return f", {ratio:.2f} times {what} of {baseline}" if np.isfinite(ratio) else ""


def _bars_height(count: int) -> int:
    return max(200, 110 + _BAR_PX * count)
