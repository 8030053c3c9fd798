"""Ablation: what a network loses, costs and sees when exactly one thing is taken out."""

import streamlit as st

from explorer.ablation.arms import arms_of, put_in_names
from explorer.ablation.table import ablation_table, first_finding, measured_arms
from explorer.models.model_ref import variant
from explorer.ui import choices
from explorer.ui.frame import end_page
from explorer.ui.measure.ablation import (
    ablation_controls,
    current_ablation_run,
    latency_plan,
    measure_button,
    start_problem,
    throw_views_away,
    views_of,
)
from explorer.ui.measure.ablation_answer import show_answer, trained
from explorer.ui.measure.ablation_network import network_to_ablate
from explorer.ui.measure.ablation_results import show_figures, show_published, show_table
from explorer.ui.measure.ablation_training import current_trainings, told_origin, training_section
from explorer.ui.measure.benchmark import forecast_problem
from explorer.ui.measure.benchmark_results import records_csv, watch_run
from explorer.ui.measure.job_manager import record_destination
from explorer.ui.measure.run_queue import told_stop
from explorer.ui.panels import csv_button, file_button, image_format_control, plain
from explorer.ui.sources import picture_source, weights_source
from explorer.ui.variant import show_rejection

st.title("Ablation")
st.caption("Take out one thing, keep all else: what a network loses, costs and sees without it.")
config = network_to_ablate()
view = choices.segments("View", ("Train it", "Cost and reach"), key="ablation_view", label_visibility="collapsed")
if view == "Train it":
    image_format_control()
    show_rejection()
    trainings = current_trainings()
    shown = trained(trainings.plan, trainings.finished, trainings.folder)
    show_answer(shown, told_origin(trainings, shown))
    training_section(trainings, shown)
    end_page()
# Containers keep their place while messages come and go, so that nothing below them jumps or doubles.
messages, progress, answer, bar, live, details = (st.container() for _ in range(6))
try:
    choice = ablation_controls()
    arms = arms_of(config, choice.switches, choice.axes) if choice.switches else ()
except ValueError as error:
    messages.error(plain(str(error)), icon=":material/error:")
    end_page()
picture = picture_source(config)
weights = weights_source(config)
image_format_control()
show_rejection()
if not arms:
    st.info(
        "Choose in the sidebar what to take out, such as the 3x3 depth-wise convolution: each choice adds a network "
        "that lacks exactly that, beside one that has everything.",
        icon=":material/toggle_off:",
    )
    end_page()

run = current_ablation_run()
measured = () if run is None else measured_arms(arms, run.measured)
is_busy = run is not None and not run.wait(0)
location, store_problem = record_destination()
problem = None
with messages:
    lacking = put_in_names(config, choice.switches)
    if lacking:
        st.info(
            f"This variant itself lacks: {', '.join(lacking)}. The reference has it put in.", icon=":material/info:"
        )
    try:
        plan = latency_plan(arms, choice)
        problem = None if is_busy else forecast_problem(plan)
    except ValueError as error:
        plan, problem = None, str(error)
    for sentence in filter(None, (problem, start_problem(), run.error if run else None)):
        st.error(plain(sentence), icon=":material/error:")
    if run is not None and not is_busy and (stopped := told_stop(run)):
        st.warning(stopped, icon=":material/person_cancel:")
    if store_problem:
        st.warning(f"{plain(store_problem)} Records of a run can still be downloaded here.", icon=":material/save:")

with progress:
    views = None if weights is None else views_of(arms, weights, picture, choice.stage)
table = ablation_table(arms, views, measured)
with answer:
    st.markdown(f"**{first_finding(table)}**")
    show_table(table)
    for note in dict.fromkeys(note for note in (*table["note"], *table["latency_note"].dropna()) if note):
        st.warning(plain(note), icon=":material/report:")
with bar, st.container(horizontal=True, vertical_alignment="center"):
    if plan is not None:
        measure_button(plan, is_busy=is_busy, problem=problem)
    csv_button(table, "ablation", "Everything as CSV")
    if measured:
        file_button(
            "Records as CSV",
            lambda: records_csv([record for _, record in measured]),
            f"ablation_{run.id}.csv",
            "text/csv",
            key="download_ablation_records",
        )
    if views is not None:
        throw_views_away(arms, weights, picture, choice.stage)
if is_busy:
    with live:
        watch_run(run, len(run.records), {variant(arm.config).name: arm.label for arm in arms})
with details:
    show_figures(table)
    show_published([switch.key for switch in choice.switches], window_sizes=bool(choice.axes.window_sizes))
    st.caption(
        f"Fields and leak: the middle of the 1/4 map after the last module of stage {choice.stage}, {picture.name} at "
        f"{config.img_size[0]}x{config.img_size[1]} pixels, {'no weights' if weights is None else weights.name}, "
        "shared by all networks as far as they fit."
        + (f" Every record is stored as soon as it is measured, in `{plain(location)}`." if location else "")
    )
