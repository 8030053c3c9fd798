"""The section "Train it" of the Ablation page: start, live curves, stop, resume, and what the trainings show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from explorer.ablation.checkpoints import checkpoint_folder, half_done, unfinished_otherwise
from explorer.ablation.forecast import estimate_seconds
from explorer.ablation.recipe import FEW_STEPS, MAX_SEEDS, Recipe, TrainingJob, TrainingPlan
from explorer.ablation.run import (
    AblationProgress,
    AblationRun,
    TrainingProgress,
    known_results,
)
from explorer.ablation.training import CHECKPOINT_EVERY
from explorer.records.store import StoreError
from explorer.records.training_record import TrainingRecord
from explorer.ui import choices
from explorer.ui.measure.ablation_answer import Trained, reference_run
from explorer.ui.measure.ablation_training_results import SHORT_NAMES, curve_frame, show_curves, show_training_results
from explorer.ui.measure.job_manager import job_manager
from explorer.ui.measure.page_store import page_store
from explorer.ui.measure.run_queue import (
    stop_control,
    tell_note,
    told_stop,
    waiting_text,
    whose,
)
from explorer.ui.panels import plain, show_table
from explorer.ui.visitors import visitor
from explorer.units import counted, duration

_ERROR = "ablation_training_error"
_SEEDS = "ablation_training_seeds"
_STEPS = "ablation_training_steps"
_POLL_S = 1.0
_SEEDS_BY_DEFAULT = 3


@dataclass(frozen=True)
class Trainings:
    """The trainings of the page's settings, and how far they are.

    Attributes:
        plan: What the settings describe.
        run: The run that was started last, by whomever and with whatever settings.
        finished: The plan's trainings that are done, from the store.
        half_done: Steps of the plan's checkpoints.
        folder: Where checkpoints and predictions are kept; None where the store cannot be reached.
        otherwise: What is kept of other settings.
        problem: Why the store cannot be reached.
    """

    plan: TrainingPlan
    run: AblationRun | None
    finished: Sequence[tuple[TrainingJob, TrainingRecord]] = ()
    half_done: tuple[int, ...] = ()
    folder: Path | None = None
    otherwise: str | None = None
    problem: str | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a run is at work or waiting."""
        return self.run is not None and not self.run.wait(0)

    @property
    def begun(self) -> bool:
        """Whether there is something to resume."""
        return bool(self.half_done) or 0 < len(self.finished) < len(self.plan.jobs())

    @property
    def was_stopped(self) -> bool:
        """Whether the last run was one of this plan, and was stopped."""
        return self.run is not None and self.run.was_stopped and not self.is_busy and self.run.plan == self.plan


def current_trainings() -> Trainings:
    """The trainings of the settings that are chosen now."""
    seeds, steps = choices.held(_SEEDS, _SEEDS_BY_DEFAULT), choices.held(_STEPS, Recipe().steps)
    plan, run = TrainingPlan(seeds=tuple(range(seeds)), recipe=Recipe(steps=steps)), job_manager().ablation
    try:
        with page_store(lock_timeout_s=1.0) as store:
            finished = tuple(known_results(plan, store.trainings()))
            folder = checkpoint_folder(store.location)
    except StoreError as error:
        return Trainings(plan, run, problem=str(error))
    return Trainings(plan, run, finished, half_done(plan, folder), folder, unfinished_otherwise(plan, folder))


def told_origin(trainings: Trainings, shown: Trained) -> str:
    """Where the trainings that the page shows are from."""
    if not shown.is_reference:
        jobs = len(trainings.plan.jobs())
        return f"Trained here: {len(shown.records)} of {jobs} trainings, with {trainings.plan.recipe.steps} steps each."
    if not shown.records:
        return ""
    if trainings.is_busy or trainings.begun:
        return f"Shown until every network of one seed is trained here: {reference_run(shown.records)}."
    return f"Nothing is trained here yet. Shown is {reference_run(shown.records)}."


def training_section(trainings: Trainings, shown: Trained) -> None:
    """Train three arms of a small variant, and see in detail what the comparison shows.

    Args:
        trainings: Of the page's settings.
        shown: Those whose results are shown, also while others are under way.
    """
    st.markdown(
        "## Train it: does the convolution help on a task that can be learned here?",
        help="The paper (Table 7) has it on ImageNet, COCO and PASCAL-Context. Here: handwritten digits of three "
        "scales over photographs, to be segmented into background and ten digits. Digits and photographs of "
        "training, validation and test do not overlap.",
    )
    _show_settings()
    plan, run = trainings.plan, trainings.run
    side = plan.variant.img_size[0]
    st.caption(
        f"What is trained is not the current variant but a small one, one module and one block a stage with "
        f"{', '.join(map(str, plan.variant.channels))} channels, on {side}x{side} pixels: with the 3x3 depth-wise "
        "convolution, without it, and with a 1x1 one that has the same norm and activation but mixes no positions."
    )
    _start_bar(plan, is_busy=trainings.is_busy, begun=trainings.begun)
    if run is not None and not trainings.is_busy and (stopped := told_stop(run)):
        st.warning(stopped, icon=":material/person_cancel:")
    if told := interruption(trainings):
        st.info(told, icon=":material/pause_circle:")
    for problem in filter(None, (st.session_state.get(_ERROR), trainings.problem, run.error if run else None)):
        st.error(plain(problem), icon=":material/error:")
    if run is not None and trainings.is_busy:
        _watch(run, len(run.finished_jobs))
    elif run is not None and run.plan == plan:
        _tell_failures(run.progress().jobs)
    show_training_results(shown.records)


def interruption(trainings: Trainings) -> str | None:
    """What was stopped, how far it came, what is kept and how to go on; None where nothing was."""
    if trainings.is_busy:
        return None
    if not trainings.was_stopped and not trainings.begun:
        return trainings.otherwise
    if trainings.run is not None and trainings.was_stopped:
        progress = trainings.run.progress()
        happened = f"Stopped after {progress.steps_done:,} of {progress.steps_total:,} steps."
    else:
        happened = "Begun earlier, and not finished."
    kept = []
    if trainings.finished:
        kept.append(f"{len(trainings.finished)} of {counted(len(trainings.plan.jobs()), 'training')} as finished")
    if trainings.half_done:
        steps = " and ".join(f"{step:,}" for step in trainings.half_done)
        kept.append(f"{counted(len(trainings.half_done), 'half-done one')} at step {steps}")
    if not kept:
        return f"{happened} Nothing is kept: none had come to its first checkpoint, after {CHECKPOINT_EVERY} steps."
    resume = " Resume goes on from there." if trainings.begun else ""
    return f"{happened} Kept: {', and '.join(kept)}.{resume}"


def _show_settings() -> None:
    with st.expander("Seeds and steps"):
        choices.number(
            st.number_input,
            "Seeds",
            1,
            MAX_SEEDS,
            key=_SEEDS,
            default=_SEEDS_BY_DEFAULT,
            help="With one there is no interval.",
        )
        choices.number(
            st.number_input,
            "Steps of each training",
            20,
            20_000,
            key=_STEPS,
            default=Recipe().steps,
            step=100,
            help=f"Below {FEW_STEPS} the sign of a difference means little; longer training narrows it.",
        )


def _start_bar(plan: TrainingPlan, *, is_busy: bool, begun: bool) -> None:
    jobs = len(plan.jobs())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Train all from scratch" if begun else "Train",
            icon=":material/model_training:",
            key="start_training",
            disabled=is_busy,
            on_click=_start,
            args=(plan, False),
            help="In processes of its own, two at a time, one thread each; it goes on when you leave the page.",
        )
        if begun:
            st.button(
                "Resume",
                icon=":material/resume:",
                key="resume_training",
                disabled=is_busy,
                on_click=_start,
                args=(plan, True),
                help="Goes on from checkpoints; finished trainings are kept as they are.",
            )
        takes = duration(estimate_seconds(plan))
        st.markdown(f"**{counted(jobs, 'training')}, about {takes}** (rough, on two free cores)")


def _start(plan: TrainingPlan, resume: bool) -> None:
    st.session_state.pop(_ERROR, None)
    try:
        job_manager().submit_ablation(plan, visitor(), resume=resume)
    except (ValueError, StoreError) as error:
        st.session_state[_ERROR] = str(error)


@st.fragment(run_every=_POLL_S)
def _watch(run: AblationRun, finished: int) -> None:
    """Progress and live curves of a run; the page runs again when a training ends, and when all have."""
    if run.wait(0) or len(run.finished_jobs) != finished:
        st.rerun()
    progress = run.progress()
    bar, button = st.columns([5, 1], vertical_alignment="center")
    bar.progress(progress.steps_done / progress.steps_total, _progress_text(run, progress))
    stop_control(run, button, "stop_training")
    tell_note(run)
    show_table(_job_table(progress.jobs))
    curves = curve_frame((job.job.arm, job.job.seed, job.curve) for job in progress.jobs)
    if curves.empty:
        st.caption("Curves begin with the first look at the validation pictures.")
    else:
        show_curves(curves, "miou", "ablation_training_live")


def _progress_text(run: AblationRun, progress: AblationProgress) -> str:
    others = "" if run.owner == visitor() else f"{whose(run)} · "
    if not run.has_begun:
        return f"{others}{waiting_text(run)}"
    steps = f"{progress.steps_done:,} of {progress.steps_total:,} steps"
    done = f"{others}{steps} · {duration(progress.elapsed_s)} so far"
    return done if progress.left_s is None else f"{done}, about {duration(progress.left_s)} left"


def _job_table(jobs: Sequence[TrainingProgress]) -> pd.DataFrame:
    """The trainings at work or ended."""
    rows = [
        {
            "arm": SHORT_NAMES[job.job.arm],
            "seed": job.job.seed,
            "state": job.reason or ("making pictures" if job.state == "training" and not job.step else job.state),
            "step": f"{job.step} of {job.job.recipe.steps}",
            "loss": "" if job.loss is None else f"{job.loss:.3f}",
            "validation mIoU": f"{job.curve[-1]['miou']:.3f}" if job.curve else "",
            "digit accuracy": f"{job.curve[-1]['foreground_accuracy']:.3f}" if job.curve else "",
        }
        for job in jobs
        if job.state != "waiting"
    ]
    return pd.DataFrame(rows)


def _tell_failures(jobs: Iterable[TrainingProgress]) -> None:
    for job in jobs:
        if job.state == "failed":
            st.error(
                f"{SHORT_NAMES[job.job.arm]}, seed {job.job.seed}: {plain(job.reason or '')}", icon=":material/error:"
            )
