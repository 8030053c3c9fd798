"""What was measured before, or else the reference run: stands where the results of a run will stand."""

from __future__ import annotations

import streamlit as st

from explorer.charts.benchmark import latency_bars
from explorer.comparison.tables import (
    describe_setup,
    setups_of,
    usual_batch,
    with_ratio,
)
from explorer.comparison.work import record_works, with_work
from explorer.cost.conventions import MACS
from explorer.records.store import StoreError
from explorer.ui.measure.comparison import setup_of, show_reference_note, usual_baseline
from explorer.ui.measure.comparison_data import (
    REFERENCE,
    State,
    measured_conditions,
    measured_table,
    state_to_compare,
    store_state,
)
from explorer.ui.measure.comparison_sections import finding
from explorer.ui.measure.comparison_tables import COMPARED, compared_columns, compared_table
from explorer.ui.panels import NO_VALUE, plain, show_chart, verbatim


def show_stored_results() -> None:
    """The setup with most models, as a chart and a table, from the user's store or the reference run."""
    state = _state()
    conditions = measured_conditions(state)
    timed = conditions[conditions["kind"] != "largest_batch"]  # whose result is no time
    if timed.empty:
        return
    row = setups_of(timed).iloc[0]
    setup = setup_of(row)
    if state == REFERENCE:
        show_reference_note(setup)
    rows = measured_table(state, setup)
    batch = usual_batch(rows)
    rows = rows[rows["batch_size"] == batch]
    baseline = usual_baseline(rows["model"].to_list())
    rows = with_ratio(with_work(rows, record_works(rows), MACS), baseline).sort_values("latency_ms_p50")
    show_chart(
        latency_bars(rows, baseline, finding(rows, baseline, batch, MACS)),
        "benchmark_stored",
        rows.dropna(axis="columns", how="all"),
        alt="Latency of each model that was measured before, with its ratio",
    )
    st.dataframe(
        compared_table(rows),
        hide_index=True,
        placeholder=NO_VALUE,
        column_order=COMPARED,
        column_config=compared_columns(MACS),
        alt="Models that were measured before, with their ratios",
    )
    origin = "The reference run" if state == REFERENCE else "The newest record of each model in the store"
    st.caption(f"{origin} at batch {batch}: {plain(describe_setup(row))}. Ratios are to {verbatim(baseline)}.")
    st.page_link("pages/measure/comparison.py", label="Everything on the Comparison page", icon=":material/bar_chart:")


def _state() -> State:
    try:
        return state_to_compare(store_state())
    except StoreError:  # which the page tells elsewhere
        return REFERENCE
