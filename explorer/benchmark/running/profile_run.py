"""Profiles of models, each taken in processes of its own, while they have their turn on a device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from explorer.benchmark.measuring.messages import PROFILE_WORKER, Placed, Profiled
from explorer.benchmark.measuring.profile_measurement import ROUNDS, check_profilable
from explorer.benchmark.outcome import Place
from explorer.benchmark.plan import Job
from explorer.benchmark.profile import Profile, typical
from explorer.processes.messages import Failed
from explorer.processes.neighbours import Neighbours
from explorer.processes.process import WorkerProcess, WorkerProcesses
from explorer.processes.queued_work import QueuedWork


class ProfileRun(QueuedWork):
    """Models that are profiled in turn; `Runner.submit_profile` puts it into the queue.

    Each model runs in a process of its own: in memory that another one has left behind it would find pages that it
    otherwise has to ask the system for, some 500,000 a call of HRFormer-B on eight images.

    Args:
        jobs: Eager inference jobs on one device.
        trace_folder: Where to write a Chrome trace of each; None for none.
        owner: Who asked for it, as shown to others in the queue.
        sweeps: How often the models take turns, each time in a new process.
        computing: How many heavy computations this process does beside, at the moment that it is asked.

    Attributes:
        id: Short and unique.
        asked_at: When it was asked for.
        note: What holds it up, see `QueuedWork`.
        jobs: The jobs.
        ran_beside: What else of this program ran on the machine meanwhile, as of records; None before the end.

    Raises:
        ValueError: If there is no job, or one is not an eager inference.
    """

    kind = "profile"

    def __init__(
        self,
        jobs: Sequence[Job],
        trace_folder: Path | None,
        owner: str,
        sweeps: int = 1,
        computing: Callable[[], int] = lambda: 0,
    ) -> None:
        if not jobs or sweeps < 1:
            raise ValueError("Nothing to profile: name at least one model, and let it run at least once.")
        for job in jobs:
            check_profilable(job)
        super().__init__(owner)
        self.jobs = tuple(jobs)
        self._sweeps = sweeps
        self._trace_folder = trace_folder
        self._processes = WorkerProcesses()
        self._place: Place | None = None
        self._beside = Neighbours(lambda: self._processes.pids, computing)
        self.ran_beside: str | None = None
        self._calls: list[list[Profile]] = [[] for _ in jobs]
        self._error: str | None = None

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The results, one a job; none before the end, or where `error` says why there are none."""
        is_complete = self._done.is_set() and self._error is None and not self._cancelled
        return tuple(map(typical, self._calls)) if is_complete else ()

    @property
    def place(self) -> Place | None:
        """Where it runs; None before its first process has begun."""
        return self._place

    @property
    def share_done(self) -> float:
        """How much of it is done, 0 to 1."""
        return sum(map(len, self._calls)) / (len(self.jobs) * self._sweeps * ROUNDS)

    @property
    def devices(self) -> tuple[str, ...]:
        """The one device of its jobs."""
        return (self.jobs[0].device,)

    @property
    def description(self) -> str:
        """Such as "profile of hrformer_tiny and resnet50"."""
        return f"profile of {' and '.join(job.model.name for job in self.jobs)}"

    @property
    def doing(self) -> str:
        """What it does now that its turn has come."""
        return "profiling"

    @property
    def kept(self) -> str:
        """What stays of it when it is stopped, or was, as a sentence."""
        return "Of a profile that is stopped nothing is kept."

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

    def work_on(self, device: str) -> None:
        """Run it to its end, from the device's thread."""
        del device  # that of its jobs
        self._begin()
        for sweep in range(self._sweeps):
            for index in range(len(self.jobs)):
                process = self._start(index, is_last=sweep == self._sweeps - 1)
                if process is not None:
                    self._listen(process, index)
        self.ran_beside = self._beside.told()
        self._end()

    def _stop(self) -> None:
        self._processes.stop()

    def _start(self, index: int, *, is_last: bool) -> WorkerProcess[Placed | Profiled] | None:
        if self._error is not None:
            return None
        trace_path = str(self.trace_paths[index]) if self.trace_paths and is_last else None
        request = {"pass": "profile", "jobs": [self.jobs[index].to_dict()], "trace_path": trace_path}
        return self._processes.start(PROFILE_WORKER, request, {})

    def _listen(self, process: WorkerProcess[Placed | Profiled], index: int) -> None:
        before, reason = len(self._calls[index]), None
        for message in process.messages():
            self._beside.look()
            match message:
                case Placed():
                    self._place = message.place
                case Profiled():
                    self._calls[index].append(message.profile)
                case Failed():
                    reason = message.reason
        how_it_ended = self._processes.close(process)
        if reason or len(self._calls[index]) - before < ROUNDS:
            self._error = f"{self.jobs[index].model.name}: {reason or how_it_ended}"
