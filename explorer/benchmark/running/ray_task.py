"""What runs on a node of a Ray cluster: one group of jobs, whose progress and records stream back."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from queue import SimpleQueue

import ray

from explorer.benchmark.outcome import Measured, Place
from explorer.benchmark.plan import Job
from explorer.benchmark.running.group import GroupMeasurement, JobProgress
from explorer.records.record import Record

#: Progress is sent at most this often; records at once.
_PROGRESS_S = 0.5


#: What a task tells while it runs.
Streamed = Place | JobProgress | Measured
_Queued = JobProgress | Measured | BaseException | None


def measure_group(jobs: Mapping[str, Job]) -> Iterator[Streamed]:
    """Measure a group in processes of this node.

    Args:
        jobs: Of one group, by the id that the record of each gets, so that one that is measured again keeps its id. A
            card is "cuda:0", the only one that Ray shows to the task.

    Yields:
        First where it runs, then progress, and each job with its record, which names the node, as soon as it is there.
    """
    # Ray sets this to the CPUs asked for, and torch would take its number of threads from it.
    os.environ.pop("OMP_NUM_THREADS", None)
    group = tuple(jobs.values())
    yield Place.here(group[0])
    queue: SimpleQueue[_Queued] = SimpleQueue()
    measurement = GroupMeasurement(group, queue.put)
    ids = {job: record_id for record_id, job in jobs.items()}
    thread = threading.Thread(target=_measure, args=(measurement, ids, queue), daemon=True)
    thread.start()
    try:
        yield from _thinned(queue)
    finally:  # cancelled tasks end here by an interrupt
        measurement.cancel()
        thread.join()


def _measure(measurement: GroupMeasurement, ids: Mapping[Job, str], queue: SimpleQueue[_Queued]) -> None:
    """In a thread of its own, so that the task can be interrupted while it waits."""
    try:
        for job, record in measurement.measure():
            queue.put(Measured(job, _marked(record, ids[job])))
        queue.put(None)
    except Exception as error:  # noqa: BLE001 - raised again by the task
        queue.put(error)


def _thinned(queue: SimpleQueue[_Queued]) -> Iterator[Streamed]:
    """All records, and progress not more often than a person can read it."""
    shown_at = -_PROGRESS_S
    while (item := queue.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        now = time.monotonic()
        if isinstance(item, Measured) or now - shown_at >= _PROGRESS_S:
            shown_at = now
            yield item


def _marked(record: Record, record_id: str) -> Record:
    node = {"node_id": ray.get_runtime_context().get_node_id(), "ray": ray.__version__}
    return replace(record, record_id=record_id, environment={**record.environment, "cluster": node})
