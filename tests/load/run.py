"""Runs the load test: a server of its own, users that come in one by one, and a report."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import numpy as np
import psutil

from explorer.records.store import Store
from explorer.sharing.memory_budget import memory_budget
from tests.browser.serving import running_server
from tests.explorer.records.examples import example_record
from tests.load.visits import SLIDER, Findings, Visit, ask_for_the_impossible, wrong_maps

TARGET_P95_S = 2.0
#: Between the arrivals of two users, in seconds.
_ARRIVAL_S = 0.5
_RECORDS = 300


@dataclass(frozen=True)
class Report:
    """What came of a load test.

    Attributes:
        users: How many there were.
        seconds: How long they used the app.
        findings: What they saw.
        peak_mib: The most that the server held.
        budget_mib: What it may hold.
        cpu_seconds: Processor time that the server took.
        machine_load: Mean of the load average over the run; more than the cores is more than they can do.
    """

    users: int
    seconds: float
    findings: Findings
    peak_mib: float
    budget_mib: float
    cpu_seconds: float
    machine_load: float

    @property
    def passed(self) -> bool:
        """Whether all targets were met."""
        findings = self.findings
        p95 = np.percentile(findings.seconds[SLIDER] or [np.inf], 95)
        return not findings.errors and not findings.mix_ups and self.peak_mib <= self.budget_mib and p95 < TARGET_P95_S

    def __str__(self) -> str:
        findings = self.findings
        actions = sum(map(len, findings.seconds.values())) or 1
        lines = [f"{self.users} users for {self.seconds:.0f} s on {os.cpu_count()} cores"]
        for action, seconds in findings.seconds.items():
            p50, p95 = np.percentile(seconds, (50, 95))
            lines.append(
                f"  {action:<23} {len(seconds):>5} times, p50 {p50:.2f} s, p95 {p95:.2f} s, most {max(seconds):.2f} s"
            )
        lines += [
            f"errors {len(findings.errors)}, mixed-up views {len(findings.mix_ups)}, maps recomputed "
            f"{len(findings.maps)}, pages that said to wait {findings.waits}",
            f"peak memory {self.peak_mib:.0f} MiB of {self.budget_mib:.0f}",
            f"server's processor time {self.cpu_seconds:.0f} s, {self.cpu_seconds / actions * 1000:.0f} ms an action; "
            f"machine load {self.machine_load:.1f}",
            *findings.errors[:10],
            *findings.mix_ups[:10],
            "passed" if self.passed else "FAILED",
        ]
        return "\n".join(lines)


def load(users: int, seconds: float, pause_s: tuple[float, float], *, impossible_a_second: float = 0.0) -> Report:
    """Start the app with a store of its own and let users at it.

    Args:
        users: How many at once.
        seconds: How long each goes on, counted from the arrival of the last.
        pause_s: Shortest and longest pause of a user between two actions, in seconds.
        impossible_a_second: How many further visitors come each second by a link to what never fits.
    """
    findings = Findings()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'records.sqlite'}"
        with Store(url) as store:
            store.add_all(example_record(batch_size=1 + number % 8) for number in range(_RECORDS))
        with running_server({"HRFORMER_RESULTS_URL": url}) as (address, pid), _watched(pid) as watch:
            end = time.monotonic() + users * _ARRIVAL_S + seconds
            parts = [_arrive([Visit(number, findings, pause_s) for number in range(users)], address, end)]
            if impossible_a_second:
                parts.append(ask_for_the_impossible(address, findings, 1 / impossible_a_second, end))
            asyncio.run(_together(*parts))
    findings.mix_ups += wrong_maps(findings)
    budget_mib = memory_budget().budget_mib
    load_mean = float(np.mean(watch.loads))
    return Report(users, seconds, findings, max(watch.mib), budget_mib, watch.cpu_seconds, load_mean)


async def _together(*parts: Coroutine[None, None, None]) -> None:
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)


async def _arrive(visits: Sequence[Visit], address: str, end: float) -> None:
    async with asyncio.TaskGroup() as group:
        for visit in visits:
            group.create_task(visit.run(address, end))
            await asyncio.sleep(_ARRIVAL_S)


class _Watch:
    """Memory of a process, MiB, and load of the machine, twice a second."""

    def __init__(self, pid: int) -> None:
        self.mib: list[float] = []
        self.loads: list[float] = []
        self.cpu_seconds = 0.0
        self._process = psutil.Process(pid)

    def run(self, stop: Event) -> None:
        while not stop.wait(0.5):
            self.mib.append(self._process.memory_info().rss / 2**20)
            self.loads.append(os.getloadavg()[0])
            times = self._process.cpu_times()
            self.cpu_seconds = times.user + times.system


@contextmanager
def _watched(pid: int) -> Iterator[_Watch]:
    watch, stop = _Watch(pid), Event()
    thread = Thread(target=watch.run, args=(stop,))
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()
