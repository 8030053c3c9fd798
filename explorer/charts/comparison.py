"""Measured records beside published figures: filled markers and full bars are measured, hollow ones published.

All tables have the columns of `explorer.benchmark.comparison`: `series` is "measured" or names published figures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.charts.theme import NEUTRAL_COLOUR, log_axis, style

#: Families are told apart by shape first; the colours are none of the branches' own.
FAMILY_SYMBOLS = {"HRFormer": "circle", "HRNet": "square", "DeiT": "diamond", "Swin": "triangle-up", "ViT": "cross"}
FAMILY_COLOURS = {"HRFormer": "#D55E00", "HRNet": "#3D9BD1", "DeiT": "#8B6BB8", "Swin": "#7C8B1F", "ViT": "#B07A5B"}
_OTHER_SYMBOL = "star"
#: On which side of its marker a name stands, so that families of equal cost do not write over each other.
_NAME_SIDES = {"HRFormer": "middle right", "HRNet": "top left", "DeiT": "bottom right"}
_MEASURED = "measured"
_BAR_PX = 34
_MAX_LABELS = 24


def latency_bars(table: pd.DataFrame, baseline: str, title: str) -> go.Figure:
    """One bar a model from zero to its median latency, a whisker to its 95th percentile, the ratio beside it.

    Args:
        table: Columns model, family, latency_ms_p50, latency_ms_p95, latency_ratio, wide_spread.
        baseline: What the ratio refers to.
        title: What the figure says.
    """
    rows = table.sort_values("latency_ms_p50")
    figure = go.Figure()
    wide = rows["wide_spread"].fillna(value=False).to_numpy(bool)
    figure.add_bar(
        y=rows["model"],
        x=rows["latency_ms_p50"],
        orientation="h",
        marker={
            "color": _colours(rows),
            "pattern": {"shape": np.where(wide, "/", "")},
        },
        error_x={
            "type": "data",
            "array": (rows["latency_ms_p95"] - rows["latency_ms_p50"]).clip(lower=0),
            "symmetric": False,
            "arrayminus": np.zeros(len(rows)),
            "color": NEUTRAL_COLOUR,
        },
        customdata=np.stack(
            [
                rows["latency_ms_p95"],
                [_ratio_text(ratio, baseline, "the latency") for ratio in rows["latency_ratio"]],
                np.where(wide, "; wide spread, not to be trusted", ""),
            ],
            axis=1,
        ),
        hovertemplate="%{y}: median %{x:.4~g} ms, 95th percentile %{customdata[0]:.4~g} ms%{customdata[1]}"
        "%{customdata[2]}<extra>measured</extra>",
        showlegend=False,
    )
    _annotate(figure, rows, "latency_ms_p95", "latency_ratio")
    return style(
        figure,
        title,
        height=_bars_height(len(rows)),
        yaxis={"autorange": "reversed", "title": None},
        xaxis={
            "title": {"text": "Latency per call, ms<br>(bar p50, whisker p95; hatched: wide spread)"},
            "rangemode": "tozero",
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
        marker={"color": _colours(rows)},
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
        marker={"color": "rgba(0,0,0,0)", "line": {"color": _colours(rows), "width": 2}},
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
    _annotate(figure, rows, "throughput_img_s", "throughput_ratio")
    return style(
        figure,
        title,
        height=_bars_height(len(rows)),
        yaxis={"autorange": "reversed"},
        xaxis={"title": {"text": "Throughput, images/s (published)"}, "rangemode": "tozero"},
    )


def throughput_lines(table: pd.DataFrame, title: str) -> go.Figure:
    """Throughput over batch size, one line a model; published points stand alone.

    Args:
        table: Columns series, model, family, batch_size, throughput_img_s, and source where some are published.
        title: What the figure says.
    """
    figure = go.Figure()
    points = table.dropna(subset=["batch_size", "throughput_img_s"]).sort_values("batch_size")
    published = points["series"] != _MEASURED
    for model, rows in points[~published].groupby("model", sort=False):
        figure.add_scatter(
            x=rows["batch_size"].astype(float),
            y=rows["throughput_img_s"],
            mode="lines+markers+text",
            # A family's models share a colour, so that each line carries its name.
            text=[""] * (len(rows) - 1) + [str(model)],
            textposition="middle right",
            cliponaxis=False,
            name=str(model),
            marker=_marker(rows["family"].iloc[0], published=False),
            hovertemplate=f"{model}: %{{y:.4~g}} images/s at batch %{{x}}<extra>measured</extra>",
        )
    _add_points(
        figure,
        points[published],
        "batch_size",
        "throughput_img_s",
        hover="%{customdata[0]}: %{y:.4~g} images/s at batch %{x}<br>%{customdata[1]}",
        detail="source",
        labels=bool(published.all()),
    )
    return style(
        figure,
        title,
        height=480,
        xaxis=log_axis("Batch size, images (log scale)", ticks=[2**power for power in range(13)]),
        yaxis=log_axis("Throughput, images/s (log scale)"),
    )


def accuracy_scatter(table: pd.DataFrame, cost: str, cost_title: str, title: str) -> go.Figure:
    """Published accuracy against a cost, with the Pareto front of each series.

    Args:
        table: Columns series, model, family, top1_percent, accuracy_source, on_front and the cost.
        cost: The column on the horizontal axis.
        cost_title: Its title with the unit.
        title: What the figure says.
    """
    figure = go.Figure()
    points = table.dropna(subset=["top1_percent", cost])
    for series, rows in points.groupby("series", sort=False):
        front = rows[rows["on_front"]].sort_values(cost)
        figure.add_scatter(
            x=front[cost],
            y=front["top1_percent"],
            mode="lines",
            name=f"Pareto front, {series}",
            line={"color": NEUTRAL_COLOUR, "dash": "solid" if series == _MEASURED else "dot", "width": 1.5},
            hoverinfo="skip",
        )
    _add_points(
        figure,
        points,
        cost,
        "top1_percent",
        hover="%{customdata[0]}: %{y:.1f} % top-1 (published: %{customdata[1]}), %{x:.3~g} " + cost_title,
        detail="accuracy_source",
    )
    return style(
        figure,
        title,
        height=480,
        xaxis=log_axis(f"{cost_title} (log scale)"),
        yaxis={"title": {"text": "ImageNet-1K top-1, % (published)"}},
    )


def work_scatter(
    table: pd.DataFrame, peak_g_s: float | None, unit: str, device: str, title: str, *, named_batch: int | None = None
) -> go.Figure:
    """Work of a call against its latency, with what the device could do at its peak as a line.

    Args:
        table: Columns series, model, family, latency_ms_p50, work_per_call_g.
        peak_g_s: Of a matrix product on the device, `unit` per second; None draws no line.
        unit: Of the work, such as "GMACs".
        device: What the line is called.
        title: What the figure says.
        named_batch: Batch size at which the points have their models' names; None names all.
    """
    figure = go.Figure()
    points = table.dropna(subset=["latency_ms_p50", "work_per_call_g"])
    if peak_g_s is not None and not points.empty:
        ends_ms = np.array([points["latency_ms_p50"].min() / 3, points["latency_ms_p50"].max() * 1.5])
        figure.add_scatter(
            x=ends_ms,
            y=peak_g_s * ends_ms / 1e3,
            mode="lines",
            name=f"peak of {device}, measured: {peak_g_s:.3g} {unit}/s",
            line={"color": NEUTRAL_COLOUR, "dash": "dash"},
            hoverinfo="skip",
        )
    _add_points(
        figure,
        points,
        "latency_ms_p50",
        "work_per_call_g",
        hover=f"%{{customdata[0]}} at batch %{{customdata[1]}}: %{{y:.3~g}} {unit} in %{{x:.4~g}} ms",
        detail="batch_size",
        named_batch=named_batch,
    )
    return style(
        figure,
        title,
        height=480,
        xaxis=log_axis("Latency per call, ms (log scale)"),
        yaxis=log_axis(f"Work per call, {unit} (log scale)"),
    )


def roofline_chart(
    table: pd.DataFrame,
    peak_g_s: float | None,
    bandwidth_gb_s: float | None,
    unit: str,
    title: str,
    *,
    named_batch: int | None = None,
) -> go.Figure:
    """Achieved speed over arithmetic intensity under the device's roof.

    Args:
        table: Columns series, model, family, intensity_per_byte, achieved_g_s.
        peak_g_s: The flat roof, measured, `unit` per second; None draws none.
        bandwidth_gb_s: The slope of the roof, 1e9 bytes per second; None draws the flat part only.
        unit: Of the work, such as "GMACs".
        title: What the figure says.
        named_batch: Batch size at which the points have their models' names; None names all.
    """
    figure = go.Figure()
    points = table.dropna(subset=["intensity_per_byte", "achieved_g_s"])
    if peak_g_s is not None and not points.empty:
        low = points["intensity_per_byte"].min() / 4
        high = points["intensity_per_byte"].max() * 4
        intensity = np.geomspace(low, high, 200)
        roof = np.full(200, peak_g_s)
        if bandwidth_gb_s is not None:
            intensity = np.geomspace(min(low, peak_g_s / bandwidth_gb_s / 4), high, 200)
            roof = np.minimum(peak_g_s, intensity * bandwidth_gb_s)
        figure.add_scatter(
            x=intensity,
            y=roof,
            mode="lines",
            name=f"roof: {peak_g_s:.3g} {unit}/s, measured"
            + (f"; {bandwidth_gb_s:g} GB/s, as entered" if bandwidth_gb_s is not None else ""),
            line={"color": NEUTRAL_COLOUR, "dash": "dash"},
            hoverinfo="skip",
        )
    _add_points(
        figure,
        points,
        "intensity_per_byte",
        "achieved_g_s",
        hover=f"%{{customdata[0]}} at batch %{{customdata[1]}}: %{{y:.3~g}} {unit}/s "
        f"at no more than %{{x:.3~g}} {unit}/GB",
        detail="batch_size",
        named_batch=named_batch,
    )
    return style(
        figure,
        title,
        height=480,
        xaxis=log_axis(f"Intensity, {unit}/GB of weights and images (log scale)"),
        yaxis=log_axis(f"Achieved {unit}/s (log scale)"),
    )


def _add_points(
    figure: go.Figure,
    points: pd.DataFrame,
    x: str,
    y: str,
    *,
    hover: str,
    detail: str,
    labels: bool = True,
    named_batch: int | None = None,
) -> None:
    """One trace for each series and family; published ones are hollow and, beside measured ones, not labelled."""
    measured = points["series"] == _MEASURED
    named = measured if measured.any() else ~measured
    if named_batch is not None and measured.any():
        named = named & (points["batch_size"] == named_batch)
    if not labels or named.sum() > _MAX_LABELS:
        named = named & False
    points = points.assign(label=points["model"].where(named, ""))
    for (series, family), rows in points.groupby(["series", "family"], sort=False):
        published = series != _MEASURED
        figure.add_scatter(
            x=rows[x].astype(float),
            y=rows[y].astype(float),
            mode="markers+text",
            text=rows["label"],
            textposition=_NAME_SIDES.get(str(family), "top center"),
            name=f"{family}, published ({series})" if published else f"{family}, measured",
            marker=_marker(str(family), published=published),
            customdata=rows[["model", detail]].astype("string"),
            hovertemplate=f"{hover}<extra>{series}</extra>",
            cliponaxis=False,
        )


def _marker(family: str, *, published: bool) -> dict[str, Any]:
    colour = FAMILY_COLOURS.get(family, NEUTRAL_COLOUR)
    symbol = FAMILY_SYMBOLS.get(family, _OTHER_SYMBOL)
    line = {"width": 2 if published else 0, "color": colour}
    return {"symbol": f"{symbol}-open" if published else symbol, "size": 11, "color": colour, "line": line}


def _colours(rows: pd.DataFrame) -> list[str]:
    return [FAMILY_COLOURS.get(family, NEUTRAL_COLOUR) for family in rows["family"]]


def _annotate(figure: go.Figure, rows: pd.DataFrame, end: str, ratio: str) -> None:
    """The ratio right of each bar's end; beyond a whisker, where a bar's own text would lie under it."""
    for model, x, value in zip(rows["model"], rows[end], rows[ratio], strict=True):
        if np.isfinite(value) and np.isfinite(x):
            text = f"{value:.2f}x"
            figure.add_annotation(x=x, y=model, text=text, showarrow=False, xanchor="left", xshift=8)


def _ratio_text(ratio: float, baseline: str, what: str) -> str:
    return f", {ratio:.2f} times {what} of {baseline}" if np.isfinite(ratio) else ""


def _bars_height(count: int) -> int:
    return max(200, 110 + _BAR_PX * count)
