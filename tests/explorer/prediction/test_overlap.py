"""Agreement of two segmentations, counted by hand."""

import numpy as np
import pytest

from explorer.prediction.overlap import confusion_matrix, mean_iou

TRUTH = np.array([0, 0, 0, 1, 1, 2], np.uint8)
CHOSEN = np.array([0, 0, 1, 1, 0, 2], np.uint8)


def test_pixels_are_counted_by_truth_and_by_what_was_chosen() -> None:
    assert confusion_matrix(TRUTH, CHOSEN, 4).tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_mean_iou_by_hand() -> None:
    """Class 0: 2 of 4, class 1: 1 of 3, class 2: 1 of 1; the fourth occurs nowhere and does not count."""
    assert mean_iou(confusion_matrix(TRUTH, CHOSEN, 4)) == pytest.approx((2 / 4 + 1 / 3 + 1) / 3)
