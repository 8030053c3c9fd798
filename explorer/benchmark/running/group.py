"""Measures one group of jobs in processes of their own and turns whatever happens to them into records."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.benchmark.outcome import Measured, Place, unfinished_record
from explorer.benchmark.plan import Group, Job
from explorer.processes.process import WorkerProcess
from explorer.records.record import Record, Status


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
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._cancelled = False

    @property
    def worker_pid(self) -> int | None:
        """The measuring process that runs now."""
        worker = self._worker
        return None if worker is None else worker.pid

    def cancel(self) -> None:
        """End the measuring process, from any thread; the jobs without a record become cancelled ones."""
        with self._lock:
            self._cancelled = True
            if self._worker is not None:
                self._worker.kill()

    def measure(self) -> Iterator[Measured]:
        """Measure, and yield each job with its record as soon as that is there."""
        with tempfile.TemporaryDirectory(prefix="hrformer-compiled-") as cache:
            # The first pass compiles into an empty cache, so that its time is honest; the second finds it there.
            variables = {"TORCHINDUCTOR_CACHE_DIR": cache}
            ready: dict[Job, Any] = {}
            for job in self._group:
                yield from self._alone(job, ready, variables)
            while ready:
                yield from self._together(ready, variables)

    def _alone(self, job: Job, ready: dict[Job, Any], variables: Mapping[str, str]) -> Iterator[Measured]:
        """The first pass of a job: adds what it found to `ready`, or yields it with the record of its failure."""
        found: list[Any] = []
        failure = self._pass({"pass": "alone"}, [job], variables, found.append)
        if failure is None:
            ready[job] = found[0]["alone"]
        else:
            yield self._done(job, self._unfinished(job, failure))

    def _together(self, ready: dict[Job, Any], variables: Mapping[str, str]) -> Iterator[Measured]:
        """The second pass: yields jobs with records and takes them out of `ready`; a failure takes out only its own."""
        jobs = list(ready)
        found: list[Any] = []
        failure = self._pass({"pass": "together", "alone": list(ready.values())}, jobs, variables, found.append)
        for message in found:
            job = jobs[message["index"]]
            del ready[job]
            yield self._done(job, Record(**message["record"]))
        if failure is not None and jobs[failure.index] in ready:
            del ready[jobs[failure.index]]
            yield self._done(jobs[failure.index], self._unfinished(jobs[failure.index], failure))

    def _pass(
        self,
        request: Mapping[str, Any],
        jobs: Sequence[Job],
        variables: Mapping[str, str],
        on_result: Callable[[dict[str, Any]], None],
    ) -> _Failure | None:
        """Run one process to its end; None when it did all it was asked for."""
        worker = self._start({**request, "jobs": [job.to_dict() for job in jobs]}, variables)
        if worker is None:
            return _Failure(0, "cancelled", "cancelled")
        index, results, failure = 0, 0, None
        for message in worker.messages():
            index = message.get("index", index)
            match message["type"]:
                case "place":
                    self._place = Place.from_dict(message["place"])
                case "doing":
                    told = (message[name] for name in ("phase", "share", "samples", "p50_ms"))
                    self._on_progress(JobProgress(jobs[index], *told))
                case "failed":
                    failure = _Failure(index, message["status"], message["reason"])
                case _:
                    results += 1
                    on_result(message)
        how_it_ended = self._end(worker)
        if failure is None and results < len(jobs):
            failure = _Failure(index, "failed", how_it_ended)
        return failure

    def _start(self, request: Mapping[str, Any], variables: Mapping[str, str]) -> WorkerProcess | None:
        with self._lock:
            if self._cancelled:
                return None
            self._worker = WorkerProcess(request, variables)
            return self._worker

    def _end(self, worker: WorkerProcess) -> str:
        with self._lock:
            self._worker = None
            return worker.close()

    def _done(self, job: Job, record: Record) -> Measured:
        self._on_progress(JobProgress(job, "done", 1.0, record.samples_count, record.latency_ms_p50))
        return Measured(job, record)

    def _unfinished(self, job: Job, failure: _Failure) -> Record:
        if self._cancelled:
            return unfinished_record(job, self._place, "cancelled", "cancelled before it was measured")
        return unfinished_record(job, self._place, failure.status, failure.reason)
