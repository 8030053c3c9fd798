"""What the sections of the Comparison page show: charts of measured and published figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from explorer.charts.benchmark import batch_bars, latency_bars, published_bars
from explorer.charts.comparison import accuracy_scatter, roofline_chart, throughput_lines, work_scatter
from explorer.comparison.tables import device_peak, pareto_front, with_roofline
from explorer.comparison.work import (
    count_published,
    counted_as,
    peak_in,
    published_works,
    with_work,
)
from explorer.cost.conventions import Convention
from explorer.ui import choices
from explorer.ui.measure.comparison import View
from explorer.ui.measure.comparison_tables import show_records
from explorer.ui.panels import half_grid, show_chart
from explorer.ui.progress import with_progress

_BANDWIDTH = "bandwidth_gb_s"
#: What each cost of the accuracy chart is: its column, its axis title, what divides it.
COSTS = {
    "Latency": ("latency_ms_per_img", "Latency, ms per image", 1.0),
    "Peak memory": ("peak_memory_mib", "Peak memory, MiB", 1.0),
    "Work": ("work_g", "Work per image", 1.0),
    "Parameters": ("params", "Parameters, M", 1e6),
}


def show_latency(view: View) -> None:
    """Bars of the measured models beside the published ones."""
    halves = half_grid()
    rows = view.at_batch
    if not rows.empty:
        with halves.cell():
            if view.batch is None:
                figure = batch_bars(rows, "How many images fit")
            else:
                figure = latency_bars(rows, view.baseline, finding(rows, view.baseline, view.batch, view.convention))
            show_chart(figure, "comparison_latency", _exported(rows), alt="Latency of each model with its ratio")
    if view.published.empty:
        return
    with halves.cell():
        for number, (series, rows) in enumerate(view.published.groupby("series", sort=False)):
            show_chart(
                published_bars(rows, view.baseline, published_finding(rows, view.baseline, str(series))),
                f"comparison_published_{number}",
                rows,
                alt=f"Published throughput of each model: {series}",
            )


def show_batches(view: View) -> None:
    """Throughput over batch size; published figures have a scale of their own, as they come from faster machines."""
    halves = half_grid()
    for name, title, table in (
        ("throughput", "How throughput grows with the batch", view.measured),
        ("published_throughput", "Published: throughput at the batch of each series", view.published),
    ):
        if not table.empty:
            with halves.cell():
                show_chart(
                    throughput_lines(table, title),
                    f"comparison_{name}",
                    _exported(table),
                    alt=f"{title}: one line or point a model",
                )


def show_accuracy(view: View) -> None:
    """Published accuracy against a cost of choice."""
    cost = choices.segments("Against", tuple(COSTS), key="accuracy_cost")
    column, title, unit = COSTS[cost]
    published = view.published
    if cost == "Work":
        title = f"{title}, {view.convention.unit}"
        published = _counted(view)
    table = _together(view.at_batch, published)
    table = table.assign(**{column: table.get(column, pd.Series(index=table.index)).astype(float) / unit})
    left_out = _without_count(view, table) if cost == "Work" else ""
    table = with_front(table, column).dropna(subset=["top1_percent", column])
    if table.empty:
        st.info("No shown model has both figures: choose a setup or a published series at 224x224 pixels.")
        return
    show_chart(
        accuracy_scatter(table, column, title, f"What accuracy costs in {cost.lower()}"),
        f"comparison_accuracy_{column}",
        _exported(table),
        alt=f"Published ImageNet accuracy against {title} with the Pareto front",
    )
    st.caption(
        "Accuracies are the authors' own on ImageNet-1K and hold for 224x224 pixels. A line joins the models that no "
        "other of the same series beats in both." + left_out
    )


def show_work(view: View) -> None:
    """Work against latency under the device's peak."""
    table = _together(view.at_batch, _counted(view))
    if table["work_per_call_g"].isna().all():
        st.info(f"No shown model has a count in this convention: {view.convention.explanation}")
        return
    show_chart(
        work_scatter(
            table,
            _peak(view),
            view.convention.unit,
            view.device,
            "Further below the peak: slower than the work says",
        ),
        "comparison_work",
        _exported(table),
        alt="Work per call against latency with the device's peak as a line",
    )
    st.caption(
        f"Work is counted by the explorer for every point, published ones too: {view.convention.explanation} A "
        "training step counts as three forwards. Published series ran on other devices, so the line does not hold for "
        "them." + _without_count(view, table)
    )


def show_roofline(view: View) -> None:
    """Achieved speed under the device's roof."""
    if view.at_batch.empty:
        st.info("A roofline needs measured records: their latency and the device's measured peak.")
        return
    bandwidth: float | None = choices.held(_BANDWIDTH, None)
    choices.present(
        partial(st.number_input, value=None),
        "Memory bandwidth, GB/s",
        min_value=0.1,
        placeholder="from the data sheet",
        key=_BANDWIDTH,
        value=bandwidth,
        on_move=partial(choices.hold, _BANDWIDTH),
        width=220,
        help="Draws the sloped part of the roof; it is not measured here.",
    )
    table = with_roofline(view.at_batch)
    if table["intensity_per_byte"].isna().all():
        st.info("The roofline is for inference with a count in this convention: choose another setup or convention.")
        return
    show_chart(
        roofline_chart(
            table,
            _peak(view),
            bandwidth,
            view.convention.unit,
            "How much of the roof each model reaches",
        ),
        "comparison_roofline",
        _exported(table),
        alt="Achieved speed over arithmetic intensity under the device's roof",
    )
    st.caption(
        "Bytes are the least a call must read: weights and images once. Activations come on top, so a point's true "
        "place is further left." + _without_count(view, table)
    )


SECTIONS: Mapping[str, Callable[[View], None]] = {
    "Latency": show_latency,
    "Batch size": show_batches,
    "Accuracy": show_accuracy,
    "Work and peak": show_work,
    "Roofline": show_roofline,
    "Records": show_records,
}


def with_front(table: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Add `on_front`, found within each series: measured and published points never beat each other."""
    on_front = pd.Series(data=False, index=table.index)
    for _, rows in table.groupby("series"):
        on_front[rows.index] = pareto_front(rows[cost], rows["top1_percent"])
    return table.assign(on_front=on_front)


def finding(table: pd.DataFrame, baseline: str, batch: int, convention: Convention) -> str:
    """The bars' title: how HRFormer's slowest model stands to the baseline."""
    rows = table[(table["family"] == "HRFormer") & table["latency_ratio"].notna() & (table["model"] != baseline)]
    if rows.empty:
        return f"Latency at batch {batch}, against {baseline}"
    row = rows.sort_values("latency_ratio").iloc[-1]
    work = "" if np.isnan(row["work_ratio"]) else f"with {row['work_ratio']:.2f} times the work ({convention.label}), "
    return (
        f"{row['model']} takes {row['latency_ratio']:.2f} times as long as {baseline}<br><sup>{work}batch {batch}</sup>"
    )


def published_finding(table: pd.DataFrame, baseline: str, series: str) -> str:
    """The title of a series of published bars."""
    rows = table[(table["family"] == "HRFormer") & table["throughput_ratio"].notna() & (table["model"] != baseline)]
    if rows.empty:
        ratios = f"<br><sup>ratios to {baseline}</sup>" if table["throughput_ratio"].notna().any() else ""
        return f"Published: {series}{ratios}"
    row = rows.sort_values("throughput_ratio").iloc[0]
    speed = f"{row['throughput_ratio']:.2f} times {baseline}'s throughput"
    return f"Published: {row['model']} has {speed}<br><sup>{series}</sup>"


def _together(measured: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Both as one table; without records the published ones alone."""
    parts = [part for part in (measured, published) if not part.empty]
    return pd.concat(parts, ignore_index=True) if parts else published


def _counted(view: View) -> pd.DataFrame:
    """The published rows with their work, once it has been counted."""
    published = view.published
    key = tuple(dict.fromkeys(counted_as(published)))
    works = with_progress(
        "published_work", key, "Counting the work of published models", partial(count_published, published)
    )
    return with_work(published, published_works(published, works or {}), view.convention)


def _without_count(view: View, table: pd.DataFrame) -> str:
    """Which models a chart of work leaves out, as the end of its caption."""
    models = sorted(set(table.loc[table["work_g"].isna(), "model"].astype(str)))
    return f" Without a count as {view.convention.label}: {', '.join(models)}." if models else ""


def _peak(view: View) -> float | None:
    """What the device reaches, in the unit of the shown work per second."""
    peak = None if view.measured.empty else device_peak(view.measured)
    return None if peak is None else peak_in(view.convention, peak)


def _exported(table: pd.DataFrame) -> pd.DataFrame:
    """A chart's data without columns that are empty throughout."""
    return table.dropna(axis="columns", how="all")
