"""The lock of a device: between threads, processes and users, after kills, and beside what others put in its place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from explorer.processes.device_lock import device_lock, lock_path
from explorer.records.record import Record
from explorer.records.store import Store

#: Holds the CPU until its input ends, as the user with that number, and says what happens when.
_HOLDING = """
import os, sys, time
from explorer.processes.device_lock import device_lock
if len(sys.argv) > 1:  # only now: Python itself may lie where that user can't read
    os.setuid(int(sys.argv[1]))
def say(*words):
    print(*words, flush=True)
with device_lock("cpu", "benchmark", lambda told: say("told", told), lambda: False) as problem:
    say("begin", time.monotonic(), problem)
    sys.stdin.read()
    say("end", time.monotonic())
"""
_NOBODY = 65534


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HRFORMER_LOCK_FOLDER", str(tmp_path))
    return tmp_path


def open_to_all(folder: Path) -> None:
    """Let other users into a folder of this test's."""
    while folder != Path(tempfile.gettempdir()):
        folder.chmod(0o755)
        folder = folder.parent


def holding(*user: int, until_told: bool = False) -> subprocess.Popen[str]:
    """A process that holds the CPU for a moment, or until its input is closed."""
    command = [sys.executable, "-c", _HOLDING, *map(str, user)]
    stdin = subprocess.PIPE if until_told else subprocess.DEVNULL
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    for line in process.stdout or ():
        yield line.strip().split(" ", 1)


def finished(process: subprocess.Popen[str]) -> list[list[str]]:
    """What it still says after it was told to let go."""
    if process.stdin is not None:
        process.stdin.close()
    return list(said(process))


def waited_for(process: subprocess.Popen[str]) -> None:
    """Until it holds the lock."""
    assert next(said(process))[0] == "begin"


def locked_once() -> tuple[str | None, list[str]]:
    """The problem with the lock, and what was said of who holds it; it is waited for twice at most."""
    told: list[str] = []
    with device_lock("cpu", "profile", told.append, lambda: len(told) > 1) as problem:
        return problem, told


def test_the_second_process_says_who_holds_it_waits_and_then_runs() -> None:
    first = holding(until_told=True)
    waited_for(first)
    second = holding()
    word, sentence = next(said(second))
    assert word == "told"
    assert sentence.startswith(f"Waiting for cpu: process {first.pid} has it for a benchmark since ")
    (first_end,) = (float(line) for word, line in finished(first) if word == "end")
    lines = finished(second)
    assert {line for word, line in lines if word == "told"} <= {sentence}
    assert float(dict(lines)["begin"].split()[0]) >= first_end
    assert dict(lines)["begin"].endswith("None")


def test_many_threads_of_one_process_are_never_two_at_once() -> None:
    inside: list[int] = []
    most = []

    def measure(number: int) -> None:
        with device_lock("cpu", "benchmark", lambda told: None, lambda: False):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.01)
            inside.remove(number)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(measure, range(10)))
    assert most == [1] * 10


def test_the_lock_of_a_killed_process_is_free() -> None:
    victim = holding(until_told=True)
    waited_for(victim)
    assert locked_once()[1]
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert locked_once() == (None, [])


def test_waiting_ends_when_it_is_not_wanted_any_more() -> None:
    unwanted = threading.Event()
    with device_lock("cpu", "benchmark", lambda told: None, lambda: False):
        threading.Timer(0.3, unwanted.set).start()
        with device_lock("cpu", "benchmark", lambda told: None, unwanted.is_set) as problem:
            assert problem is None
            assert unwanted.is_set()


def test_another_device_is_not_waited_for() -> None:
    with device_lock("cpu", "benchmark", lambda told: None, lambda: False):
        told: list[str] = []
        with device_lock("mps", "benchmark", told.append, lambda: bool(told)):
            assert told == []


@pytest.mark.parametrize("put", ["link", "link to nothing", "second name", "pipe", "folder", "no folder"])
def test_what_someone_put_in_its_place_is_left_alone_and_the_work_goes_on(
    put: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = folder / "mine"
    mine.write_text("dear")
    match put:
        case "link":
            lock_path("cpu").symlink_to(mine)
        case "link to nothing":
            lock_path("cpu").symlink_to(folder / "nothing")
        case "second name":
            lock_path("cpu").hardlink_to(mine)
        case "pipe":
            os.mkfifo(lock_path("cpu"))
        case "folder":
            lock_path("cpu").mkdir()
        case _:
            monkeypatch.setenv("HRFORMER_LOCK_FOLDER", str(folder / "missing"))
    problem, told = locked_once()
    assert problem is not None
    assert "Other programs that measure on cpu are not waited for: hrformer-explorer-cpu.lock in /tmp" in problem
    assert str(folder) not in problem
    assert told == []
    assert mine.read_text() == "dear"
    assert not (folder / "nothing").exists()


@pytest.mark.parametrize(
    "written",
    [
        "",
        "{",
        "[]",
        "[" * 300,
        json.dumps({"pid": "x", "kind": "benchmark", "since": 0}),
        json.dumps({"pid": 1, "kind": "benchmark", "since": 1e300}),
        json.dumps({"pid": 1, "kind": "benchmark"}),
    ],
)
def test_what_stands_in_a_lock_is_believed_as_far_as_it_has_our_form(written: str) -> None:
    with device_lock("cpu", "benchmark", lambda told: None, lambda: False):
        lock_path("cpu").write_text(written)
        assert locked_once()[1][0] == "Waiting for cpu: another program measures there on this machine."


def test_a_strangers_words_are_not_repeated() -> None:
    with device_lock("cpu", "benchmark", lambda told: None, lambda: False):
        lock_path("cpu").write_text(json.dumps({"pid": 7, "kind": "![x](https://example.org)", "since": 0}))
        assert "process 7 has it for a measurement since " in locked_once()[1][0]


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
@pytest.mark.parametrize(("mode", "waits"), [(0o666, True), (0o644, True), (0o600, False)])
def test_another_users_lock(mode: int, waits: bool, folder: Path) -> None:
    """Where it can be read, it is waited for; else that is said, and the work goes on."""
    open_to_all(folder)
    with device_lock("cpu", "training", lambda told: None, lambda: False):
        lock_path("cpu").chmod(mode)
        stranger = holding(_NOBODY)
        word, line = next(said(stranger))
        stranger.kill()
        stranger.wait()
    if waits:
        assert (word, line.rpartition(" since ")[0]) == (
            "told",
            f"Waiting for cpu: process {os.getpid()} has it for a training",
        )
    else:
        assert word == "begin"
        assert "can't be locked (Permission denied)" in line


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_the_lock_that_a_user_made_serves_the_next_whatever_the_umask(folder: Path) -> None:
    """As in /tmp: everybody may make files, and nobody delete another's."""
    open_to_all(folder)
    folder.chmod(0o1777)
    stranger = holding(_NOBODY)
    assert stranger.wait() == 0
    assert lock_path("cpu").stat().st_uid == _NOBODY
    assert lock_path("cpu").stat().st_mode & 0o777 == 0o666
    assert locked_once() == (None, [])


def bench(store_url: str, seconds: float) -> subprocess.Popen[str]:
    """A benchmark of so long, from the command line; it does not end earlier, however exact its median is."""
    options = f"--models test_resnet --img-size 64 --threads 1 --min-seconds {seconds} --max-seconds {seconds}"
    method = "--interval-target 1e-9 --warmup-max-seconds 0.2"
    return subprocess.Popen(
        [sys.executable, "-m", "explorer", "bench", *options.split(), *method.split()],
        env={**os.environ, "HRFORMER_RESULTS_URL": store_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def waiting_line(process: subprocess.Popen[str]) -> str:
    """What it says as soon as it waits for another one."""
    return next((line for line in process.stderr or () if line.startswith("Waiting for ")), "")


def wait_until_held() -> None:
    deadline = time.monotonic() + 90
    while not (lock_path("cpu").exists() and locked_once()[1]):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_two_benchmarks_of_one_machine_do_not_measure_each_other(tmp_path: Path) -> None:
    """With processes and a store of each its own, as two users have them."""
    urls = [f"sqlite:///{tmp_path / name}.sqlite" for name in ("first", "second")]
    first = bench(urls[0], 3)
    wait_until_held()
    first.send_signal(signal.SIGSTOP)  # it does not let go before the second has come
    second = bench(urls[1], 1)
    assert waiting_line(second).startswith(f"Waiting for cpu: process {first.pid} has it for a benchmark since ")
    first.send_signal(signal.SIGCONT)
    for process in (first, second):
        process.communicate(timeout=120)
        assert process.returncode == 0
    (earlier,), (later,) = (records_of(url) for url in urls)
    measured_s = sum(later.samples_ms) / 1e3
    assert measured_s >= 0.5
    ended = [datetime.fromisoformat(record.measured_at) for record in (earlier, later)]
    assert ended[1] - timedelta(seconds=measured_s) > ended[0]


def test_ctrl_c_ends_the_waiting_and_a_killed_benchmark_holds_nobody_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    victim = bench(url, 600)
    wait_until_held()
    impatient, patient = bench(url, 0.3), bench(url, 0.3)
    for waiting in (impatient, patient):
        assert waiting_line(waiting)
    impatient.send_signal(signal.SIGINT)
    impatient.communicate(timeout=60)
    assert impatient.returncode == 130
    assert records_of(url) == []
    victim.kill()
    victim.communicate()
    patient.communicate(timeout=120)
    assert patient.returncode == 0
    assert [record.status for record in records_of(url)] == ["ok"]


def records_of(url: str) -> list[Record]:
    with Store(url) as store:
        return list(store.records())
