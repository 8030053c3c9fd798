"""Benchmark: measure models against each other, watch it, and keep the records."""

import streamlit as st

from explorer.ui.benchmark import (
    chosen_plan,
    current_run,
    drop_models,
    duration,
    estimated_seconds,
    forecast_problem,
    plan_controls,
    plan_table,
    start_error,
    start_run,
    unknown_models,
)
from explorer.ui.benchmark_results import show_results, watch_run
from explorer.ui.job_manager import show_queue, store_state
from explorer.ui.panels import csv_button, image_format_control
from explorer.ui.variant import current_variant, show_rejection, variant_card

config = current_variant()
st.markdown("### Benchmark: how fast, and with how much memory")
variant_card(config)
plan_controls()
image_format_control()
show_rejection()

run = current_run()
is_busy = run is not None and not run.wait(0)
if start_error():
    st.error(start_error(), icon=":material/error:")

plan = None
try:
    plan = chosen_plan(config)
except ValueError as error:
    unknown = unknown_models(config)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.error(str(error), icon=":material/error:")
        if unknown:
            st.button(f"Leave out {', '.join(unknown)}", on_click=drop_models, args=(unknown,), key="drop_models")

problem = None if plan is None or is_busy else forecast_problem(plan)
if problem:
    st.error(problem, icon=":material/memory:")
if plan is not None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run this plan",
            type="primary",
            icon=":material/play_arrow:",
            key="start_run",
            disabled=is_busy or problem is not None,
            on_click=start_run,
            args=(plan,),
            help="Each job runs in a process of its own; models are measured in turns, so a drifting machine hits all.",
        )
        st.download_button(
            "Plan as YAML",
            data=plan.to_yaml,
            file_name="plan.yaml",
            mime="application/yaml",
            icon=":material/download:",
            type="tertiary",
            key="download_plan",
            on_click="ignore",
        )
        if problem is None:
            jobs = len(plan.jobs())
            takes = duration(estimated_seconds(plan, plan.to_yaml()))
            st.markdown(f"**{jobs} job{'s' if jobs > 1 else ''}, about {takes}** (rough, within a factor of three)")

location, store_problem = store_state()
if store_problem:
    st.warning(f"{store_problem} Records of a run can still be downloaded here.", icon=":material/save:")

if run is not None:
    records = run.records
    if is_busy:
        watch_run(run, len(records))
    if run.error:
        st.error(f"{run.error} The records below can still be downloaded.", icon=":material/save:")
    if run.progress().state == "cancelled" and not records:
        st.info("The run was cancelled before anything was measured.", icon=":material/stop:")
    if records:
        show_results(run, records)

show_queue()
if plan is not None and problem is None and st.toggle("The plan, job by job", value=run is None, key="show_plan"):
    jobs_table = plan_table(plan)
    st.dataframe(
        jobs_table,
        hide_index=True,
        alt="Jobs of the plan",
        column_config={
            "GMACs per image": st.column_config.NumberColumn(format="%.3g"),
            "memory needed, MiB": st.column_config.NumberColumn(format="%.0f", help="Estimated, the process included."),
        },
    )
    csv_button(jobs_table, "plan", "Jobs as CSV")
if location:
    st.caption(f"Every record is stored as soon as it is measured, in `{location}`.")
