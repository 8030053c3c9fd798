"""What the trained arms make of a few test pictures: each pixel's class, as small files beside the trainings.

The pictures are the first ones of those that a training is tested on, so that nobody has chosen them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from explorer.ablation.digits import make_canvases, normalise
from explorer.ablation.recipe import ARMS, TrainingJob
from explorer.ablation.scores import confusion_matrix, mean_iou
from hrformer import HRFormer

#: How many test pictures are kept.
NUM_PICTURES = 6
#: Made by `make predictions` with seed 0 of the default recipe, as the trainings that come with the explorer.
REFERENCE_PATH = Path(__file__).parents[2] / "results" / "reference" / "ablation_predictions.npz"

_UNREADABLE = (OSError, KeyError, ValueError, zipfile.BadZipFile)

Classes = NDArray[np.uint8]


@dataclass(frozen=True)
class Predictions:
    """Test pictures, what is there, and what one training of each arm makes of them.

    Attributes:
        seed: Of the trainings.
        images: (N, H, W, 3), 8 bits a channel.
        labels: (N, H, W), 0 for background, else the digit + 1.
        masks: Arm to predicted classes, likewise.

    Raises:
        ValueError: If the shapes do not fit.
    """

    seed: int
    images: NDArray[np.uint8]
    labels: Classes
    masks: Mapping[str, Classes]

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or any(
            mask.shape != self.images.shape[:3] for mask in (self.labels, *self.masks.values())
        ):
            raise ValueError("Pictures and masks differ in shape: predict them again.")

    def __len__(self) -> int:
        return len(self.images)

    def miou(self, arm: str, index: int) -> float:
        """Mean IoU of one picture, over the classes that it holds or that are predicted in it."""
        truth, chosen = (masks[index].astype(np.int64) for masks in (self.labels, self.masks[arm]))
        return mean_iou(confusion_matrix(truth, chosen))


@torch.inference_mode()
def predict(model: HRFormer, job: TrainingJob) -> Predictions:
    """What a trained network makes of the first test pictures; it is left in evaluation mode."""
    canvases = make_canvases("test", min(NUM_PICTURES, job.recipe.test_canvases), job.side)
    chosen = model.eval()(normalise(canvases.images)).argmax(1)
    return Predictions(job.seed, canvases.images, canvases.labels, {job.arm: chosen.numpy().astype(np.uint8)})


def predictions_path(folder: Path, job: TrainingJob) -> Path:
    """Where a training's predictions are kept: beside its checkpoint, under the same name."""
    return folder / f"{job.job_id}.npz"


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write a compressed NumPy file of plain arrays.

    Raises:
        OSError: If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"seed": np.array(predictions.seed), "images": predictions.images, "labels": predictions.labels}
    np.savez_compressed(path, allow_pickle=False, **arrays, **predictions.masks)


def read_predictions(path: Path) -> Predictions | None:
    """What `write_predictions` wrote; None where there is no such file, or a damaged one."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            masks = {arm: arrays[arm] for arm in ARMS if arm in arrays}
            return Predictions(int(arrays["seed"]), arrays["images"], arrays["labels"], masks)
    except _UNREADABLE:
        return None


def kept_predictions(jobs: Sequence[TrainingJob], folder: Path) -> Predictions | None:
    """The predictions of the first seed of which all arms have some; None where there is no such seed.

    Args:
        jobs: Finished trainings of one comparison.
        folder: Where checkpoints are kept.
    """
    arms = {job.arm for job in jobs}
    for seed in dict.fromkeys(job.seed for job in jobs):
        read = [read_predictions(predictions_path(folder, job)) for job in jobs if job.seed == seed]
        parts = [part for part in read if part is not None]
        masks = {arm: part.masks[arm] for part in parts for arm in part.masks}
        if masks.keys() == arms:
            return Predictions(seed, parts[0].images, parts[0].labels, masks)
    return None


def reference_predictions() -> Predictions | None:
    """Those that come with the explorer; None where the file is missing, as in an installed package."""
    return read_predictions(REFERENCE_PATH)
