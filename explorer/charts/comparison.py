"""Measured records beside published figures as points: filled markers are measured, hollow ones published.

All tables have the columns of `explorer.comparison.tables`: `series` is "measured" or names published figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from explorer.charts.benchmark import family_colours
from explorer.charts.point_names import AFTER_LINES, ALL_SIDES, NAME_FONT_PX, name_sides, padded_range
from explorer.charts.theme import FAMILY_COLOURS, FAMILY_SYMBOLS, NEUTRAL_COLOUR, log_axis, style

_OTHER_SYMBOL = "star"
_FAMILY_ORDER = {family: place for place, family in enumerate(FAMILY_COLOURS)}
_MEASURED = "measured"
_POINTS_PX = 440
_MAX_NAMES = 24
#: Powers of ten that an axis may span and still have marks at 1, 2 and 5 of each.
_FINELY_MARKED = 2.5


def throughput_lines(table: pd.DataFrame, title: str) -> go.Figure:
    """Throughput over batch size, one line a measured model with its name at the end; published points stand alone.

    Args:
        table: Columns series, model, family, batch_size, throughput_img_s, and source where some are published.
        title: What the figure says.
    """
    figure = go.Figure()
    points = table.dropna(subset=["batch_size", "throughput_img_s"]).sort_values("batch_size")
    for model, rows in points[points["series"] == _MEASURED].groupby("model", sort=False):
        figure.add_scatter(
            x=rows["batch_size"].astype(float),
            y=rows["throughput_img_s"],
            mode="lines",
            line={"color": family_colours(rows)[0], "width": 1.5},
            name=str(model),
            showlegend=False,
            hoverinfo="skip",
        )
    return _with_points(
        figure,
        points.assign(source=points.get("source", "")),
        _Axis("batch_size", "Batch size, images", ticks=tuple(2**power for power in range(17))),
        _Axis("throughput_img_s", "Throughput, images/s"),
        title,
        hover="%{customdata[0]}: %{y:.4~g} images/s at batch %{x}<br>%{customdata[1]}",
        detail="source",
        at_line_ends=True,
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
        kind = "measured" if series == _MEASURED else "published"
        figure.add_scatter(
            x=front[cost],
            y=front["top1_percent"],
            mode="lines",
            name=f"Pareto front, {kind}",
            legendgroup=kind,
            showlegend=not any(trace.legendgroup == kind for trace in figure.data),
            line={"color": NEUTRAL_COLOUR, "dash": "solid" if series == _MEASURED else "dot", "width": 1.5},
            hoverinfo="skip",
        )
    return _with_points(
        figure,
        points,
        _Axis(cost, cost_title),
        _Axis("top1_percent", "ImageNet-1K top-1, % (published)", is_log=False),
        title,
        hover="%{customdata[0]}: %{y:.1f} % top-1 (published: %{customdata[1]}), %{x:.3~g} " + cost_title,
        detail="accuracy_source",
    )


def work_scatter(table: pd.DataFrame, peak_g_s: float | None, unit: str, device: str, title: str) -> go.Figure:
    """Work of a call against its latency, with what the device could do at its peak as a line.

    Args:
        table: Columns series, model, family, latency_ms_p50, work_per_call_g.
        peak_g_s: Of a matrix product on the device, `unit` per second; None draws no line.
        unit: Of the work, such as "GMACs".
        device: What the line is called.
        title: What the figure says.
    """
    figure = go.Figure()
    points = table.dropna(subset=["latency_ms_p50", "work_per_call_g"])
    if peak_g_s is not None and not points.empty:
        ends_ms = np.array([points["latency_ms_p50"].min() / 1.5, points["latency_ms_p50"].max() * 1.5])
        name = f"peak of {device}, measured: {peak_g_s:.3g} {unit}/s"
        _add_bound(figure, ends_ms, peak_g_s * ends_ms / 1e3, name)
    return _with_points(
        figure,
        points,
        _Axis("latency_ms_p50", "Latency per call, ms"),
        _Axis("work_per_call_g", f"Work per call, {unit}"),
        title,
        hover=f"%{{customdata[0]}} at batch %{{customdata[1]}}: %{{y:.3~g}} {unit} in %{{x:.4~g}} ms",
        detail="batch_size",
    )


def roofline_chart(
    table: pd.DataFrame, peak_g_s: float | None, bandwidth_gb_s: float | None, unit: str, title: str
) -> go.Figure:
    """Achieved speed over arithmetic intensity under the device's roof.

    Args:
        table: Columns series, model, family, intensity_per_byte, achieved_g_s.
        peak_g_s: The flat roof, measured, `unit` per second; None draws none.
        bandwidth_gb_s: The slope of the roof, 1e9 bytes per second; None draws the flat part only.
        unit: Of the work, such as "GMACs".
        title: What the figure says.
    """
    figure = go.Figure()
    points = table.dropna(subset=["intensity_per_byte", "achieved_g_s"])
    if peak_g_s is not None and not points.empty:
        low, high = points["intensity_per_byte"].min() / 2, points["intensity_per_byte"].max() * 2
        slope = np.inf if bandwidth_gb_s is None else bandwidth_gb_s
        intensity = np.geomspace(min(low, peak_g_s / slope / 2) if slope < np.inf else low, high, 200)
        name = f"roof: {peak_g_s:.3g} {unit}/s, measured"
        entered = "" if bandwidth_gb_s is None else f"; {bandwidth_gb_s:g} GB/s, as entered"
        _add_bound(figure, intensity, np.minimum(peak_g_s, intensity * slope), name + entered)
    return _with_points(
        figure,
        points,
        _Axis("intensity_per_byte", f"Intensity, {unit}/GB of weights and images"),
        _Axis("achieved_g_s", f"Achieved {unit}/s"),
        title,
        hover=f"%{{customdata[0]}} at batch %{{customdata[1]}}: %{{y:.3~g}} {unit}/s "
        f"at no more than %{{x:.3~g}} {unit}/GB",
        detail="batch_size",
    )


@dataclass(frozen=True)
class _Axis:
    """An axis of a chart of points.

    Attributes:
        column: What it shows.
        title: Its title with the unit.
        is_log: Whether it is logarithmic.
        ticks: Its marks; chosen by its range where none are given.
    """

    column: str
    title: str
    is_log: bool = True
    ticks: tuple[float, ...] = ()

    def places(self, values: ArrayLike) -> NDArray[np.float64]:
        """Values in the units of the axis's range."""
        numbers = np.asarray(values, dtype=float)
        return np.log10(numbers) if self.is_log else numbers

    def layout(self, ends: tuple[float, float]) -> dict[str, Any]:
        """For Plotly."""
        if not self.is_log:
            return {"title": {"text": self.title}, "range": ends}
        wide = ends[1] - ends[0] > _FINELY_MARKED
        ticks = self.ticks or ([10.0**power for power in range(-6, 9)] if wide else None)
        return {**log_axis(f"{self.title} (log scale)", ticks), "range": ends}


def _add_bound(figure: go.Figure, x: NDArray[np.float64], y: NDArray[np.float64], name: str) -> None:
    line = {"color": NEUTRAL_COLOUR, "dash": "dash"}
    figure.add_scatter(x=x, y=y, mode="lines", name=name, line=line, hoverinfo="skip")


def _with_points(
    figure: go.Figure,
    points: pd.DataFrame,
    x: _Axis,
    y: _Axis,
    title: str,
    *,
    hover: str,
    detail: str,
    at_line_ends: bool = False,
) -> go.Figure:
    """The figure with one trace for each series and family, whose names stand where they cover nothing.

    Published points are hollow and, beside measured ones, not named; what has no name tells it when hovered. Names at
    the ends of lines stand behind them, one a line.
    """
    points = points.sort_values("family", key=lambda names: names.map(_FAMILY_ORDER), kind="stable")
    measured = points["series"] == _MEASURED
    wanted = measured if measured.any() else ~measured
    if at_line_ends:
        wanted &= ~points.duplicated(["series", "model"], keep="last")
    names = points["model"].where(wanted & (wanted.sum() <= _MAX_NAMES), "").to_list()
    x_places, y_places = (axis.places(points[axis.column]) for axis in (x, y))
    behind = max(names, key=len, default="") if at_line_ends else ""
    x_range = padded_range([*x_places, *(place for trace in figure.data for place in x.places(trace.x))], behind)
    y_range = padded_range([*y_places, *(place for trace in figure.data for place in y.places(trace.y))])
    allowed = AFTER_LINES if at_line_ends else ALL_SIDES
    sides = name_sides(x_places, y_places, names, x_range, y_range, allowed=allowed)
    points = points.assign(
        name=[name if side else "" for name, side in zip(names, sides, strict=True)],
        side=[side or "middle right" for side in sides],
    )
    for (series, family), rows in points.groupby(["series", "family"], sort=False):
        figure.add_scatter(
            x=rows[x.column].astype(float),
            y=rows[y.column].astype(float),
            mode="markers+text",
            text=rows["name"],
            textposition=rows["side"],
            textfont={"size": NAME_FONT_PX},
            name=str(family),
            legendgroup=str(family),
            showlegend=not any(trace.legendgroup == family for trace in figure.data),
            marker=_marker(str(family), published=series != _MEASURED),
            customdata=rows[["model", detail]].astype("string"),
            hovertemplate=f"{hover}<extra>{series}</extra>",
            cliponaxis=False,
        )
    return style(figure, title, height=_POINTS_PX, xaxis=x.layout(x_range), yaxis=y.layout(y_range))


def _marker(family: str, *, published: bool) -> dict[str, Any]:
    colour = FAMILY_COLOURS.get(family, NEUTRAL_COLOUR)
    symbol = FAMILY_SYMBOLS.get(family, _OTHER_SYMBOL)
    line = {"width": 2 if published else 0, "color": colour}
    return {"symbol": f"{symbol}-open" if published else symbol, "size": 11, "color": colour, "line": line}
