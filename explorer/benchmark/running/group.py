"""Measures one group of jobs in processes of their own and turns whatever happens to them into records."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from explorer.benchmark.measuring.messages import ALONE_WORKER, TOGETHER_WORKER, Alone, Doing, Placed, Recorded
from explorer.benchmark.outcome import Measured, Place, unfinished_record
from explorer.benchmark.plan import Group, Job
from explorer.processes.messages import Failed, Worker
from explorer.processes.process import WorkerProcesses
from explorer.records.record import Record, Status

#: What a pass is for.
Result = TypeVar("Result", Alone, Recorded)


@dataclass(frozen=True)
class JobProgress:
    """What is being done to a job.

    Attributes:
        job: The job.
        phase: Such as "warming up" or "measuring"; "done" once there is a record.
        share: How much of the job's work is done, 0 to 1.
        samples: Timed calls so far.
        p50_ms: Their median, ms; None before the first.
    """

    job: Job
    phase: str
    share: float = 0.0
    samples: int = 0
    p50_ms: float | None = None


@dataclass(frozen=True)
class _Failure:
    index: int
    status: Status
    reason: str


class GroupMeasurement:
    """One group on its way: each job alone for its memory, then all together for their times.

    A job that fails, runs out of memory or takes its process with it becomes a record; the others are measured without
    it. Every job yields exactly one record.

    Args:
        group: The jobs, all on one device.
        on_progress: Told what is being done, from the thread that iterates over `measure`.
    """

    def __init__(self, group: Group, on_progress: Callable[[JobProgress], None]) -> None:
        self._group = group
        self._on_progress = on_progress
        self._place = Place.here(group[0])
        self._processes = WorkerProcesses()

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The measuring process that runs now, if one does."""
        return self._processes.pids

    def cancel(self) -> None:
        """End the measuring process, from any thread; the jobs without a record become cancelled ones."""
        self._processes.stop()

    def measure(self) -> Iterator[Measured]:
        """Measure, and yield each job with its record as soon as that is there."""
        with tempfile.TemporaryDirectory(prefix="hrformer-compiled-") as cache:
            # The first pass compiles into an empty cache, so that its time is honest; the second finds it there.
            variables = {"TORCHINDUCTOR_CACHE_DIR": cache}
            ready: dict[Job, Alone] = {}
            for job in self._group:
                yield from self._alone(job, ready, variables)
            while ready:
                yield from self._together(ready, variables)

    def _alone(self, job: Job, ready: dict[Job, Alone], variables: Mapping[str, str]) -> Iterator[Measured]:
        """The first pass of a job: adds what it found to `ready`, or yields it with the record of its failure."""
        found: list[Alone] = []
        failure = self._pass(ALONE_WORKER, {"pass": "alone"}, [job], variables, found.append)
        if failure is None:
            ready[job] = found[0]
        else:
            yield self._done(job, self._unfinished(job, failure))

    def _together(self, ready: dict[Job, Alone], variables: Mapping[str, str]) -> Iterator[Measured]:
        """The second pass: yields jobs with records and takes them out of `ready`; a failure takes out only its own."""
        jobs = list(ready)
        found: list[Recorded] = []
        request = {"pass": "together", "alone": [asdict(alone) for alone in ready.values()]}
        failure = self._pass(TOGETHER_WORKER, request, jobs, variables, found.append)
        for message in found:
            job = jobs[message.index]
            del ready[job]
            yield self._done(job, message.record)
        if failure is not None and jobs[failure.index] in ready:
            del ready[jobs[failure.index]]
            yield self._done(jobs[failure.index], self._unfinished(jobs[failure.index], failure))

    def _pass(
        self,
        worker: Worker[Placed | Doing | Result],
        request: Mapping[str, Any],
        jobs: Sequence[Job],
        variables: Mapping[str, str],
        on_result: Callable[[Result], None],
    ) -> _Failure | None:
        """Run one process to its end; None when it did all it was asked for."""
        process = self._processes.start(worker, {**request, "jobs": [job.to_dict() for job in jobs]}, variables)
        if process is None:
            return _Failure(0, "cancelled", "cancelled")
        index, results, failure = 0, 0, None
        for message in process.messages():
            match message:
                case Placed():
                    self._place = message.place
                case Doing():
                    index = message.index
                    told = message.phase, message.share, message.samples, message.p50_ms
                    self._on_progress(JobProgress(jobs[index], *told))
                case Failed():
                    status: Status = "out_of_memory" if message.out_of_memory else "failed"
                    failure = _Failure(index, status, message.reason)
                case _:
                    results += 1
                    on_result(message)
        how_it_ended = self._processes.close(process)
        if failure is None and results < len(jobs):
            failure = _Failure(index, "failed", how_it_ended)
        return failure

    def _done(self, job: Job, record: Record) -> Measured:
        self._on_progress(JobProgress(job, "done", 1.0, record.samples_count, record.latency_ms_p50))
        return Measured(job, record)

    def _unfinished(self, job: Job, failure: _Failure) -> Record:
        if self._processes.stopped:
            return unfinished_record(job, self._place, "cancelled", "cancelled before it was measured")
        return unfinished_record(job, self._place, failure.status, failure.reason)
