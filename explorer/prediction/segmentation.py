"""Which class each pixel of a picture has, and how sure a segmentation network is of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.inspection.partial_forward import check_picture, exclusive
from hrformer import HRFormer


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a network says of every pixel.

    Attributes:
        logits: (classes, H, W).
    """

    logits: NDArray[np.float32]

    @cached_property
    def classes(self) -> NDArray[np.int64]:
        """The class that wins each pixel, (H, W)."""
        return np.asarray(self.logits.argmax(0))

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Softmax of the class that wins each pixel, (H, W), 0 to 1."""
        shifted = self.logits - self.logits.max(0)
        return np.asarray(1 / np.exp(shifted).sum(0), np.float32)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Part of the pixels that each class wins, (classes,), 0 to 1."""
        counts = np.bincount(self.classes.ravel(), minlength=len(self.logits))
        return counts / self.classes.size

    def probabilities_at(self, row: int, column: int) -> NDArray[np.float64]:
        """Softmax of a pixel's logits, (classes,)."""
        logits = self.logits[:, row, column].astype(np.float64)
        raised = np.exp(logits - logits.max())
        return np.asarray(raised / raised.sum())


def segment(model: HRFormer, x: Tensor) -> Segmentation:
    """Run a picture through a segmentation network.

    Args:
        model: In evaluation mode.
        x: One picture, (1, in_chans, H, W).

    Raises:
        ValueError: If the network is of another task or in training mode, or `x` is not one picture.
    """
    if model.config.task != "segmentation":
        raise ValueError(f"A {model.config.task} network gives pixels no classes: use a segmentation variant.")
    check_picture(model, x)
    with exclusive(model), torch.inference_mode():
        logits: Tensor = model(x)
    return Segmentation(logits[0].float().numpy())
