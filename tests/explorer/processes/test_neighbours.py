"""What runs beside a measurement: this program's busy processes of whatever user, and the app's own computations."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from explorer.processes import neighbours
from explorer.processes.neighbours import Neighbours, busy_groups
from explorer.processes.process import WorkerProcess


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    """What stands for the machine's processes."""
    found: dict[int, str] = {}
    monkeypatch.setattr(neighbours, "busy_groups", lambda own: [each for each in found.items() if each[0] not in own])
    monkeypatch.setattr(neighbours, "_INTERVAL_S", 0.0)
    return found


@pytest.fixture
def idle_worker() -> Iterator[subprocess.Popen[bytes]]:
    """A measuring process that has not been told yet what to do."""
    command = [sys.executable, "-m", "explorer.benchmark.measuring.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        yield process
        process.kill()


def test_a_measuring_process_is_seen_unless_it_is_ones_own(idle_worker: subprocess.Popen[bytes]) -> None:
    assert (idle_worker.pid, "benchmark") in set(busy_groups({1}))
    assert idle_worker.pid not in dict(busy_groups({idle_worker.pid}))
    assert os.getpgid(0) not in dict(busy_groups(set()))  # tests are none


def test_a_process_that_only_speaks_of_it_is_none() -> None:
    command = [sys.executable, "-c", "input()", "-m", "explorer.benchmark.measuring.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        assert process.pid not in dict(busy_groups(set()))
        process.kill()


def test_a_training_is_seen() -> None:
    worker = WorkerProcess({"job": {}}, {}, "explorer.ablation.training_worker")
    try:
        assert (worker.pid, "training") in set(busy_groups(set()))
    finally:
        worker.kill()
        worker.close()


def test_all_that_was_ever_there_is_told_each_process_once(groups: dict[int, str]) -> None:
    computing = 0
    beside = Neighbours(lambda: {10}, lambda: computing)
    groups |= {10: "benchmark", 11: "training", 12: "training"}
    beside.look()
    del groups[11]
    groups[13] = "benchmark"
    computing = 2
    beside.look()
    computing = 1
    beside.look()
    assert beside.told() == "2 trainings, 1 benchmark, 2 app computations"


def test_nobody_is_told_as_nothing(groups: dict[int, str]) -> None:
    groups[10] = "benchmark"
    beside = Neighbours(lambda: {10}, lambda: 0)
    beside.look()
    assert beside.told() == "nothing"


def test_processes_are_read_at_intervals_and_computations_always(
    groups: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_INTERVAL_S", 600.0)
    counts = iter([0, 3])
    beside = Neighbours(lambda: (), lambda: next(counts))
    beside.look()
    groups[11] = "benchmark"
    beside.look()
    del groups[11]
    assert beside.told() == "3 app computations"
    groups[12] = "training"
    assert beside.told() == "1 training, 3 app computations"  # whoever asks gets a last look
