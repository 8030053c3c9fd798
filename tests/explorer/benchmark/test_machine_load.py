"""How busy the machine is: what the kernel says, in words and in a record's figures."""

import os
import threading
from pathlib import Path

import pytest

from explorer.benchmark import machine_load
from explorer.benchmark.machine_load import MachineLoad


def load(runnable_threads=None, load_average_1min=None, cores=2):
    return MachineLoad(runnable_threads=runnable_threads, load_average_1min=load_average_1min, cores=cores)


@pytest.fixture
def kernel(monkeypatch):
    """Lets /proc/loadavg say what a test wants; None takes the file away."""

    def say(*texts):
        left = list(texts)

        def read_text(path):
            assert path == Path("/proc/loadavg")
            text = left.pop(0) if len(left) > 1 else left[0]
            if text is None:
                raise FileNotFoundError(path)
            return text

        monkeypatch.setattr(machine_load.Path, "read_text", read_text)

    return say


def test_a_busy_machine_is_told_with_its_threads_and_cores():
    assert load(14, 3.0).sentence == "This machine is busy: 14 runnable threads on 2 cores; results will scatter."
    assert load(1, 0.1).sentence == "This machine is busy: 1 runnable thread on 2 cores; results will scatter."


def test_one_thread_is_much_on_two_cores_and_little_on_many():
    assert load(1, cores=2).is_busy
    assert not load(1, cores=16).is_busy
    assert load(5, cores=16).is_busy
    assert load(0, cores=1).sentence == "This machine is quiet: 0 runnable threads on 1 core."


def test_without_a_count_the_load_average_speaks():
    assert "busy: a load average of 7.3 over the last minute on 8 cores" in load(None, 7.3, cores=8).sentence
    assert load(None, 0.2, cores=8).sentence.startswith("This machine is quiet")


def test_a_system_that_tells_nothing_is_not_called_quiet():
    unknown = load()
    assert unknown.is_busy is None
    assert "does not tell" in unknown.sentence
    assert set(unknown.figures().reasons) == {"runnable_threads", "load_average_1min"}


def test_the_thread_that_reads_is_no_load_and_a_moment_does_not_count(kernel):
    kernel("0.20 0.18 0.12 1/80 11206\n")
    assert MachineLoad.now().runnable_threads == 0
    kernel(*(f"0.20 0.18 0.12 {count}/80 11206" for count in (1, 9, 3, 3, 3)))
    assert MachineLoad.now().runnable_threads == 2


@pytest.mark.parametrize("text", [None, "", "0.00 0.00 0.00", "0.00 0.00 0.00 0/0 0", "a b c d/e f"])
def test_a_kernel_that_does_not_count_is_believed_not_to(kernel, text):
    kernel(text)
    assert MachineLoad.now().runnable_threads is None


def test_a_system_without_a_load_average_has_none(monkeypatch):
    monkeypatch.delattr(os, "getloadavg")
    assert MachineLoad.now().load_average_1min is None


@pytest.mark.skipif(not Path("/proc/loadavg").exists(), reason="only Linux counts runnable threads")
def test_a_thread_at_work_is_counted():
    over = threading.Event()

    def spin():
        import hashlib

        while not over.is_set():
            hashlib.sha256(b"x" * 2**22).digest()  # gives the interpreter lock up

    workers = [threading.Thread(target=spin) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        assert MachineLoad.now().runnable_threads >= 2
    finally:
        over.set()
        for worker in workers:
            worker.join()
