"""The queue of the devices: one piece of work a device at a time, in the order in which it was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from explorer.processes.device_lock import device_lock, lock_path
from explorer.processes.device_queue import DeviceQueue
from tests.explorer.processes.examples import Example


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_LOCK_FOLDER", str(tmp_path))


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_work_takes_turns_on_a_device_and_another_device_goes_on_meanwhile() -> None:
    queue = DeviceQueue()
    first, second, elsewhere = Example("cpu"), Example("cpu", "mps"), Example("mps")
    for work in (first, second, elsewhere):
        queue.submit(work)
    wait_until(lambda: first.worked_on == ["cpu"] and second.worked_on == ["mps"])
    assert queue.works() == (first, second, elsewhere)
    assert queue.ahead_of(second) == (first,)
    assert queue.ahead_of(elsewhere) == (second,)
    assert not elsewhere.has_begun
    first.let_go.set()
    second.let_go.set()
    elsewhere.let_go.set()
    for work in (first, second, elsewhere):
        assert work.wait(100)
    assert sorted(second.worked_on) == ["cpu", "mps"]
    assert queue.works() == ()
    assert queue.ahead_of(second) == ()


def test_what_is_cancelled_while_it_waits_leaves_the_queue_at_once() -> None:
    queue = DeviceQueue()
    first, second, third = Example(), Example(), Example()
    for work in (first, second, third):
        queue.submit(work)
    second.cancel()
    assert queue.works() == (first, third)
    assert queue.ahead_of(third) == (first,)
    first.let_go.set()
    wait_until(lambda: third.worked_on)
    assert second.worked_on == []
    third.cancel()
    assert third.wait(100)


def test_the_end_cancels_what_is_at_work_and_what_waits() -> None:
    queue = DeviceQueue()
    works = [Example() for _ in range(3)]
    for work in works:
        queue.submit(work)
    wait_until(lambda: works[0].worked_on)
    queue.end()
    assert [work.state for work in works] == ["cancelled"] * 3
    assert queue.works() == ()


def test_another_program_is_waited_for_by_the_name_that_all_share() -> None:
    queue, work = DeviceQueue({"cuda:0": "cuda-GPU-7"}.__getitem__), Example("cuda:0")
    with device_lock("cuda:1", "training", lambda told: None, lambda: False, "cuda-GPU-7"):
        queue.submit(work)
        wait_until(lambda: work.note)
        assert work.note.startswith("Waiting for cuda:0: process ")
        assert " has it for a training since " in work.note
        assert not work.has_begun
    wait_until(lambda: work.worked_on)
    assert work.note is None
    assert lock_path("cuda-GPU-7").exists()
    work.cancel()
    assert work.wait(100)
