"""Training: the same numbers for a seed, resumed or not; checkpoints that are whole, of the same run, or refused."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.ablation import checkpoints
from explorer.ablation.checkpoints import CheckpointError, read_checkpoint, save_checkpoint
from explorer.ablation.lessons import SEGMENTING, Segmenting
from explorer.ablation.recipe import (
    ARMS,
    Recipe,
    TrainingJob,
    TrainingPlan,
    arm_of,
)
from explorer.ablation.training import Training, learning_rate_share, train
from explorer.models.trained import trained_config
from hrformer import HRFormer
from tests.explorer.ablation.tiny import VARIANT, tiny_job


def weights_of(training: Training) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in training.model.state_dict().values()]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(first, second) for first, second in zip(one, other, strict=True))


@pytest.mark.parametrize("drop_path_rate", [0.0, 0.5])
def test_a_resumed_training_is_the_uninterrupted_one_bit_for_bit(tmp_path: Path, drop_path_rate: float) -> None:
    job = replace(tiny_job(), variant=replace(VARIANT, drop_path_rate=drop_path_rate))
    whole = Training(job, SEGMENTING)
    losses = [whole.update() for _ in range(6)]
    first = Training(job, SEGMENTING)
    parts = [first.update() for _ in range(3)]
    first.save(tmp_path / "run.pt")
    torch.manual_seed(99)  # whatever else uses torch's random numbers in between
    second = Training(job, SEGMENTING)
    assert second.resume(tmp_path / "run.pt")
    parts += [second.update() for _ in range(3)]
    assert parts == losses
    assert equal(weights_of(second), weights_of(whole))


def test_a_seed_gives_the_same_result_again_and_another_seed_another(tmp_path: Path) -> None:
    results = [train(tiny_job(seed=seed), tmp_path / f"{run}.pt", lambda _: None) for run, seed in enumerate((1, 1, 2))]
    scores = [(outcome.scores, outcome.curve) for _, outcome in results]
    assert scores[0] == scores[1]
    assert scores[0] != scores[2]


def test_arms_of_one_seed_see_the_same_crops_and_other_seeds_others(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[tuple[str, int], np.ndarray] = {}
    for arm, seed in (("3x3", 0), ("none", 0), ("1x1", 0), ("3x3", 1)):
        training = Training(tiny_job(arm, seed), SEGMENTING)
        monkeypatch.setattr(training, "lesson", Seeing(seen, (arm, seed)))
        with pytest.raises(SeenError):
            training.update()
    assert (seen["3x3", 0] == seen["none", 0]).all()
    assert (seen["3x3", 0] == seen["1x1", 0]).all()
    assert (seen["3x3", 0] != seen["3x3", 1]).any()


class SeenError(Exception):
    """Stops an update once its crops are known."""


class Seeing(Segmenting):
    """Keeps the crops of a step, and learns nothing from them."""

    def __init__(self, seen: dict[tuple[str, int], np.ndarray], key: tuple[str, int]) -> None:
        self.seen, self.key = seen, key

    def loss(self, job: TrainingJob, model: HRFormer, images: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        self.seen[self.key] = images.numpy()
        raise SeenError


@pytest.mark.parametrize("arm", ARMS)
def test_one_step_reaches_all_parameters(arm: str) -> None:
    training = Training(tiny_job(arm), SEGMENTING)
    training.update()
    without = [name for name, parameter in training.model.named_parameters() if parameter.grad is None]
    assert without == []


def test_arms_differ_in_one_thing() -> None:
    base = trained_config()
    assert arm_of(base, "3x3") == base
    assert arm_of(base, "none") == replace(base, dw_conv=False)
    assert arm_of(base, "1x1") == replace(base, dw_kernel_size=1)


def test_a_checkpoint_of_other_settings_is_refused_by_name_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    train(tiny_job(), path, lambda _: None)
    before = path.read_bytes()
    for job, field in (
        (tiny_job(seed=1), "seed"),
        (tiny_job(learning_rate=0.01), "recipe.learning_rate"),
        (tiny_job("1x1"), "variant.dw_kernel_size"),
    ):
        with pytest.raises(CheckpointError, match=rf"is of another run \(different: .*{field}"):
            Training(job, SEGMENTING).resume(path)
    assert path.read_bytes() == before


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.pt"
    save_checkpoint(path, {"step": 25})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"No space left on device\), the one saved before is kept: make room"):
        save_checkpoint(path, {"step": 50})
    assert read_checkpoint(path) == {"step": 25}
    assert list(tmp_path.iterdir()) == [path]  # and nothing half-written


def test_a_real_full_disk_says_so() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(CheckpointError, match="could not be saved"):
        save_checkpoint(Path("/dev/full/run.pt"), {"step": 1})


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    Training(tiny_job(), SEGMENTING).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="is damaged or of another program"):
        Training(tiny_job(), SEGMENTING).resume(path)


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    torch.save({"job": print}, path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(path)


def test_the_learning_rate_rises_over_the_warm_up_and_ends_near_zero() -> None:
    shares = [learning_rate_share(step, 100, 10) for step in range(100)]
    assert shares[0] == pytest.approx(0.1)
    assert max(shares) == pytest.approx(shares[9], rel=0.03)
    assert shares[-1] < 0.001
    assert shares[50] == pytest.approx(0.5)


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Training, "update", lambda _: float("nan"))
    with pytest.raises(FloatingPointError, match="use a lower learning rate"):
        train(tiny_job(), tmp_path / "run.pt", lambda _: None)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Recipe(steps=0), "steps = 0 is outside 1 to 100000"),
        (lambda: Recipe(learning_rate="fast"), "learning_rate = 'fast' is not a number"),
        (lambda: Recipe.from_dict({"step": 1}), "Unknown key step"),
        (lambda: TrainingPlan(seeds=(0, 0)), "seed 0 is there twice"),
        (lambda: TrainingPlan(arms=("5x5",)), "arm = '5x5' is not known"),
        (lambda: TrainingPlan(seeds=()), "0 seeds are not legal"),
        (lambda: replace(tiny_job(), variant=replace(VARIANT, num_classes=19)), "cannot learn digits"),
    ],
)
def test_what_is_not_legal_is_said(make: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_job_survives_json() -> None:
    job = tiny_job("1x1", 3)
    assert TrainingJob.from_dict(job.to_dict()) == job
    assert TrainingJob.from_dict(job.to_dict()).job_id == job.job_id
