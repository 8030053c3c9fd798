"""The section "Train it" of the Ablation page: start, live curves, stop, resume, and what the trainings show."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import pandas as pd
import streamlit as st

from explorer.ablation.exchange import reference_trainings, write_trainings
from explorer.ablation.recipe import ARM_NAMES, FEW_STEPS, MAX_SEEDS, Recipe, TrainingPlan
from explorer.ablation.run import (
    AblationRun,
    JobProgress,
    RunProgress,
    checkpoint_folder,
    curve_rows,
    estimate_seconds,
    known_results,
    resumable,
    unfinished_otherwise,
)
from explorer.ablation.statistics import (
    METRICS,
    PAIRS,
    PairedDifference,
    border_finding,
    border_gap_difference,
    finding,
    mixing_finding,
    paired_difference,
)
from explorer.benchmark.store import Store, StoreError
from explorer.benchmark.training_record import TrainingRecord
from explorer.charts.ablation_training import difference_intervals, training_curves
from explorer.ui.ablation_results import show_published
from explorer.ui.benchmark import duration
from explorer.ui.job_manager import job_manager, visitor
from explorer.ui.panels import csv_button, show_chart

_ERROR = "ablation_training_error"
_SEEDS = "ablation_training_seeds"
_STEPS = "ablation_training_steps"
_CURVE = "ablation_training_curve"
_POLL_S = 1.0
_LOOKED_AT = {**METRICS, "loss": "loss of the last step"}
#: What is compared, and how the figure calls it.
_COMPARED = {
    "miou": "mIoU",
    "foreground_accuracy": "ten-way accuracy",
    "near_border_accuracy": "digits near window borders",
    "away_accuracy": "digits away from them",
}
_SHORT = {"3x3": "3x3", "none": "none", "1x1": "1x1 control"}


def training_section() -> None:
    """Train three arms of a small variant, and see what the comparison shows."""
    st.markdown(
        "#### Train it: does the convolution help on a task that can be learned here?",
        help="The paper (Table 7) has it on ImageNet, COCO and PASCAL-Context. Here: handwritten digits of three "
        "scales over photographs, to be segmented into background and ten digits. Digits and photographs of "
        "training, validation and test do not overlap.",
    )
    plan = _chosen_plan()
    side = plan.variant.img_size[0]
    st.caption(
        f"What is trained is not the current variant but a small one, one module and one block a stage with "
        f"{', '.join(map(str, plan.variant.channels))} channels, on {side}x{side} pixels: with the 3x3 depth-wise "
        "convolution, without it, and with a 1x1 one that has the same norm and activation but mixes no positions."
    )
    run = job_manager().ablation
    is_busy = run is not None and not run.wait(0)
    stored, folder_problem, waiting, otherwise = _stored(plan)
    begun = waiting > 0 or 0 < len(stored) < len(plan.jobs())
    _start_bar(plan, is_busy=is_busy, begun=begun)
    if otherwise and not begun and not is_busy:
        st.info(otherwise, icon=":material/pause_circle:")
    for problem in filter(None, (st.session_state.get(_ERROR), folder_problem, run.error if run else None)):
        st.error(problem, icon=":material/error:")
    if run is not None and is_busy:
        _watch(run)
        return
    if run is not None and run.plan == plan:
        _tell_failures(run.progress().jobs)
    _show_results(stored)


def _chosen_plan() -> TrainingPlan:
    with st.expander("Seeds and steps"):
        st.session_state.setdefault(_SEEDS, 3)
        st.session_state.setdefault(_STEPS, Recipe().steps)
        seeds = st.number_input(
            "Seeds", 1, MAX_SEEDS, key=_SEEDS, persist_state="session", help="With one there is no interval."
        )
        steps = st.number_input(
            "Steps of each training",
            20,
            20_000,
            step=100,
            key=_STEPS,
            persist_state="session",
            help=f"Below {FEW_STEPS} the sign of a difference means little; longer training narrows it.",
        )
    return TrainingPlan(seeds=tuple(range(seeds)), recipe=Recipe(steps=steps))


def _stored(plan: TrainingPlan) -> tuple[list[TrainingRecord], str | None, int, str | None]:
    """A plan's results, why there are none, how many checkpoints it has, and what is kept of other settings."""
    try:
        with Store(lock_timeout_s=1.0) as store:
            results = [record for _, record in known_results(plan, store.trainings())]
            folder = checkpoint_folder(store.location)
        return results, None, resumable(plan, folder), unfinished_otherwise(plan, folder)
    except StoreError as error:
        return [], str(error), 0, None


def _start_bar(plan: TrainingPlan, *, is_busy: bool, begun: bool) -> None:
    jobs = len(plan.jobs())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Train all anew" if begun else "Train",
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
        st.markdown(f"**{jobs} trainings, about {takes}** (rough, on two free cores)")


def _start(plan: TrainingPlan, resume: bool) -> None:
    st.session_state.pop(_ERROR, None)
    try:
        job_manager().submit_ablation(plan, visitor(), resume=resume)
    except (ValueError, StoreError) as error:
        st.session_state[_ERROR] = str(error)


@st.fragment(run_every=_POLL_S)
def _watch(run: AblationRun) -> None:
    """Progress and live curves of a run; the page runs again when it ends."""
    if run.wait(0):
        st.rerun()
    progress = run.progress()
    bar, button = st.columns([5, 1], vertical_alignment="center")
    bar.progress(progress.steps_done / progress.steps_total, _progress_text(run, progress))
    button.button("Stop", key="stop_training", icon=":material/stop:", on_click=run.cancel)
    st.table(_job_table(progress.jobs), hide_index=True)
    _show_curves(_curve_frame((job.job.arm, job.job.seed, job.curve) for job in progress.jobs))


def _progress_text(run: AblationRun, progress: RunProgress) -> str:
    ahead = len(job_manager().ahead_of(run))
    if ahead:
        return f"Waiting for {ahead} run{'s' if ahead > 1 else ''} before this one"
    whose = "" if run.owner == visitor() else f", started by {run.owner}"
    done = f"{progress.steps_done:,} of {progress.steps_total:,} steps{whose} · {duration(progress.elapsed_s)} so far"
    return done if progress.left_s is None else f"{done}, about {duration(progress.left_s)} left"


def _job_table(jobs: Sequence[JobProgress]) -> pd.DataFrame:
    """The trainings at work or ended."""
    rows = [
        {
            "arm": _SHORT[job.job.arm],
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


def _tell_failures(jobs: Iterable[JobProgress]) -> None:
    for job in jobs:
        if job.state == "failed":
            st.error(f"{_SHORT[job.job.arm]}, seed {job.job.seed}: {job.reason}", icon=":material/error:")


def _show_results(stored: Sequence[TrainingRecord]) -> None:
    records = list(stored)
    if not records:
        records = reference_trainings()
        if not records:
            st.info("Nothing is trained yet.", icon=":material/model_training:")
            return
        st.info(
            f"Nothing is trained here yet. Shown is the run that comes with the explorer, of {len(records)} trainings "
            f"with {records[0].steps} steps.",
            icon=":material/inventory_2:",
        )
    differences = [found for arm, against in PAIRS if (found := paired_difference(records, arm, against))]
    for sentence in (*map(finding, differences), mixing_finding(records), border_finding(records)):
        if sentence:
            st.markdown(f"- {sentence}")
    _show_curves(_curve_frame((record.arm, record.seed, curve_rows(record)) for record in records))
    _show_differences(records)
    show_published(["dw_conv"], window_sizes=False)
    _show_table(records)


def _show_curves(curves: pd.DataFrame) -> None:
    if curves.empty:
        st.caption("Curves begin with the first look at the validation pictures.")
        return
    column = st.selectbox("Curve", list(_LOOKED_AT), key=_CURVE, format_func=lambda name: _LOOKED_AT[name])
    name = _LOOKED_AT[column]
    show_chart(
        training_curves(curves, column, name, f"Validation {name}, mean over seeds, band from lowest to highest"),
        "ablation_training_curves",
        curves,
        alt=f"{name} against steps for each arm, mean and band over seeds",
    )


def _curve_frame(trainings: Iterable[tuple[str, int, Sequence[dict[str, float]]]]) -> pd.DataFrame:
    return pd.DataFrame([{"arm": arm, "seed": seed, **row} for arm, seed, curve in trainings for row in curve])


def _show_differences(records: Sequence[TrainingRecord]) -> None:
    frame = differences_table(records)
    if frame.empty:
        return
    show_chart(
        difference_intervals(frame, "What each convolution changes, at equal steps"),
        "ablation_training_differences",
        frame.drop(columns="values_"),
        alt="Paired differences of test scores with their 95 % intervals",
    )
    st.caption(
        "Paired by seed: both arms see the same crops in the same order. The interval is Student's, of the mean over "
        "seeds. Near borders: digits' pixels in tokens along a border between windows of the 1/4 branch; the outer 14 "
        "pixels are left out, where cut-off digits fake a difference."
    )


def differences_table(records: Sequence[TrainingRecord]) -> pd.DataFrame:
    """One row per pair of arms and score: label, mean, low, high, seeds, and the values of the seeds."""
    rows = []
    for arm, against in PAIRS:
        found: list[tuple[str, PairedDifference | None]] = [
            (name, paired_difference(records, arm, against, metric)) for metric, name in _COMPARED.items()
        ]
        found.append(("near minus away", border_gap_difference(records, arm, against)))
        rows += [
            {
                "label": f"{_SHORT[arm]} − {_SHORT[against]}: {name}",
                "mean": difference.mean,
                "low": difference.low,
                "high": difference.high,
                "seeds": len(difference.seeds),
                "values_": list(difference.differences),
            }
            for name, difference in found
            if difference is not None
        ]
    return pd.DataFrame(rows)


def _show_table(records: Sequence[TrainingRecord]) -> None:
    table = pd.DataFrame(
        [
            {
                "arm": _SHORT[record.arm],
                "seed": record.seed,
                "steps": record.steps,
                "parameters": record.params,
                **{f"test {name}": getattr(record, metric) for metric, name in METRICS.items()},
                "minutes": record.train_wall_s / 60,
                "processor ms a step": record.step_cpu_ms,
                "data, % of it": 100 * record.data_cpu_share,
            }
            for record in records
        ]
    )
    shares = {f"test {name}": st.column_config.NumberColumn(format="%.3f") for name in METRICS.values()}
    figures = {
        name: st.column_config.NumberColumn(format=form)
        for name, form in {"minutes": "%.1f", "processor ms a step": "%.0f", "data, % of it": "%.1f"}.items()
    }
    st.dataframe(table, hide_index=True, alt="All trainings with their test scores", column_config=shares | figures)
    with st.container(horizontal=True):
        csv_button(table, "ablation_training_table", "Table as CSV")
        st.download_button(
            "Everything as CSV",
            data=lambda: trainings_csv(records),
            file_name="ablation_training.csv",
            mime="text/csv",
            icon=":material/download:",
            type="tertiary",
            key="download_trainings",
            on_click="ignore",
            help="Curves, recipe, variant and environment included.",
        )
    st.caption("; ".join(f"{_SHORT[arm]}: {name}" for arm, name in ARM_NAMES.items()) + ".")


def trainings_csv(records: Iterable[TrainingRecord]) -> bytes:
    """Trainings as a file."""
    file = io.StringIO(newline="")
    write_trainings(records, file)
    return file.getvalue().encode()
