"""What runs on a node of a Ray cluster: one group of jobs, whose progress and records stream back."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue

import ray

from explorer.benchmark.outcome import Place
from explorer.benchmark.plan import Group, Job
from explorer.benchmark.running.group import GroupMeasurement, JobProgress
from explorer.records.columns import json_id
from explorer.records.record import Record

#: Progress is sent at most this often; records at once.
_PROGRESS_S = 0.5


@dataclass(frozen=True)
class Measured:
    """A job's record.

    Attributes:
        number: The job's place in its group.
        record: The record, with the node in its environment.
    """

    number: int
    record: Record


Message = Place | JobProgress | Measured
_Queued = JobProgress | Measured | BaseException | None


def measure_group(group: Group, record_ids: Sequence[str]) -> Iterator[Message]:
    """Measure a group in processes of this node.

    Args:
        group: The jobs; a card is "cuda:0", the only one that Ray shows to the task.
        record_ids: One per job, so that a job that is measured again keeps its id.

    Yields:
        First where it runs, then progress, and each record as soon as it is there.
    """
    # Ray sets this to the CPUs asked for, and torch would take its number of threads from it.
    os.environ.pop("OMP_NUM_THREADS", None)
    yield Place.here(group[0])
    queue: SimpleQueue[_Queued] = SimpleQueue()
    measurement = GroupMeasurement(group, queue.put)
    thread = threading.Thread(target=_measure, args=(measurement, group, record_ids, queue), daemon=True)
    thread.start()
    try:
        yield from _thinned(queue)
    finally:  # cancelled tasks end here by an interrupt
        measurement.cancel()
        thread.join()


def _measure(
    measurement: GroupMeasurement, group: Group, record_ids: Sequence[str], queue: SimpleQueue[_Queued]
) -> None:
    """In a thread of its own, so that the task can be interrupted while it waits."""
    try:
        for record in measurement.records():
            number = _number_of(record, group)
            queue.put(Measured(number, _marked(record, record_ids[number])))
        queue.put(None)
    except Exception as error:  # noqa: BLE001 - raised again by the task
        queue.put(error)


def _thinned(queue: SimpleQueue[_Queued]) -> Iterator[Message]:
    """All records, and progress not more often than a person can read it."""
    shown_at = -_PROGRESS_S
    while (item := queue.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        now = time.monotonic()
        if isinstance(item, Measured) or now - shown_at >= _PROGRESS_S:
            shown_at = now
            yield item


def _number_of(record: Record, group: Group) -> int:
    """A group's jobs differ in their model and engine alone."""
    return next(number for number, job in enumerate(group) if _is_of(record, job))


def _is_of(record: Record, job: Job) -> bool:
    same_model = record.model_name == job.model.name and record.config_id == json_id(job.model.settings(job.img_size))
    return same_model and (record.engine, record.compile_mode) == (job.engine, job.compile_mode)


def _marked(record: Record, record_id: str) -> Record:
    node = {"node_id": ray.get_runtime_context().get_node_id(), "ray": ray.__version__}
    return replace(record, record_id=record_id, environment={**record.environment, "cluster": node})
