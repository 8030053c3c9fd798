"""What a network can learn on the digits: to segment them, or to point at them. The rest of a training is alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from explorer.ablation.recipe import TrainingJob
from explorer.ablation.scores import Scores, evaluate
from explorer.models.trained import PEAK_THRESHOLD
from explorer.pictures.digit_points import CELL_PX, DigitPoint, heat_maps_at, points_of
from explorer.pictures.digits import NUM_CLASSES, Canvases, batch_at, crops_at, images_at, normalise
from explorer.prediction.peaks import Peak, PeakScores, Target, local_peaks, score_peaks
from hrformer import HRFormer

#: The loss looks at every second row and column: a quarter of the work, and the logits are at a quarter anyway.
_LOSS_STRIDE = 2
#: A peak finds a digit up to this share of its longer side from its centre, and up to so many pixels.
REACH_SHARE, LEAST_REACH_PX = 0.25, 6
_BATCH = 16


class AnyScores(Protocol):
    """Shares from 0 to 1, by their names."""

    def to_dict(self) -> dict[str, float]:
        """As JSON values."""


ScoresT = TypeVar("ScoresT", bound=AnyScores)
ScoresT_co = TypeVar("ScoresT_co", bound=AnyScores, covariant=True)


class Lesson(Protocol[ScoresT_co]):
    """What is to be learned, as far as trainings differ in it."""

    def batch(self, job: TrainingJob, canvases: Canvases, step: int) -> tuple[Tensor, Tensor]:
        """Pictures of one step, (B, 3, H, W), and what the network should give for them."""

    def loss(self, job: TrainingJob, model: HRFormer, images: Tensor, wanted: Tensor) -> Tensor:
        """How far the network is from it."""

    def score(self, model: HRFormer, canvases: Canvases) -> ScoresT_co:
        """How well it does; it is left in evaluation mode."""


class Segmenting:
    """The class of each pixel: background or one of ten digits."""

    def batch(self, job: TrainingJob, canvases: Canvases, step: int) -> tuple[Tensor, Tensor]:
        """Pictures and labels (B, H, W)."""
        return batch_at(canvases, job.side, job.recipe.batch_size, step, job.seed)

    def loss(self, job: TrainingJob, model: HRFormer, images: Tensor, wanted: Tensor) -> Tensor:
        """Cross-entropy, background weighted as the recipe says."""
        size = [side // _LOSS_STRIDE for side in images.shape[-2:]]
        logits = model.head(model.forward_features(images), size)
        weights = torch.ones(NUM_CLASSES)
        weights[0] = job.recipe.background_weight
        return F.cross_entropy(logits, wanted[:, ::_LOSS_STRIDE, ::_LOSS_STRIDE], weight=weights)

    def score(self, model: HRFormer, canvases: Canvases) -> Scores:
        """As `explorer.ablation.scores.evaluate`."""
        return evaluate(model, normalise(canvases.images), canvases.labels)


class Pointing:
    """A peak at each digit's centre, on the map of its class."""

    def batch(self, job: TrainingJob, canvases: Canvases, step: int) -> tuple[Tensor, Tensor]:
        """Pictures and heat maps (B, 10, H/4, W/4)."""
        places = crops_at(canvases, job.side, job.recipe.batch_size, step, job.seed)
        return images_at(canvases, places), heat_maps_at(canvases, places)

    def loss(self, job: TrainingJob, model: HRFormer, images: Tensor, wanted: Tensor) -> Tensor:
        """Squared error as published for key points, but weighted: from the recipe's background weight to 1 on a peak.

        Peaks are a hundredth of the cells; unweighted, a map of zeros is nearly right.
        """
        background = job.recipe.background_weight
        weights = background + (1 - background) * wanted
        error: Tensor = (weights * (model(images) - wanted) ** 2).sum() / weights.sum()
        return error

    def score(self, model: HRFormer, canvases: Canvases) -> PeakScores:
        """Of peaks above `PEAK_THRESHOLD`."""
        return score_points(model, canvases)


def score_points(model: HRFormer, canvases: Canvases, threshold: float = PEAK_THRESHOLD) -> PeakScores:
    """How many digits a network's peaks find; it is left in evaluation mode.

    Args:
        model: One heat map a digit.
        canvases: What it is shown.
        threshold: Lower peaks do not count.
    """
    targets = ([_target(point) for point in points] for points in points_of(canvases))
    return score_peaks(zip(_peaks(model, canvases, threshold), targets, strict=True))


def _target(point: DigitPoint) -> Target:
    reach = max(REACH_SHARE * point.longest, LEAST_REACH_PX)
    return Target(point.value, point.x / CELL_PX, point.y / CELL_PX, reach / CELL_PX)


@torch.inference_mode()
def _maps(model: HRFormer, images: Tensor) -> Sequence[np.ndarray]:
    return list(np.asarray(model(images).float()))


def _peaks(model: HRFormer, canvases: Canvases, threshold: float) -> Iterator[list[Peak]]:
    model.eval()
    for start in range(0, len(canvases), _BATCH):
        for maps in _maps(model, normalise(canvases.images[start : start + _BATCH])):
            yield local_peaks(maps, threshold)


SEGMENTING = Segmenting()
POINTING = Pointing()
