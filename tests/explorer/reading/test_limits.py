"""The limits of a reading process, each held against what would break it, in a process of its own."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.reading.limits import Limits

LIMITS = "Limits(seconds=1, memory_mib=100, written_mib=1)"
_FILTERED = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")


def limited(work: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run some lines under limits, for a file without contents."""
    lines = ["import os, socket, subprocess, sys, threading", "from explorer.reading.limits import Limits"]
    script = "\n".join([*lines, f"{LIMITS}.impose(0, free_mib=1000)", work])
    command = [sys.executable, "-c", script]
    environment = {"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_what_stays_below_them_goes_on(tmp_path: Path) -> None:
    result = limited("open('x', 'wb').write(bytes(2**20)); print(len(bytes(50 * 2**20)))", tmp_path)
    assert result.stdout.strip() == str(50 * 2**20)


def test_threads_go_on(tmp_path: Path) -> None:
    """libwebp decodes in two."""
    result = limited("t = threading.Thread(target=print, args=('ran',)); t.start(); t.join()", tmp_path)
    assert result.stdout.strip() == "ran", result.stderr


def test_processor_time_is_limited(tmp_path: Path) -> None:
    result = limited("while True: pass", tmp_path)
    assert "more than 1 s of processor time" in Limits(seconds=1, memory_mib=1, written_mib=1).reason(
        -result.returncode
    )


def test_time_in_a_library_counts_too(tmp_path: Path) -> None:
    result = limited("pow(3, 10**8)", tmp_path)
    assert "processor time" in Limits(seconds=1, memory_mib=1, written_mib=1).reason(-result.returncode)


@pytest.mark.skipif(sys.platform != "linux", reason="held on Linux only")
@pytest.mark.parametrize("work", ["bytearray(200 * 2**20)", "[bytes(2**20) for _ in range(200)]", "'x' * 200 * 2**20"])
def test_memory_is_limited(work: str, tmp_path: Path) -> None:
    result = limited(work, tmp_path)
    assert "MemoryError" in result.stderr


def test_what_is_written_is_limited(tmp_path: Path) -> None:
    result = limited("open('x', 'wb').write(bytes(2 * 2**20))", tmp_path)
    assert result.returncode != 0
    assert (tmp_path / "x").stat().st_size <= 2**20


@pytest.mark.skipif(not _FILTERED, reason="the kernel's filter is on Linux, x86-64 and ARM64")
@pytest.mark.parametrize(
    "work",
    [
        "os.fork()",
        "os.execv(sys.executable, [sys.executable, '-c', ''])",
        "subprocess.run([sys.executable, '-c', ''])",
        "os.posix_spawn(sys.executable, [sys.executable], {})",
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.socket(socket.AF_UNIX)",
        "socket.socketpair()",
        "os.kill(os.getppid(), 0)",
    ],
)
def test_no_process_and_no_connection(work: str, tmp_path: Path) -> None:
    result = limited(work, tmp_path)
    assert "PermissionError" in result.stderr, json.dumps(result.stderr)
