"""What a comparison of arms shows, and what it does not: paired differences over seeds with a t-interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from explorer.ablation.recipe import FEW_STEPS
from explorer.records.training_record import TrainingRecord

#: What is compared, and how it is called.
METRICS = {
    "miou": "mIoU",
    "pixel_accuracy": "pixel accuracy",
    "foreground_accuracy": "ten-way accuracy on digits",
    "near_border_accuracy": "accuracy on digits near window borders",
    "away_accuracy": "accuracy on digits away from them",
}
CONFIDENCE = 0.95
#: Which arms are compared: the convolution with nothing and with the control, and the control with nothing.
PAIRS = (("3x3", "none"), ("3x3", "1x1"), ("1x1", "none"))
_SHORT_NAMES = {"3x3": "the 3x3 depth-wise convolution", "none": "no convolution", "1x1": "the 1x1 control"}


@dataclass(frozen=True)
class PairedDifference:
    """One arm minus another, seed by seed.

    Attributes:
        arm: The first.
        against: The second.
        metric: One of `METRICS`, or "border_gap".
        steps: Updates of all trainings.
        seeds: Those that both arms have.
        differences: One per seed.
        mean: Of them.
        low: Lower end of the 95 % interval of the mean; None with fewer than two seeds.
        high: Its upper end.
    """

    arm: str
    against: str
    metric: str
    steps: int
    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def paired_difference(
    records: Sequence[TrainingRecord], arm: str, against: str, metric: str = "miou"
) -> PairedDifference | None:
    """The difference of two arms over the seeds that both have; None where there is no such seed.

    The interval is Student's, over the differences of pairs that share first weights (where their shapes are equal)
    and data: it is about other seeds of the same recipe, not about other tasks or longer training.

    Args:
        records: Of one comparison; of several with one arm and seed the last counts.
        arm: What is looked at.
        against: What it is compared with.
        metric: One of `METRICS`.

    Raises:
        ValueError: If the records are of several comparisons.
    """
    if len({record.comparison_id for record in records}) > 1:
        raise ValueError("These trainings differ in more than arm and seed: compare those of one recipe and variant.")
    values = {(record.arm, record.seed): float(getattr(record, metric)) for record in records}
    seeds = tuple(sorted({seed for name, seed in values if name == arm} & {s for name, s in values if name == against}))
    if not seeds:
        return None
    differences = np.array([values[arm, seed] - values[against, seed] for seed in seeds])
    low, high = _interval(differences)
    return PairedDifference(
        arm,
        against,
        metric,
        records[0].steps,
        seeds,
        tuple(differences.tolist()),
        float(differences.mean()),
        low,
        high,
    )


def border_gap_difference(records: Sequence[TrainingRecord], arm: str, against: str) -> PairedDifference | None:
    """How much more the arm gains near window borders than away from them; as `paired_difference`."""
    near = paired_difference(records, arm, against, "near_border_accuracy")
    away = paired_difference(records, arm, against, "away_accuracy")
    if near is None or away is None:
        return None
    gaps = np.array(near.differences) - np.array(away.differences)
    low, high = _interval(gaps)
    return PairedDifference(
        arm, against, "border_gap", near.steps, near.seeds, tuple(gaps.tolist()), float(gaps.mean()), low, high
    )


def finding(difference: PairedDifference) -> str:
    """What a difference shows, in a sentence that claims no more than it may."""
    seeds = len(difference.seeds)
    name = METRICS[difference.metric]
    arm, against = _SHORT_NAMES[difference.arm], _SHORT_NAMES[difference.against]
    at = f"at equal steps ({difference.steps})"
    if difference.low is None or difference.high is None:
        return (
            f"{name} with {arm} minus {against}: {difference.mean:+z.3f}, {at}. One seed cannot tell an effect from "
            "chance: train more seeds."
        )
    interval = f"95 % interval [{difference.low:+z.3f}, {difference.high:+z.3f}], {seeds} seeds, paired"
    few = f" Below {FEW_STEPS} steps the sign means little." if difference.steps < FEW_STEPS else ""
    if not difference.is_clear:
        return (
            f"No difference is shown: {name} with {arm} minus {against} is {difference.mean:+z.3f} {at}, {interval}; "
            f"zero lies within. More seeds would narrow the interval.{few}"
        )
    word = "higher" if difference.mean > 0 else "lower"
    return (
        f"With {arm}, {name} is {abs(difference.mean):.3f} {word} than with {against} {at}: {interval}. "
        f"It says nothing about longer training, which narrows such gaps.{few}"
    )


def arms_sentence(records: Sequence[TrainingRecord]) -> str:
    """The mean test mIoU of each arm, over the seeds that all of them have, in one sentence."""
    scores: dict[str, dict[int, float]] = {}
    for record in records:
        scores.setdefault(record.arm, {})[record.seed] = record.miou
    seeds = set.intersection(*(set(of_arm) for of_arm in scores.values()))
    means = {arm: np.mean([of_arm[seed] for seed in seeds]) for arm, of_arm in scores.items()}
    over = "one seed" if len(seeds) == 1 else f"mean of {len(seeds)} seeds"
    return f"Test mIoU, {over}: {', '.join(f'{mean:.3f} with {_SHORT_NAMES[arm]}' for arm, mean in means.items())}."


def mixing_finding(records: Sequence[TrainingRecord]) -> str | None:
    """Whether what the convolution gives comes from mixing positions: the parts of its gain without and with mixing.

    Returns:
        One sentence; None before all differences have an interval.
    """
    against_none = paired_difference(records, "3x3", "none")
    against_control = paired_difference(records, "3x3", "1x1")
    control = paired_difference(records, "1x1", "none")
    if against_none is None or against_control is None or control is None or against_none.low is None:
        return None
    if not against_none.is_clear:
        return "Whether mixing positions helps stays open: with and without the convolution are not told apart."
    if against_control.is_clear and against_control.mean * against_none.mean > 0:
        told = f"The 1x1 control has the same norm and activation, and is {abs(against_control.mean):.3f} "
        told += "below" if against_control.mean > 0 else "above"
        if not control.is_clear:
            return (
                f"{told} the 3x3, while it is not told apart from having neither: the effect comes from mixing "
                "positions; that norm and activation add anything is not shown."
            )
        side = "above" if control.mean > 0 else "below"
        part = "only part of the difference" if control.mean * against_none.mean > 0 else "all of the difference"
        return f"{told} the 3x3 and {abs(control.mean):.3f} {side} having neither: {part} comes from mixing positions."
    return (
        "The 3x3 is not told apart from the 1x1 control, which mixes no positions: norm and activation alone may "
        "explain the effect."
    )


def border_finding(records: Sequence[TrainingRecord]) -> str | None:
    """Whether the convolution gains more along window borders, where it alone joins the windows of a block.

    Returns:
        One sentence; None before the difference has an interval.
    """
    gap = border_gap_difference(records, "3x3", "none")
    if gap is None or gap.low is None or gap.high is None:
        return None
    interval = f"95 % interval [{gap.low:+z.3f}, {gap.high:+z.3f}]"
    if not gap.is_clear:
        return (
            f"That the gain is larger near window borders than away from them is not shown: {gap.mean:+z.3f}, "
            f"{interval}. Fusions and coarser branches carry information across borders as well."
        )
    word = "larger" if gap.mean > 0 else "smaller"
    return f"The gain is {abs(gap.mean):.3f} {word} near window borders than away from them, {interval}."


def _interval(differences: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float | None, float | None]:
    """Student's interval of the mean; None for fewer than two values."""
    count = len(differences)
    if count < 2:
        return None, None
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, count - 1) * differences.std(ddof=1) / np.sqrt(count))
    return float(differences.mean()) - half, float(differences.mean()) + half
