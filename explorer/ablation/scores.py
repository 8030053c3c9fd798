"""How well a segmentation fits: mean IoU, pixel accuracy, and accuracy on digits near window borders and away."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.pictures.digits import NUM_CLASSES
from explorer.prediction.overlap import confusion_matrix, mean_iou
from hrformer import HRFormer
from hrformer.windows import WindowGrid

#: Digits cut off by the edge fake a difference between borders and elsewhere: this rim, pixels, is left out of it.
RIM_PX = 14
#: Pixels per token of the highest resolution, whose windows are meant.
_TOKEN_PX = 4
_BATCH = 16


@dataclass(frozen=True)
class Scores:
    """Shares from 0 to 1.

    Attributes:
        miou: Mean over the classes of intersection over union.
        pixel_accuracy: Of all pixels.
        foreground_accuracy: Of digits' pixels, which of the ten digits scores highest, background left out.
        near_border_accuracy: Digits' pixels in tokens along a border between windows of the 1/4 branch, rim left out;
            all classes stand to choice.
        away_accuracy: The other digits' pixels, rim left out.
    """

    miou: float
    pixel_accuracy: float
    foreground_accuracy: float
    near_border_accuracy: float
    away_accuracy: float

    def to_dict(self) -> dict[str, float]:
        """As JSON values."""
        return asdict(self)


@torch.inference_mode()
def evaluate(model: HRFormer, images: Tensor, labels: NDArray[np.uint8], without_branch: int | None = None) -> Scores:
    """Score a network; it is left in evaluation mode.

    Args:
        model: With the digits' classes.
        images: Normalised, (N, 3, H, W).
        labels: (N, H, W).
        without_branch: A branch whose map is replaced by zeros before the head, to see what it contributes.
    """
    model.eval()
    near, away = border_masks(model.config.window_sizes[0], labels.shape[1:])
    confusion = np.zeros((NUM_CLASSES, NUM_CLASSES), np.int64)
    hits = {"foreground": [0, 0], "near": [0, 0], "away": [0, 0]}
    for start in range(0, len(images), _BATCH):
        truth = labels[start : start + _BATCH].astype(np.int64)
        logits = _logits(model, images[start : start + _BATCH], without_branch)
        chosen = logits.argmax(1).numpy()
        digit = logits[:, 1:].argmax(1).numpy() + 1
        confusion += confusion_matrix(truth, chosen, NUM_CLASSES)
        inked = truth > 0
        for name, right, where in (
            ("foreground", digit == truth, inked),
            ("near", chosen == truth, inked & near),
            ("away", chosen == truth, inked & away),
        ):
            hits[name][0] += int(right[where].sum())
            hits[name][1] += int(where.sum())
    return Scores(
        mean_iou(confusion),
        float(np.trace(confusion) / confusion.sum()),
        *(_share(*hits[name]) for name in ("foreground", "near", "away")),
    )


def border_masks(window_size: int, size: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pixels lie in a token along a border between two windows of the 1/4 branch, and which do not.

    Args:
        window_size: K of the 1/4 branch, tokens.
        size: (height, width), pixels.

    Returns:
        Near and away, (height, width); neither holds the rim.
    """
    height, width = size
    grid = WindowGrid(-(-height // _TOKEN_PX), -(-width // _TOKEN_PX), window_size)
    rows = _along_border(grid.height, grid.top, window_size).repeat(_TOKEN_PX)[:height]
    columns = _along_border(grid.width, grid.left, window_size).repeat(_TOKEN_PX)[:width]
    near = rows[:, None] | columns[None, :]
    inner = np.zeros((height, width), bool)
    inner[RIM_PX : height - RIM_PX, RIM_PX : width - RIM_PX] = True
    return near & inner, ~near & inner


def _along_border(tokens: int, padding: int, window_size: int) -> NDArray[np.bool_]:
    window = (np.arange(tokens) + padding) // window_size
    changes = window[1:] != window[:-1]
    before, after = np.append(changes, False), np.insert(changes, 0, False)
    return np.asarray(before | after)


def _logits(model: HRFormer, images: Tensor, without_branch: int | None) -> Tensor:
    branches = model.forward_features(images)
    if without_branch is not None:
        branches[without_branch] = torch.zeros_like(branches[without_branch])
    logits: Tensor = model.head(branches, images.shape[-2:])
    return logits


def _share(hits: int, total: int) -> float:
    return hits / total if total else 0.0
