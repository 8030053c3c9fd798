"""Real worker processes: what they say, how they end, and that nothing of them stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from explorer.processes.messages import Failed
from explorer.processes.process import WorkerProcess, WorkerProcesses
from tests.explorer.processes.counting_worker import COUNTING_WORKER, Number

THREE = [Number(0), Number(1), Number(2)]


def started(**request: Any) -> WorkerProcess[Number]:
    return WorkerProcess(COUNTING_WORKER, request, {})


@pytest.fixture
def sleeping() -> Iterator[WorkerProcess[Number]]:
    """One that has said all that it will, and goes on."""
    process = started(count=1, then="sleep")
    assert next(process.messages()) == Number(0)
    yield process
    process.kill()
    process.close()


def test_messages_come_in_order_and_nothing_else_that_is_printed() -> None:
    process = started(count=3)
    assert list(process.messages()) == THREE
    process.close()
    assert not psutil.pid_exists(process.pid)


def test_an_unknown_message_ends_the_process_and_is_told_as_its_failure() -> None:
    process = started(count=3, then="spread a rumour")
    reason = "the counting process sent a message of an unknown type: 'Rumour'"
    assert list(process.messages()) == [*THREE, Failed(reason)]
    process.close()
    assert not psutil.pid_exists(process.pid)


def test_an_error_is_told_as_a_failure_in_one_line_without_folders() -> None:
    process = started(count=1, then="raise")
    assert list(process.messages()) == [Number(0), Failed("LookupError: nothing at names.txt")]
    process.close()


def test_how_a_process_ended_is_said(sleeping: WorkerProcess[Number]) -> None:
    os.kill(sleeping.pid, signal.SIGKILL)
    assert list(sleeping.messages()) == []
    assert sleeping.close().startswith("the counting process was killed (SIGKILL)")
    process = started(then="exit")
    assert list(process.messages()) == []
    assert process.close().startswith("the counting process ended with code 3")


def test_a_stopped_piece_of_work_ends_its_processes_and_starts_no_more() -> None:
    processes = WorkerProcesses()
    running = [processes.start(COUNTING_WORKER, {"count": 1, "then": "sleep"}, {}) for _ in range(2)]
    assert None not in running
    pids = processes.pids
    assert len(set(pids)) == 2
    processes.stop()
    assert processes.stopped
    assert processes.start(COUNTING_WORKER, {}, {}) is None
    for process in running:
        list(process.messages())  # which end
        assert "counting process was " in processes.close(process)
    assert processes.pids == ()
    assert not any(map(psutil.pid_exists, pids))
