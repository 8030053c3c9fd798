"""Runs plans in the background: one job per device at a time, first come first served, visible to everyone.

Other programs of the machine that measure on a device are waited for, and wait (`explorer.processes.device_lock`).

Nothing here touches a model: each group is measured in processes of its own (`explorer.benchmark.running.group`), so
that no crash, no full memory and no cancelled run reaches the process that asked for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from explorer.benchmark.forecast import check_memory
from explorer.benchmark.measuring.device import check_present
from explorer.benchmark.outcome import Measured, reason_of
from explorer.benchmark.plan import Group, Job, Plan
from explorer.benchmark.running.group import GroupMeasurement, JobProgress
from explorer.benchmark.running.profile_run import ProfileRun
from explorer.processes.device_lock import device_lock
from explorer.processes.neighbours import Neighbours
from explorer.processes.process import available_mib
from explorer.processes.queued_work import QueuedWork
from explorer.records.record import Record

RunState = Literal["waiting", "running", "finished", "cancelled"]
Save = Callable[[Record], None]
Computing = Callable[[], int]


@dataclass(frozen=True)
class Progress:
    """A look at a run.

    Attributes:
        state: "waiting", "running", "finished" or "cancelled".
        jobs_done: Jobs with a record.
        jobs_total: All jobs.
        work_done: The work that is done, of `jobs_total`; a job at work counts by its share.
        current: What is being done now, one entry per device at work.
        elapsed_s: Seconds since the first job began; 0 while waiting.
        reported_s: Seconds from there to the last report of more work done.
    """

    state: RunState
    jobs_done: int
    jobs_total: int
    work_done: float
    current: tuple[JobProgress, ...]
    elapsed_s: float
    reported_s: float


class Run(QueuedWork):
    """A plan on its way through the runner.

    Attributes:
        id: Short and unique.
        plan: The plan.
        owner: Who asked for it, as shown to others in the queue.
        asked_at: When.
        note: What holds it up, see `QueuedWork`.
    """

    kind = "benchmark"

    def __init__(self, plan: Plan, owner: str, save: Save, computing: Computing = lambda: 0) -> None:
        super().__init__(owner)
        self.plan = plan
        self._save = save
        self._computing = computing
        self._measured: list[Measured] = []
        self._current: dict[str, JobProgress] = {}
        self._shares: dict[Job, float] = {}
        self._measurements: dict[str, GroupMeasurement] = {}
        self._beside: dict[str, Neighbours] = {}
        self._lanes_left = len(plan.devices)
        self._reported_at = 0.0
        self._ended_at: float | None = None
        self._error: str | None = None

    @property
    def measured(self) -> tuple[Measured, ...]:
        """The jobs so far that have a record, in the order in which these came."""
        with self._lock:
            return tuple(self._measured)

    @property
    def records(self) -> tuple[Record, ...]:
        """The records so far, in the order in which they came."""
        return tuple(record for _, record in self.measured)

    @property
    def error(self) -> str | None:
        """What went wrong outside the measurements, such as a full disk; unsaved records are still among `records`."""
        return self._error

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The measuring processes at work now."""
        pids = [measurement.worker_pid for measurement in list(self._measurements.values())]
        return tuple(pid for pid in pids if pid is not None)

    def progress(self) -> Progress:
        """How far it is."""
        with self._lock:
            start, end = self._started_at, self._ended_at or time.monotonic()
            return Progress(
                self._state(),
                len(self._measured),
                len(self.plan.jobs()),
                max(len(self._measured), sum(self._shares.values())),
                tuple(self._current.values()),
                0.0 if start is None else end - start,
                0.0 if start is None else max(0.0, self._reported_at - start),
            )

    def cancel(self) -> None:
        """Stop it: the group at work leaves cancelled records, groups that wait leave none."""
        with self._lock:
            self._cancelled = True
            measurements = list(self._measurements.values())
            if self._started_at is None:
                self._done.set()  # it need not wait for its turn to be over
        for measurement in measurements:
            measurement.cancel()

    def _state(self) -> RunState:
        if not self._done.is_set():
            return "waiting" if self._started_at is None else "running"
        return "cancelled" if self._cancelled else "finished"

    def measure_on(self, device: str) -> None:
        """Measure the groups of one device, from that device's thread."""
        try:
            for group in self.plan.groups_on(device):
                measurement = self._begin(device, group)
                if measurement is None:
                    break
                for job, record in measurement.measure():
                    self._keep(Measured(job, replace(record, ran_beside=self._beside[device].told())))
        except Exception as error:  # noqa: BLE001 - the device's thread must live on for the next run
            self._error = reason_of(error)
        finally:
            self._leave(device)

    def _begin(self, device: str, group: Group) -> GroupMeasurement | None:
        with self._lock:
            if self._cancelled:
                return None
            self._started_at = self._started_at or time.monotonic()
            beside = self._beside[device] = Neighbours(lambda: self._workers_on(device), self._computing)

            def on_progress(now: JobProgress) -> None:
                beside.look()
                self._note(device, now)

            self._measurements[device] = GroupMeasurement(group, on_progress)
            return self._measurements[device]

    def _workers_on(self, device: str) -> tuple[int, ...]:
        pid = self._measurements[device].worker_pid
        return () if pid is None else (pid,)

    def _note(self, device: str, now: JobProgress) -> None:
        with self._lock:
            self._current[device] = now
            if now.share > self._shares.get(now.job, 0.0):
                self._reported_at = time.monotonic()
            self._shares[now.job] = now.share

    def _keep(self, measured: Measured) -> None:
        with self._lock:
            self._measured.append(measured)
        try:
            self._save(measured.record)
        except Exception as error:  # noqa: BLE001 - a full disk or locked store must not end the measurement
            self._error = f"A record could not be saved: {reason_of(error)}"

    def _leave(self, device: str) -> None:
        with self._lock:
            self._current.pop(device, None)
            self._measurements.pop(device, None)
            self._lanes_left -= 1
            if self._lanes_left == 0:
                self._ended_at = time.monotonic()
                self._done.set()


def check_runnable(plan: Plan, *, force: bool = False) -> None:
    """Refuse a plan that can't run on this machine, before it is queued; see `Runner.submit`."""
    for device in plan.devices:
        check_present(device)
    if not force:
        check_memory(plan, available_mib)


def take_turn(work: QueuedWork, device: str) -> None:
    """Do a piece of work on a device once no other program of this machine measures there."""

    def tell(sentence: str | None) -> None:
        work.note = sentence

    with device_lock(device, work.kind, tell, lambda: work.was_stopped) as problem:
        tell(problem)
        work.measure_on(device)  # stopped meanwhile, too: it says that this device is done with


class Runner:
    """The queue of one application; make one and share it.

    Args:
        save: Stores a record; called as soon as each is there, from the threads of the devices.
        computing: How many heavy computations this process does beside, at the moment that it is asked.
    """

    def __init__(self, save: Save, computing: Computing = lambda: 0) -> None:
        self._save = save
        self._computing = computing
        self._lock = threading.Lock()
        self._runs: list[QueuedWork] = []
        self._lanes: dict[str, SimpleQueue[QueuedWork]] = {}

    def submit(self, plan: Plan, owner: str = "", *, force: bool = False) -> Run:
        """Put a plan at the end of the queue.

        Args:
            plan: The plan.
            owner: Who asks, as shown to others in the queue.
            force: Whether to try also what is forecast not to fit the memory.

        Raises:
            ValueError: If this machine lacks a device, the plan can't fit its memory, or a model does not take its
                image size.
        """
        check_runnable(plan, force=force)
        run = Run(plan, owner, self._save, self._computing)
        self._enqueue(run, plan.devices)
        return run

    def submit_profile(
        self, jobs: Sequence[Job], trace_folder: Path | None = None, owner: str = "", sweeps: int = 1
    ) -> ProfileRun:
        """Put profiles at the end of the queue; arguments and errors as of `ProfileRun`.

        Raises:
            ValueError: If this machine lacks the device, too.
        """
        run = ProfileRun(jobs, trace_folder, owner, sweeps, self._computing)
        device = run.jobs[0].device
        check_present(device)
        self._enqueue(run, (device,))
        return run

    def queue(self) -> tuple[QueuedWork, ...]:
        """All runs at work or waiting, first come first."""
        with self._lock:
            return tuple(run for run in self._runs if not run.wait(0))

    def submit_work(self, work: QueuedWork, devices: tuple[str, ...]) -> None:
        """Put any other work at the end of the queue of each of its devices."""
        self._enqueue(work, devices)

    def _enqueue(self, run: QueuedWork, devices: tuple[str, ...]) -> None:
        with self._lock:
            self._runs = [known for known in self._runs if not known.wait(0)]
            self._runs.append(run)
            for device in devices:
                self._lane(device).put(run)

    def _lane(self, device: str) -> SimpleQueue[QueuedWork]:
        if device not in self._lanes:
            self._lanes[device] = SimpleQueue()
            threading.Thread(target=self._serve, args=(device,), daemon=True, name=f"benchmark {device}").start()
        return self._lanes[device]

    def _serve(self, device: str) -> None:
        while True:
            take_turn(self._lanes[device].get(), device)
