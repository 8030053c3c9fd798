"""What trainings differ in: who knows the answer loses nothing, and weights count as the recipe says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from explorer.ablation.lessons import POINTING, score_points
from explorer.ablation.recipe import TrainingJob, TrainingPlan
from explorer.ablation.training import Training, learn
from explorer.models.trained import pointing_config
from explorer.pictures.digit_points import heat_maps, points_of
from explorer.pictures.digits import make_canvases
from tests.explorer.ablation.tiny import RECIPE

VARIANT = replace(pointing_config(), img_size=(64, 64), channels=(4, 8, 8, 8), num_heads=(1, 2, 2, 2))
JOB = TrainingJob(arm="3x3", seed=0, variant=VARIANT, recipe=RECIPE)
SIZE = (112, 112)


class Knowing(nn.Module):
    """Gives heat maps that it was told, picture by picture."""

    def __init__(self, answers: np.ndarray) -> None:
        super().__init__()
        self.answers = torch.from_numpy(answers)
        self.told = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.told += len(images)
        return self.answers[self.told - len(images) : self.told]


def test_who_knows_every_centre_finds_every_digit() -> None:
    canvases = make_canvases("test", 20, SIZE[0])
    answers = np.stack([heat_maps(points, SIZE) for points in points_of(canvases)])
    scores = score_points(Knowing(answers), canvases)
    assert scores.precision == 1
    assert scores.recall > 0.99  # two of one class that nearly touch may melt into one peak


def test_who_gives_every_digit_the_next_value_finds_none_but_by_chance() -> None:
    canvases = make_canvases("test", 20, SIZE[0])
    answers = np.stack([heat_maps(points, SIZE) for points in points_of(canvases)])
    assert score_points(Knowing(np.roll(answers, 1, axis=1)), canvases).f1 < 0.02


def test_a_centre_counts_up_to_a_quarter_of_the_digit_from_it() -> None:
    """Moved by a cell of four pixels all are found; by five cells only those of 80 pixels and more can be."""
    canvases = make_canvases("test", 20, SIZE[0])
    answers = np.stack([heat_maps(points, SIZE) for points in points_of(canvases)])
    near, far = (score_points(Knowing(np.roll(answers, cells, axis=3)), canvases) for cells in (1, 5))
    assert near.recall > 0.9  # some peaks at the edge come round on the other side
    assert far.recall < 0.15


def test_the_loss_is_the_weighted_mean_of_squared_errors() -> None:
    """Targets 1, 0.5, 0 and 0 weigh 1, 0.55, 0.1 and 0.1; zeros everywhere err by 1, 0.25, 0 and 0."""
    wanted = torch.zeros(1, 10, 1, 4)
    wanted[0, 2, 0, :2] = torch.tensor([1.0, 0.5])
    job = replace(JOB, recipe=replace(RECIPE, background_weight=0.1))
    loss = POINTING.loss(job, Knowing(np.zeros((1, 10, 1, 4), np.float32)), torch.zeros(1, 3, 4, 16), wanted)
    assert float(loss) == pytest.approx((1 * 1 + 0.55 * 0.25) / (1 + 0.55 + 38 * 0.1))


def test_a_resumed_training_of_points_is_the_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    whole, outcome = learn(JOB, POINTING, tmp_path / "whole.pt", lambda _: None)
    first = Training(JOB, POINTING)
    for _ in range(3):
        loss = first.update()
    first.look(loss)
    first.save(tmp_path / "half.pt")
    resumed, again = learn(JOB, POINTING, tmp_path / "half.pt", lambda _: None)
    assert again.curve == outcome.curve
    assert again.scores == outcome.scores
    assert all(
        torch.equal(*pair) for pair in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    )


def test_every_parameter_that_reaches_the_heat_maps_learns() -> None:
    training = Training(JOB, POINTING)
    training.update()
    learned = {name for name, parameter in training.model.named_parameters() if parameter.grad is not None}
    assert any(name.startswith("head.") for name in learned)
    assert any(name.startswith("stage4.") for name in learned)


def test_arms_are_compared_on_segmentation_alone() -> None:
    with pytest.raises(ValueError, match="The arms are compared on segmentation"):
        TrainingPlan(variant=VARIANT)
    with pytest.raises(ValueError, match="cannot learn digits: use task segmentation with 11 classes or task pose"):
        replace(JOB, variant=replace(VARIANT, num_classes=17))
