"""Runs plans in the background, as work that takes its turn on the devices of this machine.

Nothing here touches a model: each group is measured in processes of its own (`explorer.benchmark.running.group`), so
that no crash, no full memory and no cancelled run reaches the process that asked for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from explorer.benchmark.forecast import check_memory
from explorer.benchmark.measuring.device import check_present
from explorer.benchmark.outcome import Measured, reason_of
from explorer.benchmark.plan import Group, Job, Plan
from explorer.benchmark.running.devices import available_mib, shared_name
from explorer.benchmark.running.group import GroupMeasurement, JobProgress
from explorer.benchmark.running.profile_run import ProfileRun
from explorer.processes.device_queue import DeviceQueue
from explorer.processes.neighbours import Neighbours
from explorer.processes.queued_work import QueuedWork, WorkState
from explorer.records.record import Record
from explorer.units import counted

Save = Callable[[Record], None]
Computing = Callable[[], int]


@dataclass(frozen=True)
class RunProgress:
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

    state: WorkState
    jobs_done: int
    jobs_total: int
    work_done: float
    current: tuple[JobProgress, ...]
    elapsed_s: float
    reported_s: float


class Run(QueuedWork):
    """A plan that is measured on its devices; `Runner.submit` puts it into the queue.

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
        self._devices_left = len(plan.devices)
        self._reported_at = 0.0
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
        return tuple(pid for measurement in list(self._measurements.values()) for pid in measurement.worker_pids)

    @property
    def devices(self) -> tuple[str, ...]:
        """Those of its plan."""
        return self.plan.devices

    @property
    def description(self) -> str:
        """Such as "4 jobs: hrformer_tiny, resnet50 and 2 more"."""
        names = [model.name for model in self.plan.models]
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        return f"{counted(len(self.plan.jobs()), 'job')}: {', '.join(names[:2])}{more}"

    @property
    def doing(self) -> str:
        """Such as "measuring, 1 of 2 done"."""
        progress = self.progress()
        return f"measuring, {progress.jobs_done} of {progress.jobs_total} done"

    @property
    def kept(self) -> str:
        """What stays of it when it is stopped, or was, as a sentence."""
        measured = sum(record.status != "cancelled" for record in self.records)
        return f"What it has measured is kept: {counted(measured, 'record')}."

    @property
    def share_done(self) -> float:
        """How much of its work is done, 0 to 1."""
        progress = self.progress()
        return progress.work_done / progress.jobs_total

    def progress(self) -> RunProgress:
        """How far it is."""
        with self._lock:
            return RunProgress(
                self.state,
                len(self._measured),
                len(self.plan.jobs()),
                max(len(self._measured), sum(self._shares.values())),
                tuple(self._current.values()),
                self.elapsed_s,
                max(0.0, self._reported_at - (self._started_at or self._reported_at)),
            )

    def _stop(self) -> None:
        """The group at work leaves cancelled records, groups that wait leave none."""
        with self._lock:
            measurements = list(self._measurements.values())
        for measurement in measurements:
            measurement.cancel()

    def work_on(self, device: str) -> None:
        """Measure the groups of one device, from that device's thread."""
        try:
            for group in self.plan.groups_on(device):
                measurement = self._measuring(device, group)
                if measurement is None:
                    break
                for job, record in measurement.measure():
                    self._keep(Measured(job, replace(record, ran_beside=self._beside[device].told())))
        except Exception as error:  # noqa: BLE001 - the device's thread must live on for the next run
            self._error = reason_of(error)
        finally:
            self._leave(device)

    def _measuring(self, device: str, group: Group) -> GroupMeasurement | None:
        with self._lock:
            if not self._begin():
                return None
            beside = self._beside[device] = Neighbours(lambda: self._measurements[device].worker_pids, self._computing)

            def on_progress(now: JobProgress) -> None:
                beside.look()
                self._note(device, now)

            self._measurements[device] = GroupMeasurement(group, on_progress)
            return self._measurements[device]

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
            self._devices_left -= 1
            if self._devices_left == 0:
                self._end()


def check_runnable(plan: Plan, *, force: bool = False) -> None:
    """Refuse a plan that can't run on this machine, before it is queued; see `Runner.submit`."""
    for device in plan.devices:
        check_present(device)
    if not force:
        check_memory(plan, available_mib)


class Runner:
    """Puts plans and profiles into the queue of this machine; make one and share it.

    Args:
        save: Stores a record; called as soon as each is there, from the threads of the devices.
        computing: How many heavy computations this process does beside, at the moment that it is asked.

    Attributes:
        queue: Takes any other work, too.
    """

    def __init__(self, save: Save, computing: Computing = lambda: 0) -> None:
        self.queue = DeviceQueue(shared_name)
        self._save = save
        self._computing = computing

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
        self.queue.submit(run)
        return run

    def submit_profile(
        self, jobs: Sequence[Job], trace_folder: Path | None = None, owner: str = "", sweeps: int = 1
    ) -> ProfileRun:
        """Put profiles at the end of the queue; arguments and errors as of `ProfileRun`.

        Raises:
            ValueError: If this machine lacks the device, too.
        """
        run = ProfileRun(jobs, trace_folder, owner, sweeps, self._computing)
        for device in run.devices:
            check_present(device)
        self.queue.submit(run)
        return run
