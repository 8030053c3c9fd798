"""Where the time goes: which parts of a network cost more than their FLOPs say."""

import streamlit as st

from explorer.charts.time import share_bars
from explorer.ui.job_manager import show_queue
from explorer.ui.panels import csv_button, half_grid, image_format_control, plain, show_chart
from explorer.ui.time import (
    SPLITS,
    are_done,
    chosen_jobs,
    costliest_finding,
    every_row,
    part_order,
    profile_controls,
    profile_error,
    profile_runs,
    share_table,
    show_profile_details,
    start_profiles,
    throw_profiles_away,
    watch_profiles,
)
from explorer.ui.variant import current_variant, show_rejection, variant_card

config = current_variant()
st.markdown("### Where the time goes: parts that cost more than their FLOPs say")
variant_card(config)
profile_controls()
image_format_control()
show_rejection()

runs = profile_runs()
is_busy = bool(runs) and not are_done(runs)
try:
    jobs = chosen_jobs(config)
except ValueError as error:
    st.error(plain(str(error)), icon=":material/error:")
    jobs = ()
if refusal := profile_error():
    st.error(plain(refusal), icon=":material/error:")

with st.container(horizontal=True, vertical_alignment="center"):
    st.button(
        f"Profile {' and '.join(job.model.name for job in jobs)}",
        icon=":material/play_arrow:",
        key="start_profiles",
        disabled=is_busy or not jobs,
        on_click=start_profiles,
        args=(jobs,),
        help="Three observed calls after a warm-up, in a process of their own, on untrained weights.",
    )
    if runs and not is_busy:
        st.button(
            "Throw this result away",
            key="throw_profiles_away",
            icon=":material/delete:",
            type="tertiary",
            on_click=throw_profiles_away,
        )
if is_busy:
    watch_profiles(runs)
elif not runs:
    st.info(
        "A profile takes about 20 s a model. It sets each part's share of the time beside its share of the "
        "multiply-adds: where the first is longer, the part costs more than its FLOPs say.",
        icon=":material/timer:",
    )

for run in runs:
    if run.was_cancelled:
        st.info(f"The profile of {run.job.model.name} was cancelled.", icon=":material/stop:")
    elif run.wait(0) and run.profile is None:
        st.error(f"{run.job.model.name} has no profile: {run.error}.", icon=":material/report:")

done = [run for run in runs if run.profile is not None]
if done:
    split = SPLITS[
        st.segmented_control(
            "Split by", tuple(SPLITS), default="Kind of work", required=True, key="profile_split", bind="query-params"
        )
    ]
    tables = [share_table(run.profile, split) for run in done]
    longest = max(table[["time_share", "macs_share"]].max().max() for table in tables)
    halves = half_grid()
    for run, table in zip(done, tables, strict=True):
        with halves.cell():
            show_chart(
                share_bars(table, costliest_finding(table), longest, part_order(tables)),
                f"time_{split}_{run.id}",
                table,
                alt=f"Share of time beside share of multiply-adds of {run.job.model.name}",
            )
            show_profile_details(run, table)
    csv_button(every_row([run.profile for run in done]), "profile", "Every stage, branch and operator as CSV")

show_queue()
