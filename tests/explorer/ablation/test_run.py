"""Whole runs in real processes: results, stop within a second, resume, what does not fit, what fails."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from explorer.ablation import run as run_module
from explorer.ablation.checkpoints import (
    checkpoint_folder,
    checkpoint_path,
    half_done,
    resumable,
    save_checkpoint,
    saved_step,
    unfinished_otherwise,
)
from explorer.ablation.forecast import check_memory, needed_mib
from explorer.ablation.recipe import TrainingPlan
from explorer.ablation.run import AblationRun, curve_rows
from explorer.ablation.training import CHECKPOINT_EVERY, train
from explorer.ablation.training_messages import StepDone
from explorer.records.store import Store
from explorer.records.training_record import TrainingRecord
from tests.explorer.ablation.tiny import example_training, tiny_plan

PATIENCE_S = 120.0


def start(run: AblationRun) -> threading.Thread:
    thread = threading.Thread(target=run.work_on, args=("cpu",), daemon=True)
    thread.start()
    return thread


def wait_until(condition: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text()


def test_a_run_stopped_and_resumed_gives_what_an_uninterrupted_one_gives(tmp_path: Path) -> None:
    plan = tiny_plan(steps=60, evaluate_every=30)
    saved: list[TrainingRecord] = []
    stopped = AblationRun(plan, tmp_path, saved.append)
    thread = start(stopped)
    wait_until(lambda: resumable(plan, tmp_path) == 2)  # both trainings have saved a checkpoint
    pids = stopped.worker_pids
    stopped.cancel()
    assert stopped.wait(PATIENCE_S)
    thread.join(PATIENCE_S)
    assert pids
    assert not any(map(is_alive, pids))
    assert {job.state for job in stopped.progress().jobs} <= {"stopped", "finished"}

    resumed = AblationRun(plan, tmp_path, saved.append, resume=True, known=saved)
    resumed.work_on("cpu")
    assert resumed.error is None
    assert [job.state for job in resumed.progress().jobs] == ["finished", "finished"]
    assert resumable(plan, tmp_path) == 0  # finished and stored: no checkpoint is needed any more

    for job, record in zip(plan.jobs(), resumed.records, strict=True):
        _, whole = train(job, tmp_path / "whole" / f"{job.arm}.pt", lambda _: None)
        assert record.miou == whole.scores.miou
        assert curve_rows(record) == whole.curve


def test_results_that_are_known_are_not_trained_again(tmp_path: Path) -> None:
    plan = tiny_plan()
    known = [
        example_training(job.arm, job.seed, variant=job.variant.to_dict(), recipe=job.recipe.to_dict(), steps=6)
        for job in plan.jobs()
    ]
    run = AblationRun(plan, tmp_path, lambda record: None, resume=True, known=known)
    run.work_on("cpu")
    assert list(run.records) == known
    assert run.progress().steps_done == run.progress().steps_total == 12


def test_a_resumed_run_of_other_settings_is_refused_and_the_checkpoint_kept(tmp_path: Path) -> None:
    begun = tiny_plan(steps=60).jobs()[0]
    path = checkpoint_path(tmp_path, begun)
    save_checkpoint(path, {"job": begun.to_dict()})
    with pytest.raises(
        ValueError, match=r"nothing to resume .* \(steps 60, here 80\): give their steps, arms and seeds"
    ):
        AblationRun(tiny_plan(steps=80), tmp_path, lambda record: None, resume=True)
    assert path.exists()
    assert unfinished_otherwise(tiny_plan(steps=60), tmp_path) is None
    assert unfinished_otherwise(tiny_plan(steps=60, learning_rate=0.1), tmp_path) is None  # no plan resumes that
    path.write_bytes(b"damaged")
    assert unfinished_otherwise(tiny_plan(steps=80), tmp_path) is None


def test_training_anew_replaces_damaged_checkpoints(tmp_path: Path) -> None:
    plan = tiny_plan()
    for job in plan.jobs():
        checkpoint_path(tmp_path, job).write_bytes(b"damaged")
    run = AblationRun(plan, tmp_path, lambda record: None)
    run.work_on("cpu")
    assert [job.state for job in run.progress().jobs] == ["finished", "finished"]
    assert resumable(plan, tmp_path) == 0


def test_training_anew_leaves_what_another_is_half_way_through_until_it_is_beyond(tmp_path: Path) -> None:
    job = tiny_plan(steps=2 * CHECKPOINT_EVERY).jobs()[0]
    path = checkpoint_path(tmp_path, job)
    save_checkpoint(path, {"job": job.to_dict(), "step": CHECKPOINT_EVERY + 1})
    kept_at = []

    def note(now: StepDone) -> None:
        kept_at.append(saved_step(path))

    _, outcome = train(job, path, note, resume=False)
    assert kept_at == [CHECKPOINT_EVERY + 1] * (2 * CHECKPOINT_EVERY - 1) + [2 * CHECKPOINT_EVERY]
    _, alone = train(job, tmp_path / "alone.pt", lambda _: None)
    assert outcome.curve == alone.curve


def test_a_plan_to_train_anew_that_waits_and_is_stopped_has_deleted_nothing(tmp_path: Path) -> None:
    plan = tiny_plan()
    for job in plan.jobs():
        save_checkpoint(checkpoint_path(tmp_path, job), {"job": job.to_dict(), "step": 3})
    AblationRun(plan, tmp_path, lambda record: None).cancel()
    assert half_done(plan, tmp_path) == (3, 3)


def test_a_training_that_fails_says_why_and_the_other_goes_on(tmp_path: Path) -> None:
    plan = tiny_plan()
    run = AblationRun(plan, tmp_path, lambda record: None, resume=True)
    checkpoint_path(tmp_path, plan.jobs()[0]).write_bytes(b"no checkpoint")
    run.work_on("cpu")
    first, second = run.progress().jobs
    assert (first.state, second.state) == ("failed", "finished")
    assert "is damaged or of another program" in first.reason


def test_a_killed_process_is_told_and_its_checkpoint_stays(tmp_path: Path) -> None:
    plan = TrainingPlan(arms=("3x3",), seeds=(0,), recipe=tiny_plan(steps=5000).recipe, variant=tiny_plan().variant)
    run = AblationRun(plan, tmp_path, lambda record: None)
    thread = start(run)
    wait_until(lambda: resumable(plan, tmp_path) == 1)
    os.kill(run.worker_pids[0], 9)
    assert run.wait(PATIENCE_S)
    thread.join(60)
    assert "was killed" in run.progress().jobs[0].reason
    assert resumable(plan, tmp_path) == 1


def test_a_store_that_refuses_keeps_the_checkpoint(tmp_path: Path) -> None:
    def refuse(record: TrainingRecord) -> None:
        raise OSError("the disk is full")

    plan = TrainingPlan(arms=("none",), seeds=(0,), recipe=tiny_plan().recipe, variant=tiny_plan().variant)
    run = AblationRun(plan, tmp_path, refuse)
    run.work_on("cpu")
    assert "its checkpoint is kept" in run.error
    assert len(run.records) == 1
    assert resumable(plan, tmp_path) == 1


def test_too_little_memory_is_said_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "available_ram_mib", lambda: 1000.0)
    with pytest.raises(
        ValueError, match=r"2 trainings at once need about .* MiB, 1,000 MiB are free: train 1 at a time"
    ):
        AblationRun(TrainingPlan(), tmp_path, lambda record: None)
    with pytest.raises(ValueError, match="use fewer canvases or a smaller batch"):
        check_memory(TrainingPlan(), 2, 100.0)
    check_memory(TrainingPlan(), 2, 10_000.0)
    assert 600 < needed_mib(TrainingPlan().jobs()[0]) < 1000


def test_a_run_that_waits_in_a_queue_can_be_cancelled(tmp_path: Path) -> None:
    run = AblationRun(tiny_plan(), tmp_path, lambda record: None)
    run.cancel()
    assert run.wait(0)
    run.work_on("cpu")
    assert {job.state for job in run.progress().jobs} == {"stopped"}


def test_checkpoints_lie_beside_the_store(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'records.sqlite'}") as store:
        assert checkpoint_folder(store.location) == tmp_path / "training"
    assert checkpoint_folder("postgresql+psycopg://me@host/records").parts[-2:] == ("results", "training")
