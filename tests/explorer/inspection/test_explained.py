"""What is explained: scores read off the output by hand, and places that there are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from explorer.inspection.explained import WON, Explained, Peak, Pixel, Region, Where, class_scores
from explorer.models.trained import load_digit_sample, load_trained
from explorer.pictures.photographs import to_input
from hrformer import HRFormer, create_model
from tests.variants import tiny


def build(task: str) -> HRFormer:
    torch.manual_seed(0)
    model = create_model(tiny(task, num_classes=5, img_size=(32, 48))).eval()
    if task == "classification":
        nn.init.normal_(model.get_submodule("head.classifier").weight)
    return model


MODEL = build("classification")
SEGMENTER = build("segmentation")
POSE = build("pose")
PICTURE = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))
TRAINED = load_trained()
DIGITS = to_input(load_digit_sample("Digits 1"), 3)
#: Scores of 2 classes at 2 x 3 pixels; the second class wins at the first pixel of each row.
OUTPUT = torch.tensor([[[1.0, 5.0, 2.0], [0.0, 9.0, 9.0]], [[2.0, 4.0, 1.0], [1.0, -7.0, 8.0]]])


@pytest.mark.parametrize(
    ("where", "pixels"),
    [
        (WON, [[1, 0, 0], [1, 0, 0]]),
        (Pixel(1, 1), [[0, 0, 0], [0, 1, 0]]),
        (Region(0, 1, 2, 1), [[0, 1, 0], [0, 1, 0]]),
        (Peak(), [[0, 0, 0], [0, 0, 1]]),
    ],
    ids=["won", "pixel", "region", "peak"],
)
def test_the_pixels_that_count(where: Where, pixels: list[list[int]]) -> None:
    assert where.pixels(OUTPUT, 1).int().tolist() == pixels


def test_a_classifiers_scores_are_its_logits_the_largest_first() -> None:
    scores = class_scores(MODEL, PICTURE)
    with torch.no_grad():
        logits = MODEL(PICTURE)[0]
    assert scores.values.tolist() == logits.tolist()
    assert scores.shares is None
    assert scores.order == logits.argsort(descending=True).tolist()


def test_a_segmenters_score_is_the_mean_logit_where_the_class_wins_or_everywhere() -> None:
    with torch.no_grad():
        logits = TRAINED(DIGITS)[0]  # (11, 112, 112)
    winners = logits.argmax(0)
    scores = class_scores(TRAINED, DIGITS)
    assert scores.shares is not None
    assert float(scores.shares.sum()) == pytest.approx(1)
    assert {0 < share < 1 for share in scores.shares} == {True, False}  # of the digits some are in the picture
    for target in range(11):
        won = winners == target
        assert scores.shares[target] == pytest.approx(float(won.float().mean()))
        expected = logits[target][won].mean() if won.any() else logits[target].mean()
        assert scores.values[target] == pytest.approx(float(expected), abs=1e-3)
    assert [scores.shares[target] for target in scores.order] == sorted(scores.shares, reverse=True)


def test_a_pixels_scores_are_its_logits() -> None:
    scores = class_scores(SEGMENTER, PICTURE, Pixel(30, 5))
    with torch.no_grad():
        logits = SEGMENTER(PICTURE)[0, :, 30, 5]
    assert scores.values.tolist() == pytest.approx(logits.tolist())
    assert scores.shares is None
    assert scores.order == logits.argsort(descending=True).tolist()


def test_a_boxs_scores_are_mean_logits_and_shares_of_its_pixels() -> None:
    scores = class_scores(TRAINED, DIGITS, Region(40, 0, 30, 50))
    with torch.no_grad():
        logits = TRAINED(DIGITS)[0, :, 40:70, :50]
    assert scores.values.tolist() == pytest.approx(logits.mean((1, 2)).tolist(), abs=1e-3)
    wins = [int((logits.argmax(0) == number).sum()) / 1500 for number in range(11)]
    assert scores.shares is not None
    assert scores.shares.tolist() == pytest.approx(wins)
    assert 0 < max(wins) < 1


def test_a_key_points_score_is_the_height_of_its_peak_and_its_place_is_told() -> None:
    scores = class_scores(POSE, PICTURE, Peak())
    with torch.no_grad():
        heat_maps = POSE(PICTURE)[0].numpy()  # (5, 8, 12)
    assert scores.values.tolist() == pytest.approx(heat_maps.max((1, 2)).tolist())
    assert scores.peaks is not None
    for heat_map, (down, right) in zip(heat_maps, scores.peaks, strict=True):
        row, column = np.argwhere(heat_map == heat_map.max())[0]
        assert (down, right) == ((row + 0.5) / 8, (column + 0.5) / 12)


@pytest.mark.parametrize(
    ("model", "where", "message"),
    [
        (POSE, WON, "A pose model has no score of a class: use a classification or segmentation variant"),
        (MODEL, Pixel(0, 0), "A classification model has no score of a pixel: use a segmentation variant"),
        (MODEL, Peak(), "A classification model has no score of a heat map's peak: use a pose variant"),
        (SEGMENTER, Peak(), "A segmentation model has no score of a heat map's peak: use a pose variant"),
        (SEGMENTER, Pixel(32, 0), "use rows 0 to 31, columns 0 to 47"),
        (SEGMENTER, Pixel(0, -1), "use rows 0 to 31, columns 0 to 47"),
        (SEGMENTER, Region(0, 0, 33, 1), "33 x 1 pixels from row 0, column 0 do not lie in the picture"),
        (SEGMENTER, Region(5, 5, 0, 3), "at least one pixel"),
    ],
)
def test_a_place_that_there_is_not_is_refused_with_a_sentence(model: HRFormer, where: Where, message: str) -> None:
    for look in (Explained(0, where).score, lambda model, x: class_scores(model, x, where)):
        with pytest.raises(ValueError, match=message):
            look(model, PICTURE)


@pytest.mark.parametrize(
    ("explained", "model", "message"),
    [
        (Explained(5), MODEL, "no class 5: use 0 to 4"),
        (Explained(-1, Peak()), POSE, "no key point -1: use 0 to 4"),
    ],
)
def test_an_output_that_there_is_not_is_refused(explained: Explained, model: HRFormer, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explained.score(model, PICTURE)
