"""The Comparison page's tables, whose rows can be sorted, chosen and exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from explorer.cost.conventions import Convention
from explorer.ui import choices
from explorer.ui.measure.comparison import View, chosen_rows
from explorer.ui.measure.comparison_data import (
    LISTED,
    ChosenFilters,
    State,
    export_data,
    filter_options,
    listed_records,
)
from explorer.ui.panels import NO_VALUE, file_button, verbatim

#: Tables of more rows are sent to the browser piece by piece, which excludes choosing rows.
MAX_SELECTABLE = 1_000
#: Tables of more rows are scrolled.
_SHOWN_WHOLE = 12
_LONG_TABLE_PX = 420
_FILTER_PX = 150
#: The columns that the table of all records is filtered by, and what they are called.
FILTERED = {
    "status": "Status",
    "kind": "Kind",
    "model_name": "Model",
    "device_name": "Device",
    "precision": "Precision",
    "engine": "Engine",
    "batch_size": "Batch size",
    "hostname": "Machine",
}
#: The columns of the comparison's table that fit beside each other, in order.
COMPARED = (
    "model",
    "latency_ms_p50",
    "latency_ratio",
    "throughput_img_s",
    "work_g",
    "work_ratio",
    "params_m",
    "peak_memory_mib",
    "top1_percent",
)
#: Those that are shown when they are asked for in the table's menu.
MORE_COMPARED = (
    "batch_size",
    "latency_ms_p95",
    "throughput_ratio",
    "engine_label",
    "wide_spread",
    "ran_beside",
    "measured_at",
)

COLUMN_CONFIG: dict[str, Any] = {
    "model": st.column_config.TextColumn("Model", pinned=True),
    "model_name": st.column_config.TextColumn("Model", pinned=True),
    "status": "Status",
    "status_reason": "Why",
    "kind": "Kind",
    "measured_at": st.column_config.DatetimeColumn("Measured at (UTC)", format="YYYY-MM-DD HH:mm:ss"),
    "batch_size": "Batch",
    "latency_ms_p50": st.column_config.NumberColumn("p50, ms", format="%.4g"),
    "latency_ms_p95": st.column_config.NumberColumn("p95, ms", format="%.4g"),
    "throughput_img_s": st.column_config.NumberColumn("Images/s", format="%.4g"),
    "latency_ratio": st.column_config.NumberColumn("Ratio", format="%.2fx", help="Latency over the baseline's."),
    "throughput_ratio": st.column_config.NumberColumn("Throughput ratio", format="%.2fx", help="Over the baseline's."),
    "work_ratio": st.column_config.NumberColumn("Work ratio", format="%.2fx", help="Work over the baseline's."),
    "params_m": st.column_config.NumberColumn("Params, M", format="%.3g", help="Learned parameters, in millions."),
    "peak_memory_mib": st.column_config.NumberColumn(
        "Peak, MiB", format="%.4g", help="Peak memory: on CUDA of live tensors, else of the whole process."
    ),
    "top1_percent": st.column_config.NumberColumn(
        "Top-1, %", format="%.1f", help="On ImageNet-1K at 224x224 pixels, as published."
    ),
    "runnable_threads": st.column_config.NumberColumn(
        "Load", help="Threads that ran or waited for a core just before the measurement: they make it scatter."
    ),
    "ran_beside": st.column_config.TextColumn(
        "Ran beside", help="What else of this program computed on the machine meanwhile: it makes a result scatter."
    ),
    "wide_spread": st.column_config.CheckboxColumn("Wide spread", help="The samples scatter too much to trust."),
    "img_height": "Height, px",
    "img_width": "Width, px",
    "device_name": "Device",
    "threads": "Threads",
    "precision": "Precision",
    "engine": "Engine",
    "engine_label": "Engine",
    "compile_mode": "Compile mode",
    "hostname": "Machine",
}


def show_compared(view: View) -> None:
    """The table under the charts; rows that are chosen in it are what the charts show."""
    if view.listed.empty:
        return
    chosen = select_rows(
        compared_table(view.listed),
        view.table_key,
        "Measured models with their ratios",
        COMPARED if view.batch else (*COMPARED, "batch_size"),
        compared_columns(view.convention),
    )
    wanted = {"record_id": list(chosen["record_id"])}
    export_buttons(view.state, wanted, len(chosen), str(view.setup["kind"]), "compared")


def compared_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of the comparison's table, and record_id."""
    return rows.assign(params_m=rows["params"] / 1e6)[[*COMPARED, *MORE_COMPARED, "record_id"]]


def compared_columns(convention: Convention) -> dict[str, Any]:
    """How they are shown, work in its convention."""
    explanation = f"Work per image. {convention.explanation}"
    return COLUMN_CONFIG | {"work_g": st.column_config.NumberColumn(convention.unit, format="%.3g", help=explanation)}


def show_records(view: View) -> None:
    """The store's records, failed ones too, filtered; the reference run's until there is any."""
    state = view.own if view.own is not None and view.own.records else view.state
    is_compared = state == view.state and bool(view.setup)
    here = is_compared and choices.toggle(f"Only {verbatim(view.name)}", key="only_this_setup", default=True, link=None)
    fixed = view.setup if here else {}
    filters: ChosenFilters = (*fixed.items(), *choose_filters(state, [name for name in FILTERED if name not in fixed]))
    table = listed_records(state, filters)
    telling = [name for name in LISTED if name not in fixed and table[name].notna().any()]
    chosen = select_rows(table, f"listed_rows {filters}", "Records of the store", telling)
    wanted = dict(filters) if len(chosen) == len(table) else {"record_id": list(chosen["record_id"])}
    export_buttons(state, wanted, len(chosen), str(fixed.get("kind", "inference")), "listed")
    st.caption("Why a figure is missing stands in the CSV, in its column reasons.")


def choose_filters(state: State, names: Sequence[str]) -> ChosenFilters:
    """Filter records by some of the columns in `FILTERED`; no choice keeps all."""
    filters = []
    places = st.grid(4, min_column_width=_FILTER_PX)
    for name in names:
        options = filter_options(state, name)
        with places.cell():
            chosen = choices.several_of(FILTERED[name], options, key=f"filter_{name}", link=None, placeholder="All")
        if chosen:
            filters.append((name, tuple(chosen)))
    return tuple(filters)


def select_rows(
    table: pd.DataFrame,
    key: str,
    alt: str,
    order: Sequence[str],
    column_config: Mapping[str, Any] = COLUMN_CONFIG,
) -> pd.DataFrame:
    """A table whose rows can be sorted and chosen; gives the chosen rows, or all where none is.

    Args:
        table: With the column record_id, which is not shown.
        key: Names the element.
        alt: What a screen reader says.
        order: The columns that are shown at first; the others can be asked for.
        column_config: How columns are shown.
    """
    shown = table.drop(columns="record_id")
    if len(table) > MAX_SELECTABLE:
        st.dataframe(
            shown,
            hide_index=True,
            height=_LONG_TABLE_PX,
            lazy=True,
            column_order=order,
            placeholder=NO_VALUE,
            column_config=column_config,
            alt=alt,
        )
        st.caption(f"Filter to {MAX_SELECTABLE:,} records or fewer to choose rows; exports take all {len(table):,}.")
        return table
    event = st.dataframe(
        shown,
        hide_index=True,
        height="content" if len(table) <= _SHOWN_WHOLE else _LONG_TABLE_PX,
        column_order=order,
        placeholder=NO_VALUE,
        column_config=column_config,
        on_select="rerun",
        selection_mode="multi-row",
        key=key,
        alt=alt,
    )
    return chosen_rows(table, event)


def export_buttons(state: State, filters: Mapping[str, Any], count: int, kind: str, name: str) -> None:
    """Download records in the explorer's own columns, and in timm's; written only when asked for."""
    label = f"{count:,} {'record' if count == 1 else 'records'}"
    timm_kind = "training_step" if kind == "training_step" else "inference"
    with st.container(horizontal=True):
        for suffix, columns, data in (
            ("", "as CSV", export_data(state, filters)),
            ("_timm", f"in timm's columns ({timm_kind.replace('_', ' ')})", export_data(state, filters, timm_kind)),
        ):
            file_button(
                f"{label} {columns}",
                data,
                f"benchmarks{suffix}.csv",
                "text/csv",
                key=f"export_{name}{suffix}",
                disabled=not count,
            )
