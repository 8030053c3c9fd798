"""How far two segmentations agree: the confusion matrix and the mean intersection over union."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def confusion_matrix(truth: NDArray[np.integer], chosen: NDArray[np.integer], classes: int) -> Counts:
    """Pixels by class (rows) and what was predicted for them (columns): (classes, classes)."""
    places = truth.astype(np.int64) * classes + chosen
    return np.bincount(places.ravel(), minlength=classes**2).reshape(classes, classes)


def mean_iou(confusion: Counts) -> float:
    """Mean over the classes that occur, in truth or prediction, of intersection over union."""
    intersection = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - intersection
    return float((intersection[union > 0] / union[union > 0]).mean())
