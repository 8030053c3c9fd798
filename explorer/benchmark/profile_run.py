"""Profiles in a process of their own, taking their turn in the runner's queue."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from pathlib import Path

from explorer.benchmark.outcome import Place
from explorer.benchmark.plan import Job
from explorer.benchmark.process import WorkerProcess
from explorer.benchmark.profile import Profile
from explorer.benchmark.profile_measurement import ROUNDS, check_profilable


class ProfileRun:
    """Models that are profiled in turn, on their way through the runner; `Runner.submit_profile` makes it.

    Args:
        jobs: Eager inference jobs on one device, with the same threads and precision.
        trace_folder: Where to write a Chrome trace of each; None for none.
        owner: Who asked for it, as shown to others in the queue.
        rounds: Observed calls of each model.

    Attributes:
        id: Short and unique.

    Raises:
        ValueError: If there is no job, or one is not an eager inference.
    """

    def __init__(self, jobs: Sequence[Job], trace_folder: Path | None, owner: str, rounds: int = ROUNDS) -> None:
        if not jobs:
            raise ValueError("Nothing to profile: name at least one model.")
        for job in jobs:
            check_profilable(job)
        self.id = uuid.uuid4().hex[:8]
        self.jobs = tuple(jobs)
        self.owner = owner
        self._rounds = rounds
        self._trace_folder = trace_folder
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._cancelled = False
        self._turns_done = 0
        self._place: Place | None = None
        self._profiles: list[Profile] = []
        self._error: str | None = None
        self._done = threading.Event()

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The results, one a job; none before the end, or where `error` says why there are none."""
        return tuple(self._profiles) if len(self._profiles) == len(self.jobs) else ()

    @property
    def place(self) -> Place | None:
        """Where it runs; None before its process has begun."""
        return self._place

    @property
    def share_done(self) -> float:
        """How much of it is done, 0 to 1, by the turns that the models have had."""
        return min(self._turns_done / ((1 + self._rounds) * len(self.jobs)), 1.0)

    @property
    def trace_paths(self) -> tuple[Path, ...]:
        """Where the traces go, one a job; empty where none are written."""
        if self._trace_folder is None:
            return ()
        return tuple(self._trace_folder / f"{self.id}-{index}.json" for index in range(len(self.jobs)))

    @property
    def was_cancelled(self) -> bool:
        """Whether it was stopped before it had a result."""
        return self._cancelled and not self.profiles

    @property
    def error(self) -> str | None:
        """Why there is no result."""
        return "cancelled" if self.was_cancelled else self._error

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; whether it has come."""
        return self._done.wait(timeout_s)

    def cancel(self) -> None:
        """Stop it, from any thread."""
        with self._lock:
            self._cancelled = True
            if self._worker is None:
                self._done.set()  # it need not wait for its turn to be over
            else:
                self._worker.kill()

    def measure_on(self, device: str) -> None:
        """Run it to its end, from the device's thread."""
        request = {
            "pass": "profile",
            "jobs": [job.to_dict() for job in self.jobs],
            "rounds": self._rounds,
            "trace_paths": [str(path) for path in self.trace_paths],
        }
        with self._lock:
            if not self._cancelled:
                self._worker = WorkerProcess(request, {})
        if self._worker is not None:
            self._listen(self._worker)
        self._done.set()

    def _listen(self, worker: WorkerProcess) -> None:
        for message in worker.messages():
            match message["type"]:
                case "place":
                    self._place = Place(**message["place"])
                case "doing":
                    self._turns_done += 1
                case "profile":
                    self._profiles.append(Profile.from_dict(message["profile"]))
                case "failed":
                    self._error = f"{self.jobs[message['index']].model.name}: {message['reason']}"
        with self._lock:
            self._worker = None
            how_it_ended = worker.close()
        if not self.profiles and self._error is None:
            self._error = how_it_ended
