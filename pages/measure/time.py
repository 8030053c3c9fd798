"""Where the time goes: which kinds of work make one network slower than another, beside what their FLOPs say."""

import streamlit as st

from explorer.ui.measure.run_queue import show_queue, told_stop
from explorer.ui.measure.time import (
    chosen_jobs,
    models_of,
    profile_controls,
    profile_error,
    profile_run,
    start_profile,
    throw_profile_away,
    watch_profile,
)
from explorer.ui.measure.time_results import (
    own_shown,
    reference_shown,
    show_answer,
    show_difference,
    show_models,
)
from explorer.ui.panels import image_format_control, plain, verbatim
from explorer.ui.variant import current_variant, show_rejection, variant_card

config = current_variant()
st.title("Where the time goes")
variant_card(config)
profile_controls()
image_format_control()
show_rejection()

run = profile_run()
is_busy = run is not None and not run.wait(0)
is_own = run is not None and bool(run.profiles)
try:
    jobs = chosen_jobs(config)
except ValueError as error:
    st.error(plain(str(error)), icon=":material/error:")
    jobs = ()
if refusal := profile_error():
    st.error(plain(refusal), icon=":material/error:")
if run is not None and not is_busy and not is_own:
    if stopped := told_stop(run):
        st.warning(stopped, icon=":material/person_cancel:")
    elif run.was_cancelled:
        st.info(f"The profile of {verbatim(models_of(run.jobs))} was cancelled.", icon=":material/stop:")
    else:
        st.error(plain(f"There is no profile: {run.error}."), icon=":material/report:")
if run is not None and is_busy:
    watch_profile(run)

answer = st.container()  # above what it follows from
shown = own_shown(run) if run is not None and is_own else reference_shown()
if shown is not None:
    with answer:
        show_answer(shown)
    show_difference(shown)
elif not is_busy:
    st.info(
        "A profile sets the time of each kind of work beside its multiply-adds, and says what makes one "
        "network slower than another.",
        icon=":material/timer:",
    )

with st.container(horizontal=True, vertical_alignment="center"):
    st.button(
        f"Profile {models_of(jobs)} here",
        icon=":material/play_arrow:",
        key="start_profiles",
        disabled=is_busy or not jobs,
        on_click=start_profile,
        args=(jobs,),
        help="Five observed calls of each model in a process of its own, on untrained weights; some 20 s a model.",
    )
    if is_own:
        st.button(
            "Throw this result away",
            key="throw_profiles_away",
            icon=":material/delete:",
            type="tertiary",
            on_click=throw_profile_away,
        )
if shown is not None:
    show_models(shown)
show_queue(run)
