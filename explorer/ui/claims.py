"""The Paper claims page's choices, table and details."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from explorer.benchmark.store import StoreError
from explorer.charts.claims import growth_chart
from explorer.claims.attention_timing import SIDES, measure_growth
from explorer.claims.catalogue import CLAIMS
from explorer.claims.claim import Evidence, Outcome, Verdict, in_convention
from explorer.claims.quantities import LatencyRatio, exponent, macs_growth
from explorer.claims.speed import latency_pairs, timed_records
from explorer.claims.table import compared_models, count_costs, file_table, in_words, shown_table
from explorer.conventions import Convention
from explorer.ui.comparison_data import State, store_state
from explorer.ui.panels import NO_VALUE, csv_button, half_grid, show_chart
from explorer.ui.progress import throw_away_button, with_progress

VERDICT_ICONS: dict[Verdict, str] = {
    "reproduced": ":material/check:",
    "differs": ":material/close:",
    "not checkable here": ":material/help:",
}
_BADGES: dict[Verdict, str] = {"reproduced": "green", "differs": "orange", "not checkable here": "gray"}
_TABLE = "claims_table"
_CLAIM = "claim"
_MEASURE = "measure_growth"
_GROWTH = "attention_growth"
_GROWTH_KEY = SIDES


def gather_evidence() -> Evidence | None:
    """Count what must be counted, read the records, take what was measured; None while it is not there yet."""
    counted = with_progress("claim_costs", "all", "Counting the work of the compared models", count_costs)
    if not counted:
        return None
    return Evidence(_records(), _growth())


def show_claims(outcomes: Sequence[Outcome], convention: Convention, evidence: Evidence) -> None:
    """The table of all claims; a chosen row opens its details."""
    table = shown_table(outcomes, convention, evidence)
    badges = table.assign(verdict=pd.Series([[outcome.verdict] for outcome in outcomes], dtype=object))
    st.dataframe(
        badges[[*_COLUMNS]],
        hide_index=True,
        height=420,
        placeholder=NO_VALUE,
        column_config=_COLUMNS,
        on_select=_open_chosen_row,
        selection_mode="single-row",
        key=_TABLE,
        alt="Every claim with its published figure, ours, the deviation and the verdict",
    )
    csv_button(file_table(outcomes), "claims", f"{len(outcomes)} claims as CSV")


def show_details(outcomes: Sequence[Outcome], convention: Convention, evidence: Evidence) -> None:
    """One claim: what was published where, what is ours, and how that came about."""
    keys = [claim.key for claim in CLAIMS]
    key = st.selectbox("Claim", keys, key=_CLAIM, bind="query-params", help="Or choose a row of the table.")
    outcome = outcomes[keys.index(key)]
    claim, shown = outcome.claim, in_convention(outcome, convention, evidence)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(outcome.verdict, icon=VERDICT_ICONS[outcome.verdict], color=_BADGES[outcome.verdict])  # type: ignore[arg-type]
            st.markdown(f"**{claim.text}**")
        published, ours = in_words(shown.published, shown.unit), in_words(shown.ours, shown.unit)
        st.markdown(
            f"◇ Published: {published} &nbsp; ● Ours: {ours} &nbsp; tolerance: ±{in_words(claim.tolerance, claim.unit)}"
        )
        if claim.convention and claim.convention != convention:
            st.caption(
                f"Printed as {in_words(claim.published, claim.unit)}, judged so: {in_words(outcome.ours, claim.unit)} "
                "is ours. The published figure above is rescaled by what the change of convention makes of ours."
                if shown.published is not None
                else f"Printed as {in_words(claim.published, claim.unit)}; not all of the compared networks can be "
                f"counted as {convention.label}. Ours in its own convention: {in_words(outcome.ours, claim.unit)}."
            )
        st.markdown(f"**How:** {claim.method}")
        if outcome.reason and outcome.reason != claim.method:
            st.markdown(f"**Why there is no figure:** {outcome.reason}")
        st.caption(f"Source: {claim.source}")
        if isinstance(claim.quantity, LatencyRatio):
            _show_pairs(evidence, claim.quantity)


def show_growth(evidence: Evidence) -> None:
    """How attention's cost grows: counted at once, measured when asked for."""
    halves = half_grid()
    with halves.cell():
        _show_lines(macs_growth(), "macs", "MACs", "Counted: windows grow linearly, global attention quadratically")
    with halves.cell():
        if evidence.growth is not None and len(evidence.growth) > 1:
            _show_lines(evidence.growth, "ms", "ms", "Measured on this machine: processor time of one thread")
            throw_away_button(_GROWTH, _GROWTH_KEY)
        elif not st.session_state.get(_MEASURE):
            st.info(
                "How the time of attention grows is measured in a process of its own, in ten to thirty seconds.",
                icon=":material/timer:",
            )
            st.button(
                "Measure the growth",
                key="start_growth",
                icon=":material/play_arrow:",
                on_click=_start_measuring,
            )


def _growth() -> pd.DataFrame | None:
    if not st.session_state.get(_MEASURE):
        return None
    try:
        return with_progress(_GROWTH, _GROWTH_KEY, "Timing attention on growing maps, sides", measure_growth)
    except RuntimeError as error:
        st.error(str(error), icon=":material/report:")
        return None


def _start_measuring() -> None:
    st.session_state[_MEASURE] = True


def _records() -> pd.DataFrame:
    try:
        return _read_records(store_state())
    except (StoreError, ValueError) as error:
        st.error(f"Speeds cannot be judged. {error}", icon=":material/database_off:")
        return pd.DataFrame()


@st.cache_data(max_entries=4, show_spinner="Reading the records")
def _read_records(state: State) -> pd.DataFrame:
    return timed_records(compared_models())


def _show_lines(table: pd.DataFrame, suffix: str, unit: str, title: str) -> None:
    columns = {f"{scope}_{suffix}": scope for scope in ("window", "global")}
    exponents = tuple(exponent(table, column) for column in columns)
    shown = table[["positions", *columns]].rename(columns=columns)
    show_chart(
        growth_chart(shown, unit, (exponents[0], exponents[1]), title),
        f"growth_{suffix}",
        table,
        alt=f"{title}, over the number of positions",
    )


def _show_pairs(evidence: Evidence, quantity: LatencyRatio) -> None:
    pairs = latency_pairs(evidence.records, quantity.model, quantity.baseline, quantity.img_size)
    if pairs.empty:
        st.page_link("pages/measure/benchmark.py", label="Measure both on the Benchmark page", icon=":material/speed:")
        return
    st.dataframe(
        pairs[["batch_size", "device_name", "threads", "engine", "latency_ms", "baseline_ms", "ratio", "measured_at"]],
        hide_index=True,
        column_config=_PAIR_COLUMNS,
        alt="Both models' latencies under each condition that they share",
    )


def _open_chosen_row() -> None:
    rows = st.session_state[_TABLE]["selection"]["rows"]
    if rows:
        st.session_state[_CLAIM] = CLAIMS[rows[0]].key


_COLUMNS: dict[str, Any] = {
    "verdict": st.column_config.MultiselectColumn("Verdict", options=_BADGES, color=list(_BADGES.values()), width=140),
    "claim": st.column_config.TextColumn("Claim", width=345),
    "published": st.column_config.NumberColumn("Published ◇", format="%.4g", width=85),
    "ours": st.column_config.NumberColumn("Ours ●", format="%.4g", width=70),
    "deviation": st.column_config.NumberColumn("Deviation", format="%+.3g", width=75, help="Ours less the published."),
    "unit": st.column_config.TextColumn("Unit", width=130),
    "topic": st.column_config.TextColumn("Topic", width=100),
    "source": st.column_config.TextColumn("Source", width=400),
}
_PAIR_COLUMNS: dict[str, Any] = {
    "batch_size": "Batch",
    "device_name": "Device",
    "threads": "Threads",
    "engine": "Engine",
    "latency_ms": st.column_config.NumberColumn("HRFormer p50, ms", format="%.4g"),
    "baseline_ms": st.column_config.NumberColumn("Baseline p50, ms", format="%.4g"),
    "ratio": st.column_config.NumberColumn("Ratio", format="%.2fx"),
    "measured_at": "Measured at (UTC)",
}
