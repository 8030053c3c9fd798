"""Benchmark: measure models against each other, watch it, and keep the records."""

import streamlit as st

from explorer.ui import choices
from explorer.ui.measure.benchmark import (
    chosen_plan,
    current_run,
    drop_models,
    forecast_problem,
    missing_engines,
    plan_bar,
    plan_controls,
    show_plan,
    start_error,
    unknown_models,
    without_forecast,
)
from explorer.ui.measure.benchmark_results import show_results, watch_run
from explorer.ui.measure.comparison import reported
from explorer.ui.measure.job_manager import record_destination, show_load
from explorer.ui.measure.run_queue import show_queue, told_stop
from explorer.ui.measure.stored_results import show_stored_results
from explorer.ui.panels import image_format_control, plain, verbatim
from explorer.ui.variant import current_variant, show_rejection, variant_card

config = current_variant()
st.title("Benchmark")
st.caption("How fast, and with how much memory.")
variant_card(config)
plan_controls()
image_format_control()

run = current_run()
measured = () if run is None else run.measured
is_busy = run is not None and not run.wait(0)
location, store_problem = record_destination()

# Containers keep their place while messages come and go, so that nothing below them jumps or doubles.
messages, bar, live, results = st.container(), st.container(), st.container(), st.container()
plan, problem = None, None
with messages:
    show_rejection()
    if refusal := start_error():
        st.error(plain(refusal), icon=":material/error:")
    try:
        plan = chosen_plan(config)
        problem = None if is_busy else forecast_problem(plan)
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        unknown = unknown_models(config)
        if unknown:
            names = ", ".join(map(verbatim, unknown))
            st.button(f"Leave out {names}", on_click=drop_models, args=(unknown,), key="drop_models")
    if problem:
        st.error(plain(problem), icon=":material/memory:")
    elif plan is not None and not is_busy:
        for reason in without_forecast(plan):
            st.warning(plain(reason), icon=":material/question_mark:")
    if plan is not None:
        for reason in missing_engines(plan):
            st.warning(
                f"{plain(reason)} Its jobs will fail with that reason, the others go on.",
                icon=":material/extension_off:",
            )
    if store_problem:
        st.warning(f"{plain(store_problem)} Records of a run can still be downloaded here.", icon=":material/save:")
if plan is not None:
    with bar:
        plan_bar(plan, is_busy=is_busy, problem=problem)
        show_load()
if run is not None:
    with live:
        if is_busy:
            watch_run(run, len(measured))
        if run.error:
            st.error(f"{plain(run.error)} The records below can still be downloaded.", icon=":material/save:")
        if not is_busy and (stopped := told_stop(run)):
            st.warning(stopped, icon=":material/person_cancel:")
        elif run.progress().state == "cancelled" and not measured:
            st.info("The run was cancelled before anything was measured.", icon=":material/stop:")
with results:
    if measured:
        show_results(run, measured)
    if all(record.latency_ms_p50 is None for _, record in measured):
        with reported():
            show_stored_results()

show_queue(run)
if plan is not None and problem is None and choices.toggle("The plan, job by job", key="show_plan", link=None):
    show_plan(plan)
if location:
    st.caption(f"Every record is stored as soon as it is measured, in `{plain(location)}`.")
