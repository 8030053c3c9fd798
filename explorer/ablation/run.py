"""A whole comparison on its way: two training processes at a time, with progress, stop and resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from explorer.ablation.checkpoints import checkpoint_path, resumable, unfinished_otherwise
from explorer.ablation.forecast import DEFAULT_PROCESSES, check_memory
from explorer.ablation.recipe import TrainingJob, TrainingPlan
from explorer.ablation.training_messages import TRAINING_WORKER, StepDone, Trained
from explorer.benchmark.outcome import reason_of
from explorer.processes.memory import available_ram_mib
from explorer.processes.messages import Failed
from explorer.processes.process import WorkerProcesses
from explorer.processes.queued_work import QueuedWork
from explorer.records.training_record import TrainingRecord

TrainingState = Literal["waiting", "training", "finished", "failed", "stopped"]
Save = Callable[[TrainingRecord], object]

#: One thread a process, also in libraries that do not ask torch.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class TrainingProgress:
    """A look at one training.

    Attributes:
        job: What is trained.
        state: "waiting", "training", "finished", "failed" or "stopped".
        step: Updates done, those before a resume included.
        loss: Of the last update.
        curve: One entry per look at the validation pictures: step, loss and `Scores`.
        reason: Why it failed.
    """

    job: TrainingJob
    state: TrainingState = "waiting"
    step: int = 0
    loss: float | None = None
    curve: list[dict[str, float]] = field(default_factory=list)
    reason: str | None = None


@dataclass(frozen=True)
class AblationProgress:
    """A look at a run.

    Attributes:
        jobs: One entry per training, in the plan's order.
        elapsed_s: Seconds since the start; 0 while it waits.
        left_s: Seconds that are left at the pace so far; None before there is one.
    """

    jobs: tuple[TrainingProgress, ...]
    elapsed_s: float
    left_s: float | None

    @property
    def steps_done(self) -> int:
        """Updates of all trainings."""
        return sum(job.step for job in self.jobs)

    @property
    def steps_total(self) -> int:
        """Updates of all trainings when they are done."""
        return sum(job.job.recipe.steps for job in self.jobs)


class AblationRun(QueuedWork):
    """A plan on its way.

    Args:
        plan: The arms, seeds and recipe.
        folder: Where checkpoints are kept; those of finished trainings are removed.
        save: Stores a record, from the threads of the trainings.
        owner: Who asked for it, as shown to others in the queue.
        resume: Whether to go on from checkpoints, and to take `known` results as they are. Otherwise everything is
            trained from the start; a checkpoint, which may be another visitor's, stays until the training is beyond it.
        known: Results from before.
        processes: How many train at once, one thread each.

    Attributes:
        id: Short and unique.
        asked_at: When it was asked for.
        note: What holds it up, see `QueuedWork`.

    Raises:
        ValueError: If this machine has too little free memory, or only other settings could be resumed.
    """

    kind = "training"

    def __init__(
        self,
        plan: TrainingPlan,
        folder: Path,
        save: Save,
        *,
        owner: str = "",
        resume: bool = False,
        known: Sequence[TrainingRecord] = (),
        processes: int = DEFAULT_PROCESSES,
    ) -> None:
        check_memory(plan, processes, available_ram_mib())
        super().__init__(owner)
        self.plan = plan
        self._folder = folder
        self._save = save
        self._resume = resume
        self._processes = processes
        self._jobs = {job.job_id: TrainingProgress(job) for job in plan.jobs()}
        self._records: dict[str, TrainingRecord] = {}
        self._training = WorkerProcesses()
        self._first_steps: dict[str, int] = {}
        self._first_step_at: float | None = None
        self._error: str | None = None
        if resume:
            self._take_over(known)
            other = None if self._records or resumable(plan, folder) else unfinished_otherwise(plan, folder)
            if other is not None:
                raise ValueError(f"There is nothing to resume with these settings. {other}")

    @property
    def records(self) -> tuple[TrainingRecord, ...]:
        """The results so far, in the plan's order."""
        with self._lock:
            return tuple(self._records[job_id] for job_id in self._jobs if job_id in self._records)

    @property
    def finished_jobs(self) -> tuple[TrainingJob, ...]:
        """The trainings that have a result, in the plan's order."""
        with self._lock:
            return tuple(job.job for job in self._jobs.values() if job.state == "finished")

    @property
    def error(self) -> str | None:
        """What went wrong outside the trainings, such as a store that refuses records."""
        return self._error

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The training processes at work now."""
        return self._training.pids

    @property
    def devices(self) -> tuple[str, ...]:
        """Trainings need the CPU."""
        return ("cpu",)

    @property
    def description(self) -> str:
        """What is done."""
        return "training of the ablation"

    @property
    def doing(self) -> str:
        """What it does now that its turn has come."""
        return "training"

    @property
    def kept(self) -> str:
        """What stays of it when it is stopped, or was, as a sentence."""
        return "Finished trainings are kept, others from their last checkpoint on: they can be resumed."

    @property
    def share_done(self) -> float:
        """How many of all updates are done, 0 to 1."""
        progress = self.progress()
        return progress.steps_done / progress.steps_total

    def progress(self) -> AblationProgress:
        """How far it is."""
        with self._lock:
            jobs = tuple(self._jobs.values())
            end = self._ended_at or time.monotonic()
            stepping_s = 0.0 if self._first_step_at is None else end - self._first_step_at
            trained = sum(job.step - self._first_steps.get(job_id, job.step) for job_id, job in self._jobs.items())
        left = sum(job.job.recipe.steps - job.step for job in jobs if job.state in ("waiting", "training"))
        return AblationProgress(jobs, self.elapsed_s, stepping_s / trained * left if trained else None)

    def _stop(self) -> None:
        self._training.stop()  # within a second; checkpoints stay

    def work_on(self, device: str) -> None:
        """Train everything, from the thread of the device's queue."""
        del device  # always the CPU
        with self._lock:
            self._begin()
            waiting = [job for job in self._jobs.values() if job.state == "waiting"]
        with ThreadPoolExecutor(self._processes, thread_name_prefix="training") as pool:
            list(pool.map(self._train, [progress.job for progress in waiting]))
        self._end()

    def _train(self, job: TrainingJob) -> None:
        checkpoint = checkpoint_path(self._folder, job)
        request = {"job": job.to_dict(), "checkpoint": str(checkpoint), "resume": self._resume}
        process = self._training.start(TRAINING_WORKER, request, _ONE_THREAD)
        with self._lock:
            self._change(job, state="stopped" if process is None else "training")
        if process is None:
            return
        for message in process.messages():
            self._take(job, message)
        how_it_ended = self._training.close(process)
        with self._lock:
            if self._jobs[job.job_id].state == "training":
                state: TrainingState = "stopped" if self._cancelled else "failed"
                self._change(job, state=state, reason=None if self._cancelled else how_it_ended)

    def _take(self, job: TrainingJob, message: StepDone | Trained | Failed) -> None:
        match message:
            case StepDone():
                with self._lock:
                    self._first_step_at = self._first_step_at or time.monotonic()
                    self._first_steps.setdefault(job.job_id, message.step)
                    self._change(job, step=message.step, loss=message.loss, curve=message.curve)
            case Failed():
                with self._lock:
                    self._change(job, state="failed", reason=message.reason)
            case Trained(record):
                self._keep(job, record)  # first, so that what is finished can be read from the store
                with self._lock:
                    self._records[job.job_id] = record
                    self._change(job, state="finished", step=job.recipe.steps, curve=curve_rows(record))

    def _keep(self, job: TrainingJob, record: TrainingRecord) -> None:
        try:
            self._save(record)
        except Exception as error:  # noqa: BLE001 - a store that refuses must not end the other trainings
            self._error = f"A result could not be saved, its checkpoint is kept: {reason_of(error)}"
            return
        with suppress(OSError):  # a file that stays only takes room
            checkpoint_path(self._folder, job).unlink(missing_ok=True)

    def _change(self, job: TrainingJob, **changes: Any) -> None:
        self._jobs[job.job_id] = replace(self._jobs[job.job_id], **changes)

    def _take_over(self, known: Sequence[TrainingRecord]) -> None:
        for job, record in known_results(self.plan, known):
            if not checkpoint_path(self._folder, job).exists():  # one that exists has more to say
                self._records[job.job_id] = record
                self._change(job, state="finished", step=job.recipe.steps, curve=curve_rows(record))


def known_results(
    plan: TrainingPlan, records: Sequence[TrainingRecord]
) -> Iterator[tuple[TrainingJob, TrainingRecord]]:
    """The newest record of each of a plan's jobs, as far as there is one."""
    newest = {(record.arm, record.seed, record.comparison_id): record for record in records}
    for job in plan.jobs():
        for record in newest.values():
            if (record.arm, record.seed) == (job.arm, job.seed) and _is_of(record, job):
                yield job, record


def curve_rows(record: TrainingRecord) -> list[dict[str, float]]:
    """A record's curve, one entry per look."""
    names = list(record.curve)
    return [dict(zip(names, values, strict=True)) for values in zip(*record.curve.values(), strict=True)]


def _is_of(record: TrainingRecord, job: TrainingJob) -> bool:
    return record.variant == job.variant.to_dict() and record.recipe == job.recipe.to_dict()
