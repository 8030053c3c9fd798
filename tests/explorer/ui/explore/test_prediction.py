"""What is said of a segmentation, from logits that were made by hand."""

import numpy as np
import pytest
import torch

from explorer.inspection.explained import ClassScores
from explorer.models.trained import SEGMENTER, load_digit_truth
from explorer.prediction.segmentation import Segmentation
from explorer.ui.explore.prediction import (
    SegmentationView,
    as_grey,
    error_chart,
    painted_over,
    pixel_chart,
    probabilities_of,
)
from explorer.ui.explore.sight import Sight
from explorer.ui.sources import PictureSource, WeightsSource
from hrformer import create_model

SIDE = 112
TRUTH = load_digit_truth("Digits 1")


def view_of(
    classes: np.ndarray, name: str = "Digits 1", cell: tuple[int, int] = (0, 0), key: str | None = None
) -> SegmentationView:
    """A view of logits of 5 where a class is, else 0."""
    with torch.device("meta"):
        model = create_model(SEGMENTER.config).eval()
    picture = PictureSource(name, key or name, np.full((SIDE, SIDE, 3), 100, np.uint8), (SIDE, SIDE))
    weights = WeightsSource(model, "key", "weights", "trained", SEGMENTER.class_names)
    sight = Sight(SEGMENTER.config, picture, weights)
    logits = np.where(np.arange(11)[:, None, None] == classes, 5.0, 0.0).astype(np.float32)
    return SegmentationView(sight, Segmentation(logits), cell, 0.5)


def test_what_is_right_everywhere_has_an_iou_of_one_and_no_error() -> None:
    view = view_of(TRUTH)
    assert view.iou == 1
    _, table = error_chart(view)
    assert not table()["wrong"].any()


def test_errors_are_where_truth_and_mask_differ() -> None:
    classes = TRUTH.copy()
    classes[50, 60:64] = 10
    _, table = error_chart(view_of(classes))
    assert sorted(table().query("wrong")["column"]) == [60, 61, 62, 63]


def test_the_truth_of_another_picture_is_not_known() -> None:
    assert view_of(TRUTH, "Astronaut").iou is None
    assert view_of(TRUTH, "Digits 1", key="digest-crop").iou is None  # one's own of that name


def test_more_classes_than_a_byte_holds_are_told_apart_in_the_file() -> None:
    classes = np.array([[0, 255, 256, 999]])
    assert as_grey(classes, 1000).tolist() == classes.tolist()
    assert as_grey(classes[:, :2], 256).dtype == np.uint8


def test_nothing_but_background_is_said() -> None:
    view = view_of(np.zeros((SIDE, SIDE), int), "Astronaut")
    assert view.describe() == "It sees nothing but background; 93.7 % sure of a pixel on average."  # e^5 / (e^5 + 10)


def test_the_pixel_in_the_middle_of_the_cell_is_told() -> None:
    classes = np.zeros((SIDE, SIDE), int)
    classes[42, 82] = 4
    view = view_of(classes, cell=(10, 20))
    assert view.pixel == (42, 82)
    assert view.at_pixel == 4
    _, table = pixel_chart(view)
    assert table["name"].iloc[0] == "digit 3"
    assert table["probability"].sum() == pytest.approx(1)


def test_the_mask_is_painted_over_the_picture_half_and_the_background_is_not() -> None:
    classes = np.zeros((SIDE, SIDE), int)
    classes[0, 0] = 1
    painted = painted_over(view_of(classes))
    assert painted[1, 1].tolist() == [100, 100, 100]
    np.testing.assert_allclose(painted[0, 0], (np.array([230, 25, 75]) + 100) / 2, atol=1)


def test_probabilities_are_the_softmax_of_logits() -> None:
    scores = ClassScores(np.array([1.0, 3.0, -2.0], np.float32), None)
    expected = torch.tensor([1.0, 3.0, -2.0]).softmax(0)
    np.testing.assert_allclose(probabilities_of(scores), expected, rtol=1e-6)
