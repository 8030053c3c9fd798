"""Controls of the page Where the time goes: up to two models, and their profiles while they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import streamlit as st

from explorer.benchmark.forecast import check_memory
from explorer.benchmark.measuring.device import device_names
from explorer.benchmark.plan import Job, Plan
from explorer.benchmark.running.profile_run import ProfileRun
from explorer.models.catalogue import display_name
from explorer.ui import choices
from explorer.ui.measure.job_manager import free_mib, job_manager
from explorer.ui.measure.model_choice import (
    NO_MODEL,
    OWN_SIZE,
    THIS_VARIANT,
    model_labels,
    model_of,
    model_options,
    parse_img_size,
)
from explorer.ui.measure.run_queue import stop_control, tell_note, waiting_text
from explorer.ui.panels import verbatim
from explorer.ui.visitors import visitor
from hrformer import HRFormerConfig

_USUALLY_BESIDE = "deit_base_patch16_224"
_MODEL, _BESIDE = "profile_model", "profile_second"
_BATCH, _SIZE, _DEVICE = "profile_batch", "profile_size", "profile_device"
_MOST_IMAGES = 4096
_RUN = "profile_run"
_ERROR = "profile_error"
_POLL_S = 0.4


def profile_controls() -> None:
    """Models, batch, image size and device, in the sidebar."""
    labels = model_labels()
    with st.sidebar:
        choices.one_of(
            st.selectbox,
            "Model",
            model_options(),
            key=_MODEL,
            default=THIS_VARIANT,
            format_func=labels,
            filter_mode="contains",
            help="Type to find any of timm's models, such as resnet50.",
        )
        choices.one_of(
            st.selectbox,
            "Beside it",
            [NO_MODEL, *model_options()],
            key=_BESIDE,
            default=_USUALLY_BESIDE,
            format_func=labels,
            filter_mode="contains",
            help="What it is compared with.",
        )
        choices.number(st.number_input, "Images per call", 1, _MOST_IMAGES, key=_BATCH, default=1)
        choices.typed(
            "Image size, height x width in pixels",
            key=_SIZE,
            default=OWN_SIZE,
            help='"own" is the size each model was made for; type any other, such as 320x256.',
        )
        choices.one_of(st.selectbox, "Device", device_names(), key=_DEVICE)


def chosen_jobs(config: HRFormerConfig) -> tuple[Job, ...]:
    """What the sidebar asks to profile, one or two jobs.

    Raises:
        ValueError: If a name is unknown or a value is illegal.
    """
    names = [choices.held(_MODEL, THIS_VARIANT), choices.held(_BESIDE, _USUALLY_BESIDE)]
    size = parse_img_size(choices.held(_SIZE, OWN_SIZE) or OWN_SIZE)
    models = [model_of(name, config) for name in names if name != NO_MODEL]
    return tuple(
        Job(
            model=model,
            batch_size=choices.held(_BATCH, 1),
            img_size=size or model.default_img_size,
            device=choices.held(_DEVICE, device_names()[0]),
        )
        for model in dict.fromkeys(models)
    )


def start_profile(jobs: Sequence[Job]) -> None:
    """Put the models into the queue; what is wrong is told by `profile_error`."""
    state = st.session_state
    throw_profile_away()
    try:
        for job in jobs:
            plan = Plan(
                models=(job.model,), batch_sizes=(job.batch_size,), img_sizes=(job.img_size,), devices=(job.device,)
            )
            check_memory(plan, free_mib)
        state[_RUN] = job_manager().submit_profile(jobs, visitor())
    except ValueError as error:
        state[_ERROR] = str(error)


def profile_run() -> ProfileRun | None:
    """The session's own profiles, running or kept; a reloaded page finds those at work again."""
    state = st.session_state
    if _RUN not in state and (at_work := job_manager().profile_at_work(visitor())):
        state[_RUN] = at_work
    return cast("ProfileRun | None", state.get(_RUN))


def profile_error() -> str | None:
    """Why the last request was refused."""
    return cast("str | None", st.session_state.get(_ERROR))


def throw_profile_away() -> None:
    """Drop the profiles and delete their traces; running ones are stopped."""
    st.session_state.pop(_ERROR, None)
    run = cast("ProfileRun | None", st.session_state.pop(_RUN, None))
    if run is not None:
        run.cancel()
        for path in run.trace_paths:
            path.unlink(missing_ok=True)


def models_of(jobs: Sequence[Job]) -> str:
    """Such as "HRFormer-T and DeiT-B"."""
    return " and ".join(display_name(job.model.name) for job in jobs)


@st.fragment(run_every=_POLL_S)
def watch_profile(run: ProfileRun) -> None:
    """Progress of running profiles; the page runs again when they have ended."""
    if run.wait(0):
        st.rerun()
    bar, button = st.columns([5, 1], vertical_alignment="center")
    stop_control(run, button, "stop_profile")
    tell_note(run)
    if not run.has_begun:
        bar.progress(0.0, waiting_text(run))
        return
    elapsed_s, share = run.elapsed_s, run.share_done
    left = f" · about {elapsed_s / share - elapsed_s:.0f} s left" if share > 0 else ""
    bar.progress(share, f"Profiling {verbatim(models_of(run.jobs))} · {elapsed_s:.0f} s{left}")
