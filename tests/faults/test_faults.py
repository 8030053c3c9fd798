"""Faults while records are measured and written: a few kills of each kind, a jumping clock, a card that is lost.

`python -m tests.faults` kills 200 times. Full disks and read-only folders are in `tests/explorer/benchmark`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from explorer.benchmark.method import Method
from explorer.benchmark.plan import Plan
from explorer.benchmark.running.runner import Runner
from explorer.records.record import Record
from explorer.records.store import Store
from tests.explorer.benchmark.examples import TINY
from tests.faults import writers
from tests.faults.kills import kill_server, kill_writer

ROOT = Path(__file__).parents[2]
QUICK = Method(min_iterations=12, min_seconds=0.3, max_seconds=5, warmup_max_seconds=1, round_seconds=0.05)

#: Runs in the measuring process before anything else; there the device, here the processor, is lost in the second turn.
LOSE_DEVICE = """
import sys
if "explorer.benchmark.measuring.worker" in sys.orig_argv:
    from explorer.benchmark.measuring import device
    time_calls, turns = device.Cpu.time_calls, []
    def lost(self, step, count):
        turns.append(count)
        if len(turns) > 2:
            raise RuntimeError("CUDA error: the GPU is lost")
        return time_calls(self, step, count)
    device.Cpu.time_calls = lost
"""


def measured() -> list[Record]:
    saved: list[Record] = []
    run = Runner(saved.append).submit(Plan(models=(TINY,), threads=(1,), method=QUICK))
    assert run.wait(120)
    assert run.error is None
    return saved


@pytest.mark.parametrize(
    ("writer", "bystanders"), [(writers.benchmark, 0), (writers.app, 1)], ids=["benchmark", "app beside another"]
)
def test_killed_writers_lose_nothing(writer: Callable[..., None], bystanders: int, tmp_path: Path) -> None:
    tally = kill_writer("writer", writer, f"sqlite:///{tmp_path / 'records.sqlite'}", 4, bystanders=bystanders)
    assert tally.committed > 3
    assert (tally.lost, tally.damaged) == (0, 0)


def test_a_killed_server_loses_nothing_and_its_writer_goes_on() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra: postgres)")
    from tests.explorer.records.postgresql import Server, server_binaries

    binaries = server_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: postgresql)")
    server = Server(binaries, fsync=True)
    try:
        tally = kill_server(server, server.new_schema(), 2)
    finally:
        server.stop()
    assert tally.committed >= 3
    assert (tally.lost, tally.damaged) == (0, 0)


@pytest.fixture(scope="module")
def jumping_clock(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library to preload."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build the jumping clock with")
    library = tmp_path_factory.mktemp("clock") / "jumping_clock.so"
    source = Path(__file__).with_name("jumping_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60)
    return str(library)


def test_a_clock_that_jumps_changes_no_sample_and_leaves_legal_times(
    jumping_clock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", jumping_clock)
    start = time.monotonic()
    (record,) = measured()
    elapsed_ms = (time.monotonic() - start) * 1000
    monkeypatch.delenv("LD_PRELOAD")
    assert record.status == "ok"
    assert all(0 < sample < elapsed_ms for sample in record.samples_ms)
    assert sum(record.samples_ms) < elapsed_ms
    told = datetime.fromisoformat(record.measured_at)
    assert told.utcoffset() == timedelta(0)
    assert abs(told - datetime.now(UTC)) < timedelta(weeks=6)
    with Store(f"sqlite:///{tmp_path / 'records.sqlite'}") as store:
        store.add(record)
        assert list(store.records()) == [record]


def test_the_jumping_clock_jumps(jumping_clock: str) -> None:
    """Else the test above would show nothing."""
    command = [sys.executable, "-c", "import time\nfor _ in range(8): print(time.time()); time.sleep(.05)"]
    shown = subprocess.run(
        command, env={**os.environ, "LD_PRELOAD": jumping_clock}, capture_output=True, text=True, check=True, timeout=30
    )
    seconds = [float(line) for line in shown.stdout.split()]
    assert any(after < before for before, after in pairwise(seconds))
    assert max(seconds) - min(seconds) > 7 * 86400


def test_a_device_that_is_lost_leaves_a_record_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(LOSE_DEVICE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    (record,) = measured()
    assert record.status == "failed"
    assert "the GPU is lost" in (record.status_reason or "")
    assert record.samples_ms == ()
