"""What the Ablation page opens with: the mIoU that the convolution gains, and one test picture as each arm sees it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from explorer.ablation.predictions import (
    PERCENTILES,
    Predictions,
    kept_predictions,
    masks_path,
    reference_predictions,
)
from explorer.ablation.recipe import TrainingJob, TrainingPlan
from explorer.ablation.statistics import PairedDifference, arms_sentence, mixing_finding, paired_difference
from explorer.charts.ablation_predictions import prediction_row
from explorer.file_times import modified_ns
from explorer.records.training_exchange import reference_trainings
from explorer.records.training_record import TrainingRecord
from explorer.ui import choices
from explorer.ui.panels import csv_button, half_grid, show_chart
from explorer.units import counted

_PICTURE = "ablation_picture"
_ARM_TITLES = {"3x3": "with", "none": "without", "1x1": "1x1 control"}


@dataclass(frozen=True)
class Trained:
    """Finished trainings that the page shows.

    Attributes:
        records: Of one comparison; empty where there is nothing to show.
        predictions: Of one of its seeds; None where none are kept.
        is_reference: Whether they come with the explorer.
    """

    records: Sequence[TrainingRecord]
    predictions: Predictions | None
    is_reference: bool


def trained(plan: TrainingPlan, finished: Sequence[tuple[TrainingJob, TrainingRecord]], folder: Path | None) -> Trained:
    """The plan's own results once one seed has all arms, until then the run that comes with the explorer.

    Args:
        plan: What the page's settings describe.
        finished: Its trainings that are done.
        folder: Where their predictions are kept; None where the store cannot be reached.
    """
    done = {(job.arm, job.seed) for job, _ in finished}
    if any(all((arm, seed) in done for arm in plan.arms) for seed in plan.seeds):
        jobs = tuple(job for job, _ in finished)
        return Trained([record for _, record in finished], _kept(jobs, folder) if folder else None, False)
    return Trained(reference_trainings(), reference_predictions(), True)


def _kept(jobs: tuple[TrainingJob, ...], folder: Path) -> Predictions | None:
    paths = [masks_path(folder, job) for job in jobs]
    return _read_kept(jobs, folder, tuple((str(path), modified_ns(path)) for path in paths))


@st.cache_data(max_entries=4, show_spinner="Comparing what the networks see")
def _read_kept(_jobs: tuple[TrainingJob, ...], _folder: Path, files: Hashable) -> Predictions | None:
    """Read again only where a file, with its time, has changed."""
    return kept_predictions(_jobs, _folder)


def show_answer(shown: Trained, whose: str) -> None:
    """One number, and one picture as the arms see it.

    Args:
        shown: The trainings.
        whose: What is to be said of where they are from.
    """
    if not shown.records:
        st.info("Nothing is trained yet.", icon=":material/model_training:")
        return
    halves = half_grid()
    with halves.cell():
        _show_gain(paired_difference(shown.records, "3x3", "none"))
    with halves.cell():
        st.markdown(f"**{arms_sentence(shown.records)}** {mixing_finding(shown.records) or ''}")
        st.caption(whose)
    if shown.predictions is not None:
        _show_picture(shown.predictions)


def reference_run(records: Sequence[TrainingRecord]) -> str:
    """The trainings that come with the explorer, with their machine and date."""
    newest = datetime.fromisoformat(max(record.finished_at for record in records))
    return (
        f"the run that comes with the explorer, of {counted(len(records), 'training')} with {records[0].steps} steps "
        f"({records[0].device_name}, {newest.day} {newest:%B %Y})"
    )


def _show_gain(difference: PairedDifference | None) -> None:
    if difference is None:
        return
    st.metric(
        "mIoU gained by the convolution",
        f"{difference.mean:+z.3f}",
        _interval(difference),
        delta_color="off",
        delta_arrow="off",
        help="Test score with it minus that without it, mean over seeds, with Student's 95 % interval.",
    )


def _interval(difference: PairedDifference) -> str:
    if difference.low is None or difference.high is None:
        return "one seed: no interval"
    seeds = counted(len(difference.seeds), "seed")
    told = "" if difference.is_clear else "; zero lies within"
    return f"95 % interval {difference.low:+z.3f} to {difference.high:+z.3f}, {seeds}{told}"


def _show_picture(predictions: Predictions) -> None:
    place, controls = st.container(), st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        percentile = choices.segments(
            "Test picture, by percentile of its gain",
            PERCENTILES,
            key=_PICTURE,
            default=PERCENTILES[len(PERCENTILES) // 2],
            width="content",
        )
    index = PERCENTILES.index(percentile)
    arms = [arm for arm in _ARM_TITLES if arm in predictions.masks]
    scores = {arm: predictions.miou(arm, index) for arm in arms}
    masks = {"what is there · &nbsp;": predictions.labels[index]}
    masks |= {f"{_ARM_TITLES[arm]} · mIoU {scores[arm]:.2f}": predictions.masks[arm][index] for arm in arms}
    with place:
        show_chart(
            prediction_row(predictions.images[index], masks, _title(percentile)),
            "ablation_predictions",
            alt="One test picture: its digits in colours, and those that each network sees",
        )
    with controls:
        data = pd.DataFrame({"percentile": percentile, "arm": arms, "miou": list(scores.values())})
        csv_button(data, "ablation_predictions")
    ahead = np.count_nonzero(predictions.gains > 0)
    st.caption(
        f"Of {len(predictions.gains)} test pictures {percentile} % gain less than this one, and in {ahead} mIoU is "
        f"higher with the convolution. Networks of seed {predictions.seed}."
    )


def _title(percentile: int) -> str:
    which = "A typical test picture" if percentile == 50 else f"Percentile {percentile} of the gain"
    return f"{which}: what each network sees"
