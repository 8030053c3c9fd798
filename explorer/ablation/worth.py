"""What a part is worth: how much the network's score falls without it, with an interval where there is one.

A score is a value that measures a network once and then says how two such measurements differ, so that segmentation,
key points and networks without known truth are ranked in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.ablation.parts import Part
from explorer.ablation.statistics import CONFIDENCE
from explorer.ablation.without import without
from explorer.pictures.digits import NUM_CLASSES, Canvases, make_canvases, normalise
from explorer.prediction.overlap import Counts, confusion_matrix, mean_iou
from hrformer import HRFormer

#: Test pictures that a change is measured over.
PICTURES = 64
#: Resamples of the pictures for an interval.
RESAMPLES = 2000
_SIDE_PX = 112
#: Test pictures that run at once.
BATCH = 16


@dataclass(frozen=True)
class Change:
    """How a score changes when parts are taken out.

    Attributes:
        before: Of the whole network; None where nothing is known to be right.
        after: Without the parts; likewise.
        change: `after` minus `before`; or, where nothing is known to be right, how much of the output changes.
        low: Lower end of the 95 % interval of the change; None where there is none.
        high: Its upper end.
    """

    before: float | None
    after: float | None
    change: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Ranked:
    """A part and what taking it out changes."""

    part: Part
    change: Change


class Score(Protocol):
    """Measures networks and compares what it measured."""

    def measure(self, model: HRFormer) -> Any:
        """What `compare` takes, of one network in evaluation mode."""

    def compare(self, before: Any, after: Any) -> Change:
        """How the second network differs from the first."""


@dataclass(frozen=True)
class DigitsMiou:
    """Mean IoU over test pictures of digits, with a paired bootstrap over these pictures.

    Attributes:
        count: How many pictures, of 112x112 pixels.
        seed: Chooses them among all possible test pictures.
    """

    count: int = PICTURES
    seed: int = 0

    @cached_property
    def canvases(self) -> Canvases:
        """The pictures, with the class of each pixel."""
        return make_canvases("test", self.count, _SIDE_PX, self.seed)

    @torch.inference_mode()
    def measure(self, model: HRFormer) -> Counts:
        """Confusion matrix of each picture, (pictures, classes, classes)."""
        images, labels = normalise(self.canvases.images), self.canvases.labels.astype(np.int64)
        starts = range(0, self.count, BATCH)
        chosen = np.concatenate([model(images[start : start + BATCH]).argmax(1).numpy() for start in starts])
        return np.stack([confusion_matrix(*pair, NUM_CLASSES) for pair in zip(labels, chosen, strict=True)])

    def compare(self, before: Counts, after: Counts) -> Change:
        """The change of mIoU over all pictures, and its interval."""
        low, high = bootstrap_interval(before, after)
        miou, without_it = mean_iou(before.sum(0)), mean_iou(after.sum(0))
        return Change(miou, without_it, without_it - miou, low, high)


@dataclass(frozen=True, eq=False)
class OutputChange:
    """How much the output for one picture changes, where nothing is known to be right.

    Attributes:
        x: The picture, (1, in_chans, H, W).
    """

    x: Tensor

    @torch.inference_mode()
    def measure(self, model: HRFormer) -> Tensor:
        """The network's output."""
        output: Tensor = model(self.x)
        return output

    def compare(self, before: Tensor, after: Tensor) -> Change:
        """Norm of the difference over the norm of what was; 0 where neither output has any."""
        difference, norm = float((after - before).norm()), float(before.norm())
        return Change(None, None, difference / norm if norm else difference)


def bootstrap_interval(before: Counts, after: Counts, resamples: int = RESAMPLES) -> tuple[float, float]:
    """95 % interval of the change of mIoU: percentiles over resampled pictures (Efron, 1979), the same for both.

    It is about other pictures of the same kind, not about other trainings.

    Args:
        before: Confusion matrices, (pictures, classes, classes).
        after: Of the same pictures, from another network.
        resamples: How often the pictures are drawn again, with replacement and always the same way.
    """
    pictures = len(before)
    rng = np.random.default_rng(0)
    times = rng.multinomial(pictures, [1 / pictures] * pictures, resamples)  # (resamples, pictures)
    mious = [_mean_ious(np.tensordot(times, counts, 1)) for counts in (before, after)]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(mious[1] - mious[0], [tail, 1 - tail])
    return float(low), float(high)


def rank(
    model: HRFormer,
    parts: Sequence[Part],
    score: Score,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Ranked]:
    """Take out each part by itself and say what changes.

    Args:
        model: In evaluation mode.
        parts: Which parts.
        score: What is measured.
        on_progress: Told (parts done, parts in all), after each.
        should_stop: Asked before each.

    Returns:
        In the order of `parts`; only those that were reached before it was asked to stop.

    Raises:
        ValueError: If the network has no such part.
    """
    before = score.measure(without(model, ()))
    ranking = []
    for done, part in enumerate(parts, start=1):
        if should_stop():
            break
        ranking.append(Ranked(part, score.compare(before, score.measure(without(model, (part,))))))
        on_progress(done, len(parts))
    return ranking


def by_worth(ranking: Sequence[Ranked]) -> list[Ranked]:
    """What is worth most first: the lowest score without it, or the largest change where none is known."""

    def loss(ranked: Ranked) -> float:
        return ranked.change.change if ranked.change.before is not None else -ranked.change.change

    return sorted(ranking, key=loss)


def _mean_ious(confusions: Counts) -> NDArray[np.float64]:
    """Mean IoU of each of many confusion matrices, (N, classes, classes)."""
    return np.array([mean_iou(confusion) for confusion in confusions])
