"""Runs plans on a Ray cluster: one task a group of jobs, which asks for its device and has it alone.

This process stores the records as they stream in, so that one store holds them all whatever the nodes can reach. Each
node needs the explorer installed. A task's stream differs from one try to the next, so tasks are sent again from here
and not by Ray, whose retry would skip as many messages as it had delivered before.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from explorer.benchmark.forecast import check_memory
from explorer.benchmark.outcome import Measured, Place, reason_of, unfinished_record
from explorer.benchmark.plan import Job, Plan
from explorer.benchmark.running.group import JobProgress
from explorer.benchmark.running.ray_cluster import (
    alive_nodes,
    available_mib,
    connect,
    demand,
)
from explorer.benchmark.running.ray_task import Streamed, measure_group
from explorer.benchmark.running.runner import Run, Save
from explorer.records.record import Status

MAX_RETRIES = 3

_POLL_S = 0.2
_NODES_S = 2.0


@dataclass(eq=False)
class _Task:
    """A group on its way.

    Attributes:
        key: The group's place in the plan.
        jobs: Those without a record, by the id that theirs will have.
        place: Where it runs; None while it waits for a node.
        retries: How often it was sent again.
    """

    key: str
    jobs: dict[str, Job]
    place: Place | None = None
    retries: int = 0


class RayRun(Run):
    """A plan on its way through the cluster; to be watched and cancelled like a local one."""

    def __init__(self, plan: Plan, owner: str, save: Save, accelerator_type: str | None, max_retries: int) -> None:
        super().__init__(plan, owner, save)
        self._accelerator_type = accelerator_type
        self._max_retries = max_retries
        self._tasks: dict[Any, _Task] = {}  # by the stream of messages
        self._node_ids: frozenset[str] = frozenset()
        self._nodes_seen_at = 0.0

    def cancel(self) -> None:
        """Stop it: the groups at work leave cancelled records, groups that wait leave none."""
        with self._lock:
            self._cancelled = True

    def measure(self) -> None:
        """Have all groups measured, from a thread of its own."""
        try:
            self._see_nodes()
            namespace = uuid.uuid4()
            for number, group in enumerate(self.plan.groups()):
                ids = (str(uuid.uuid5(namespace, f"{number}/{place}")) for place in range(len(group)))
                self._send(_Task(str(number), dict(zip(ids, group, strict=True))))
            while self._tasks and not self._cancelled:
                self._read_ready()
                self._resend_where_nodes_changed()
            self._end_cancelled()
        except Exception as error:  # noqa: BLE001 - whoever waits for the run must learn of it
            self._error = reason_of(error)
        finally:
            self._end()

    def _send(self, task: _Task) -> None:
        task.place = None
        try:
            options = demand(next(iter(task.jobs.values())), alive_nodes(), self._accelerator_type)
        except ValueError as error:
            self._give_up(task, "failed", str(error))
            return
        stream: Any = ray.remote(measure_group).options(max_retries=0, **options).remote(dict(task.jobs))
        self._tasks[stream] = task

    def _read_ready(self) -> None:
        ready: list[Any]
        ready, _ = ray.wait(list(self._tasks), num_returns=1, timeout=_POLL_S, fetch_local=False)
        for stream in ready:
            try:
                self._take(self._tasks[stream], ray.get(next(stream)))
            except StopIteration:
                self._resend_rest(self._tasks.pop(stream), "it ended before its time")
            except RayTaskError as error:  # the task itself failed, and would again
                self._give_up(self._tasks.pop(stream), "failed", reason_of(error.cause))
            except RayError as error:  # its node or process is gone
                ray.cancel(stream)
                self._resend_rest(self._tasks.pop(stream), type(error).__name__)

    def _take(self, task: _Task, message: Streamed) -> None:
        match message:
            case Place():
                task.place = message
                self._begin()
            case JobProgress():
                self._note(task.key, message)
            case Measured():
                del task.jobs[message.record.record_id]
                self._keep(message)

    def _resend_rest(self, task: _Task, reason: str) -> None:
        with self._lock:
            self._current.pop(task.key, None)
        if not task.jobs:
            return
        if task.retries == self._max_retries:
            self._give_up(task, "failed", f"its node was lost {task.retries + 1} times ({reason})")
            return
        task.retries += 1
        self._send(task)

    def _resend_where_nodes_changed(self) -> None:
        """What waits may have asked for a node that is gone."""
        if time.monotonic() - self._nodes_seen_at < _NODES_S or not self._see_nodes():
            return
        for stream, task in list(self._tasks.items()):
            if task.place is None:
                ray.cancel(stream)
                del self._tasks[stream]
                self._send(task)

    def _see_nodes(self) -> bool:
        """Look at the cluster; whether its nodes are others than before."""
        before, self._node_ids = self._node_ids, frozenset(node["NodeID"] for node in alive_nodes())
        self._nodes_seen_at = time.monotonic()
        return self._node_ids != before

    def _end_cancelled(self) -> None:
        for stream, task in self._tasks.items():
            ray.cancel(stream)
            if task.place is not None:
                self._give_up(task, "cancelled", "cancelled before it was measured")
        self._tasks.clear()

    def _give_up(self, task: _Task, status: Status, reason: str) -> None:
        with self._lock:
            self._current.pop(task.key, None)
        for record_id, job in task.jobs.items():
            place = task.place or Place.here(job)
            record = replace(unfinished_record(job, place, status, reason), record_id=record_id)
            self._keep(Measured(job, record))


class RayRunner:
    """Sends plans to a cluster.

    Args:
        save: Stores a record; called as soon as each is there, from a thread of the run.
        address: Of the cluster: "auto", or the head's host and port.
        accelerator_type: Type of card to ask for, such as "A100"; None for any.
        max_retries: How often a group is sent again when its node is lost.

    Raises:
        ValueError: If no cluster answers.
    """

    def __init__(
        self, save: Save, address: str, *, accelerator_type: str | None = None, max_retries: int = MAX_RETRIES
    ) -> None:
        connect(address)
        self._save = save
        self._accelerator_type = accelerator_type
        self._max_retries = max_retries

    def __enter__(self) -> RayRunner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; what this process still has running there ends."""
        ray.shutdown()

    def submit(self, plan: Plan, owner: str = "", *, force: bool = False) -> RayRun:
        """Send a plan; Ray queues it with what others have sent.

        Args:
            plan: The plan.
            owner: Who asks.
            force: Whether to try also what is forecast not to fit the memory.

        Raises:
            ValueError: If no node has the device, the plan can't fit any node's memory, or a model does not take its
                image size.
        """
        for group in plan.groups():
            demand(group[0], alive_nodes(), self._accelerator_type)
        if not force:
            check_memory(plan, available_mib)
        run = RayRun(plan, owner, self._save, self._accelerator_type, self._max_retries)
        threading.Thread(target=run.measure, daemon=True, name="benchmark on Ray").start()
        return run
