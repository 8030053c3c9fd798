"""What arms see in test pictures: kept whole, chosen by percentile and by nobody, and equal to what was scored."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.ablation import predictions as module
from explorer.ablation.predictions import (
    PERCENTILES,
    Predictions,
    kept_predictions,
    masks_path,
    reference_predictions,
    write_masks,
    write_predictions,
)
from explorer.ablation.recipe import ARMS, TrainingJob
from explorer.ablation.scores import evaluate
from explorer.pictures.digits import NUM_CLASSES, make_canvases, normalise
from explorer.records.training_exchange import reference_trainings
from hrformer import create_model
from tests.explorer.ablation.tiny import tiny_job

_PICTURES = 11


def keep(job: TrainingJob, classes: np.ndarray, folder: Path) -> None:
    np.savez_compressed(masks_path(folder, job), classes=classes)


def jobs_of(seed: int, *arms: str) -> list[TrainingJob]:
    return [tiny_job(arm, seed, test_canvases=_PICTURES) for arm in arms]


@pytest.fixture
def labels() -> np.ndarray:
    return make_canvases("test", _PICTURES, tiny_job().side).labels


def test_kept_masks_are_what_the_test_scored(tmp_path: Path) -> None:
    job = tiny_job(test_canvases=3)
    torch.manual_seed(0)
    model = create_model(job.variant)
    write_masks(model, job, tmp_path)
    with np.load(masks_path(tmp_path, job)) as arrays:
        seen = arrays["classes"]
    canvases = make_canvases("test", 3, job.side)
    scores = evaluate(model, normalise(canvases.images), canvases.labels)
    assert seen.shape == canvases.labels.shape
    assert float((seen == canvases.labels).mean()) == pytest.approx(scores.pixel_accuracy)


def test_pictures_are_those_at_percentiles_of_the_gain(tmp_path: Path, labels: np.ndarray) -> None:
    """The control is right everywhere; without the convolution nothing is seen; with it the first rows of picture i
    are right, ever more of them, so that gains rise with the picture's number."""
    none, full, control = jobs_of(0, "none", "3x3", "1x1")
    growing = np.zeros_like(labels)
    for index in range(_PICTURES):
        rows = round(labels.shape[1] * (index + 1) / _PICTURES)
        growing[index, :rows] = labels[index, :rows]
    for job, classes in ((none, np.zeros_like(labels)), (full, growing), (control, labels)):
        keep(job, classes, tmp_path)
    found = kept_predictions([none, full, control], tmp_path)
    assert found is not None
    assert found.masks.keys() == {"3x3", "none", "1x1"}
    assert found.gains.shape == (_PICTURES,)
    order = np.argsort(found.gains, kind="stable")
    for index, percentile in enumerate(PERCENTILES):
        picture = order[percentile // 10]  # of eleven, every tenth per cent is one
        np.testing.assert_array_equal(found.labels[index], labels[picture])
        np.testing.assert_array_equal(found.masks["3x3"][index], growing[picture])
        assert found.miou("1x1", index) == 1
        assert found.miou("3x3", index) - found.miou("none", index) == pytest.approx(found.gains[picture], abs=1e-6)


def test_iou_of_a_picture_by_hand() -> None:
    """Of a digit's four pixels two are found and two called background: 2/4, and 12/14 of the background."""
    truth = np.zeros((len(PERCENTILES), 4, 4), np.uint8)
    truth[:, 0] = 3
    seen = truth.copy()
    seen[:, 0, 2:] = 0
    images = np.zeros((*truth.shape, 3), np.uint8)
    predictions = Predictions(0, images, truth, {"3x3": seen}, np.zeros(5, np.float32))
    assert predictions.miou("3x3", 0) == pytest.approx((2 / 4 + 12 / 14) / 2)
    with pytest.raises(ValueError, match="differ in shape"):
        Predictions(0, images, truth[:, :3], {"3x3": seen}, np.zeros(5, np.float32))


def test_the_first_seed_with_masks_of_every_arm_counts(tmp_path: Path, labels: np.ndarray) -> None:
    jobs = jobs_of(0, "3x3", "none") + jobs_of(1, "3x3", "none")
    assert kept_predictions(jobs, tmp_path) is None
    for job in jobs[1:]:
        keep(job, labels, tmp_path)
    assert kept_predictions(jobs, tmp_path).seed == 1
    keep(jobs[0], labels, tmp_path)
    assert kept_predictions(jobs, tmp_path).seed == 0
    os.truncate(masks_path(tmp_path, jobs[0]), 100)  # as a full disk leaves it
    assert kept_predictions(jobs, tmp_path).seed == 1
    assert kept_predictions(jobs_of(0, "none", "1x1"), tmp_path) is None  # no gain without the convolution


def test_they_are_read_as_they_were_written(
    tmp_path: Path, labels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = jobs_of(0, *ARMS)
    for job in jobs:
        keep(job, labels, tmp_path)
    written = kept_predictions(jobs, tmp_path)
    monkeypatch.setattr(module, "REFERENCE_PATH", tmp_path / "predictions.npz")
    assert reference_predictions() is None
    write_predictions(written, tmp_path / "predictions.npz")
    read = reference_predictions()
    assert read.seed == written.seed
    for name in ("images", "labels", "gains"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    assert read.masks.keys() == written.masks.keys()


def test_what_ships_is_small_of_a_shipped_seed_and_of_test_pictures() -> None:
    shipped = reference_predictions()
    assert module.REFERENCE_PATH.stat().st_size < 300_000
    assert shipped.masks.keys() == ARMS.keys()
    trainings = {record.arm: record for record in reference_trainings() if record.seed == shipped.seed}
    assert trainings.keys() == ARMS.keys()
    canvases = make_canvases("test", trainings["3x3"].recipe["test_canvases"], shipped.images.shape[1])
    assert shipped.gains.shape == (len(canvases),)
    for index, percentile in enumerate(PERCENTILES):
        same = (canvases.labels == shipped.labels[index]).all((1, 2))
        assert same.sum() == 1
        gain = shipped.gains[same][0]
        assert shipped.miou("3x3", index) - shipped.miou("none", index) == pytest.approx(gain, abs=1e-6)
        assert (shipped.gains < gain).mean() == pytest.approx(percentile / 100, abs=0.01)
    assert max(mask.max() for mask in shipped.masks.values()) < NUM_CLASSES
    assert shipped.gains.mean() > 0
