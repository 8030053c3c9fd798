"""The Paper claims page's choices, table and details."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from explorer.charts.claims import growth_chart
from explorer.claims.attention_timing import SIDES, measure_growth_in_turn, reference_growth
from explorer.claims.claim import Evidence, Origin, Outcome, Verdict, in_convention
from explorer.claims.quantities import LatencyRatio, exponent, macs_growth
from explorer.claims.speed import latency_pairs, reference_records, timed_records
from explorer.claims.table import closeness, compared_models, count_costs, in_words, shown_table
from explorer.cost.conventions import Convention
from explorer.records.store import StoreError
from explorer.ui import choices
from explorer.ui.measure.comparison_data import State, store_state
from explorer.ui.panels import NO_VALUE, half_grid, plain, show_chart
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
_NOTE = "attention_growth_note"
_REFERENCE: Origin = "reference run"


def gather_evidence() -> Evidence | None:
    """Count what must be counted, read the records, take what was measured; None while it is not there yet."""
    counted = with_progress("claim_costs", "all", "Counting the work of the compared models", count_costs)
    if not counted:
        return None
    measured = _growth()
    return Evidence(_records(), reference_growth() if measured is None else measured, measured is None)


def show_origin(outcomes: Sequence[Outcome], evidence: Evidence) -> None:
    """Which figures are those of the run that comes with the explorer."""
    if not any(outcome.origin == _REFERENCE for outcome in outcomes):
        return
    tables = [table for table in (_shipped_records(evidence), _shipped_growth(evidence)) if not table.empty]
    st.caption(f"Costs are counted now. Times are from {_reference_run(*tables)}, until there are some of your own.")


def show_claims(outcomes: Sequence[Outcome], convention: Convention | None, evidence: Evidence) -> None:
    """The table of all claims; a chosen row opens its details."""
    keys = [outcome.claim.key for outcome in outcomes]

    def open_chosen_row() -> None:
        rows = st.session_state[_TABLE]["selection"]["rows"]
        if rows:
            choices.hold(_CLAIM, keys[rows[0]])

    table = shown_table(outcomes, convention, evidence)
    badges = table.assign(verdict=pd.Series([[outcome.verdict] for outcome in outcomes], dtype=object))
    st.dataframe(
        badges[[*_COLUMNS]],
        hide_index=True,
        height=340,  # so that a claim from a link shows on the first screen, too
        placeholder=NO_VALUE,
        column_config=_COLUMNS,
        on_select=open_chosen_row,
        selection_mode="single-row",
        key=_TABLE,
        alt="Every claim with its published figure, ours, the deviation and the verdict",
    )


def show_details(outcomes: Sequence[Outcome], convention: Convention | None, evidence: Evidence) -> None:
    """One claim: what was published where, what is ours, and how that came about."""
    keys = [outcome.claim.key for outcome in outcomes]
    key = choices.one_of(st.selectbox, "Claim", keys, key=_CLAIM, help="Or choose a row of the table.")
    outcome = outcomes[keys.index(key)]
    claim, shown = outcome.claim, in_convention(outcome, convention, evidence)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(outcome.verdict, icon=VERDICT_ICONS[outcome.verdict], color=_BADGES[outcome.verdict])  # type: ignore[arg-type]
            st.markdown(f"**{claim.text}**")
            if outcome.is_narrow:
                st.badge(closeness(outcome), color="gray")
        published, ours = in_words(shown.published, shown.unit), in_words(shown.ours, shown.unit)
        st.markdown(
            f"◇ Published: {published} &nbsp; ● Ours: {ours} &nbsp; tolerance: ±{in_words(claim.tolerance, claim.unit)}"
        )
        if claim.convention and convention and claim.convention != convention:
            st.caption(
                f"Printed as {in_words(claim.published, claim.unit)}, judged so: {in_words(outcome.ours, claim.unit)} "
                "is ours. The published figure above is rescaled by what the change of convention makes of ours."
                if shown.published is not None
                else f"Printed as {in_words(claim.published, claim.unit)}; not all of the compared networks can be "
                f"counted as {convention.label}. Ours in its own convention: {in_words(outcome.ours, claim.unit)}."
            )
        st.markdown(f"**How:** {claim.method}")
        if outcome.origin == _REFERENCE:
            table = _shipped_records(evidence) if claim.kind == "speed" else _shipped_growth(evidence)
            st.markdown(f"**Measured:** nothing of your own yet; ours is that of {plain(_reference_run(table))}.")
        if outcome.reason and outcome.reason != claim.method:
            st.markdown(f"**Why there is no figure:** {plain(outcome.reason)}")
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
            where = "Reference run" if evidence.growth_is_reference else "Measured on this machine"
            _show_lines(evidence.growth, "ms", "ms", f"{where}: processor time of one thread")
            if not evidence.growth_is_reference:
                throw_away_button(_GROWTH, _GROWTH_KEY)
        if evidence.growth_is_reference and not st.session_state.get(_MEASURE):
            st.button(
                "Measure the growth here",
                key="start_growth",
                icon=":material/play_arrow:",
                on_click=_start_measuring,
                help="In a process of its own, in ten to thirty seconds.",
            )


def _growth() -> pd.DataFrame | None:
    if not st.session_state.get(_MEASURE):
        return None
    told: dict[str, str | None] = st.session_state.setdefault(_NOTE, {})
    try:
        return with_progress(
            _GROWTH,
            _GROWTH_KEY,
            "Timing attention on growing maps, sides",
            partial(measure_growth_in_turn, on_note=lambda note: told.update(note=note)),
            note=lambda: told.get("note"),
        )
    except RuntimeError as error:
        st.error(plain(str(error)), icon=":material/report:")
        return None


def _start_measuring() -> None:
    st.session_state[_MEASURE] = True


def _records() -> pd.DataFrame:
    try:
        return _read_records(store_state())
    except (StoreError, ValueError) as error:
        st.error(plain(f"Your records cannot be read, so they judge no speed. {error}"), icon=":material/database_off:")
        return reference_records(compared_models())


@st.cache_data(max_entries=4, show_spinner="Reading the records")
def _read_records(state: State) -> pd.DataFrame:
    return timed_records(compared_models())


def _shipped_records(evidence: Evidence) -> pd.DataFrame:
    records = evidence.records
    return records if records.empty else records[records["is_reference"]]


def _shipped_growth(evidence: Evidence) -> pd.DataFrame:
    growth = evidence.growth
    return growth if growth is not None and evidence.growth_is_reference else pd.DataFrame()


def _reference_run(*tables: pd.DataFrame) -> str:
    """The run that comes with the explorer, with its machine and the days on which it was measured."""
    rows = pd.concat([table[["device_name", "measured_at"]] for table in tables])
    days = sorted({datetime.fromisoformat(str(moment)).date() for moment in rows["measured_at"]})
    dates = " and ".join(f"{day.day} {day:%B %Y}" for day in days)
    return f"the reference run that comes with the explorer ({', '.join(rows['device_name'].unique())}, {dates})"


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


_COLUMNS: dict[str, Any] = {
    "verdict": st.column_config.MultiselectColumn("Verdict", options=_BADGES, color=list(_BADGES.values()), width=140),
    "claim": st.column_config.TextColumn("Claim", width=330),
    "published": st.column_config.NumberColumn("Published ◇", format="%.4g", width=85),
    "ours": st.column_config.NumberColumn("Ours ●", format="%.4g", width=70),
    "unit": st.column_config.TextColumn("Unit", width=130, help="Of both figures; for work, how it was counted."),
    "ratio": st.column_config.NumberColumn("Ours ÷ published", format="%.3f", width=110),
    "deviation": st.column_config.NumberColumn("Deviation", format="%+.3g", width=75, help="Ours less the published."),
    "tolerance_used": st.column_config.NumberColumn(
        "Of tolerance", format="percent", width=85, help="How much of the tolerance the deviation uses up."
    ),
    "origin": st.column_config.TextColumn("Ours is from", width=105),
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
