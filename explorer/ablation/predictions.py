"""What trained arms see in test pictures: each pixel's class, kept in small files beside the checkpoints.

Of the test pictures those are shown at which the gain of the convolution is small, typical and large: at fixed
percentiles of the difference in mIoU, so that nobody chooses them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from explorer import places
from explorer.ablation.recipe import ARMS, TrainingJob
from explorer.pictures.digits import NUM_CLASSES, make_canvases, normalise
from explorer.prediction.overlap import confusion_matrix, mean_iou
from hrformer import HRFormer

#: Of the test pictures by their gain, which are shown.
PERCENTILES = (10, 30, 50, 70, 90)
#: Whose difference is the gain.
GAINING, LACKING = "3x3", "none"
#: Made by `make predictions`: seed 0 of the trainings that come with the explorer.
REFERENCE_PATH = places.REFERENCE / "ablation_predictions.npz"

_BATCH = 16
_UNREADABLE = (OSError, KeyError, ValueError, zipfile.BadZipFile)

Classes = NDArray[np.uint8]


@dataclass(frozen=True)
class Predictions:
    """Some test pictures, what is there, and what one training of each arm sees.

    Attributes:
        seed: Of the trainings.
        images: One a percentile, (N, H, W, 3), 8 bits a channel.
        labels: (N, H, W), 0 for background, else the digit + 1.
        masks: Arm to predicted classes, likewise.
        gains: mIoU with the convolution minus that without it, of every test picture, (pictures,).

    Raises:
        ValueError: If the shapes do not fit.
    """

    seed: int
    images: NDArray[np.uint8]
    labels: Classes
    masks: Mapping[str, Classes]
    gains: NDArray[np.float32]

    def __post_init__(self) -> None:
        shape = (len(PERCENTILES), *self.images.shape[1:3])
        if self.images.shape != (*shape, 3) or any(mask.shape != shape for mask in (self.labels, *self.masks.values())):
            raise ValueError("Pictures and masks differ in shape: predict them again.")

    def miou(self, arm: str, index: int) -> float:
        """Mean IoU of one picture."""
        return _picture_miou(self.labels[index], self.masks[arm][index])


@torch.inference_mode()
def write_masks(model: HRFormer, job: TrainingJob, folder: Path) -> None:
    """Keep what a trained network sees in every test picture; it is left in evaluation mode.

    Raises:
        OSError: If it cannot be written.
    """
    images = normalise(make_canvases("test", job.recipe.test_canvases, job.side).images)
    model.eval()
    classes = [model(images[start : start + _BATCH]).argmax(1) for start in range(0, len(images), _BATCH)]
    seen = torch.cat(classes).numpy().astype(np.uint8)
    np.savez_compressed(masks_path(folder, job), allow_pickle=False, classes=seen)


def masks_path(folder: Path, job: TrainingJob) -> Path:
    """Where it is kept: beside the training's checkpoint, under the same name."""
    return folder / f"{job.job_id}.npz"


def kept_predictions(jobs: Sequence[TrainingJob], folder: Path) -> Predictions | None:
    """The predictions of the first seed of which every arm's masks are kept; None where there is no such seed.

    Args:
        jobs: Finished trainings of one comparison.
        folder: Where checkpoints are kept.
    """
    arms = {job.arm for job in jobs}
    if not {GAINING, LACKING} <= arms:
        return None
    for seed in dict.fromkeys(job.seed for job in jobs):
        of_seed = {job.arm: job for job in jobs if job.seed == seed}
        read = {arm: _read_masks(masks_path(folder, job)) for arm, job in of_seed.items()}
        masks = {arm: classes for arm, classes in read.items() if classes is not None}
        if masks.keys() == arms:
            return _at_percentiles(of_seed[GAINING], masks)
    return None


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write a compressed NumPy file of plain arrays.

    Raises:
        OSError: If it cannot be written.
    """
    arrays = {name: np.asarray(getattr(predictions, name)) for name in ("seed", "images", "labels", "gains")}
    np.savez_compressed(path, allow_pickle=False, **arrays, **predictions.masks)


def reference_predictions() -> Predictions | None:
    """Those that come with the explorer; None where the file is missing, as in an installed package."""
    try:
        with np.load(REFERENCE_PATH, allow_pickle=False) as arrays:
            masks = {arm: arrays[arm] for arm in ARMS if arm in arrays}
            return Predictions(int(arrays["seed"]), arrays["images"], arrays["labels"], masks, arrays["gains"])
    except FileNotFoundError:
        return None


def _at_percentiles(job: TrainingJob, masks: Mapping[str, Classes]) -> Predictions:
    canvases = make_canvases("test", job.recipe.test_canvases, job.side)
    scores = {
        arm: np.array([_picture_miou(*pair) for pair in zip(canvases.labels, masks[arm], strict=True)], np.float32)
        for arm in (GAINING, LACKING)
    }
    gains = scores[GAINING] - scores[LACKING]
    last = len(gains) - 1
    chosen = np.argsort(gains, kind="stable")[[round(last * percentile / 100) for percentile in PERCENTILES]]
    seen = {arm: mask[chosen] for arm, mask in masks.items()}
    return Predictions(job.seed, canvases.images[chosen], canvases.labels[chosen], seen, gains)


def _read_masks(path: Path) -> Classes | None:
    """What `write_masks` wrote; None where there is no such file, or a damaged one."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            classes: Classes = arrays["classes"]
    except _UNREADABLE:
        return None
    return classes


def _picture_miou(truth: Classes, seen: Classes) -> float:
    return mean_iou(confusion_matrix(truth, seen, NUM_CLASSES))
