"""Main memory against what is really taken, and against control groups as Docker, systemd and Kubernetes make them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from explorer.processes import memory
from explorer.processes.memory import (
    allowed_ram_mib,
    available_ram_mib,
    peak_rss_mib,
    reset_peak_rss,
    return_freed_memory,
    rss_mib,
    total_ram_mib,
)

MIB = 2**20
#: What version 1 of control groups says where there is no limit: the largest number of bytes in whole pages.
_UNLIMITED = 9223372036854771712


class Kernel:
    """What the kernel shows of this process's control groups, in a folder of the test's."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._groups, self._memberships = folder / "cgroup", folder / "memberships"
        self._groups.mkdir()
        monkeypatch.setattr(memory, "_CONTROL_GROUPS", self._groups)
        monkeypatch.setattr(memory, "_MEMBERSHIPS", self._memberships)
        machine = SimpleNamespace(total=8000 * MIB, available=5000 * MIB)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)

    def is_in(self, *memberships: str) -> None:
        self._memberships.write_text("".join(f"{line}\n" for line in memberships))

    def group(self, path: str, limit: int | str, used_mib: int, cache_mib: int = 0, *, version: int = 2) -> None:
        limit_file, use_file = {
            2: ("memory.max", "memory.current"),
            1: ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        }[version]
        folder = self._groups / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / limit_file).write_text(f"{limit}\n")
        (folder / use_file).write_text(f"{used_mib * MIB}\n")
        (folder / "memory.stat").write_text(f"anon 1\ninactive_file {cache_mib * MIB}\nactive_file 7\n")


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A machine of 8,000 MiB, 5,000 of them free."""
    return Kernel(tmp_path, monkeypatch)


def test_without_a_container_the_machine_is_the_limit(kernel: Kernel) -> None:
    assert (available_ram_mib(), allowed_ram_mib(), total_ram_mib()) == (5000, 8000, 8000)
    kernel.is_in("0::/user.slice")
    kernel.group("user.slice", "max", 100)
    assert (available_ram_mib(), allowed_ram_mib()) == (5000, 8000)


def test_a_container_leaves_its_limit_less_what_is_used_but_for_cached_files(kernel: Kernel) -> None:
    kernel.is_in("0::/")
    kernel.group("", 2000 * MIB, used_mib=700, cache_mib=200)
    assert (available_ram_mib(), allowed_ram_mib(), total_ram_mib()) == (1500, 2000, 8000)


def test_a_container_may_allow_more_than_the_machine_has(kernel: Kernel) -> None:
    kernel.is_in("0::/")
    kernel.group("", 64_000 * MIB, used_mib=700)
    assert (available_ram_mib(), allowed_ram_mib()) == (5000, 8000)


def test_more_than_the_limit_leaves_nothing(kernel: Kernel) -> None:
    kernel.is_in("0::/")
    kernel.group("", 500 * MIB, used_mib=700)
    assert available_ram_mib() == 0


def test_each_group_around_the_process_holds(kernel: Kernel) -> None:
    kernel.is_in("0::/kubepods/pod1/app")
    kernel.group("kubepods", 6000 * MIB, used_mib=5600)
    kernel.group("kubepods/pod1", "max", used_mib=900)
    kernel.group("kubepods/pod1/app", 3000 * MIB, used_mib=900)
    kernel.group("kubepods/pod2", 10 * MIB, used_mib=9)
    assert (available_ram_mib(), allowed_ram_mib()) == (400, 3000)


@pytest.mark.parametrize("membership", ["4:memory:/docker/0123abc", "4:memory:/"])
def test_version_1_shows_a_container_its_own_group_at_the_top(kernel: Kernel, membership: str) -> None:
    kernel.is_in("12:cpu,cpuacct:/docker/0123abc", membership, "1:name=systemd:/docker/0123abc", "0::/system.slice")
    kernel.group("memory", 1000 * MIB, used_mib=250, version=1)
    assert (available_ram_mib(), allowed_ram_mib()) == (750, 1000)
    kernel.group("memory", _UNLIMITED, used_mib=250, version=1)
    assert (available_ram_mib(), allowed_ram_mib()) == (5000, 8000)


def test_this_machine_is_plausible() -> None:
    assert 0 < available_ram_mib() < allowed_ram_mib() <= total_ram_mib() < 2**30
    assert 10 < rss_mib() <= peak_rss_mib() < total_ram_mib()


def test_what_is_held_counts_until_it_is_returned() -> None:
    return_freed_memory()  # what other tests left free would be taken first
    before = rss_mib()
    held = [np.ones(MIB // 16) for _ in range(128)]  # 64 MiB in pieces that the C library keeps when they are freed
    assert 60 < rss_mib() - before < 80
    del held
    return_freed_memory()
    assert rss_mib() - before < 16


def test_the_peak_is_counted_from_its_reset() -> None:
    return_freed_memory()  # what other tests left free would be taken first, and counted in the peak
    if not reset_peak_rss():
        pytest.skip("this system does not reset the peak")
    before = peak_rss_mib()
    block = np.ones(64 * MIB // 8)
    del block
    assert 56 < peak_rss_mib() - before < 80
    reset_peak_rss()
    assert peak_rss_mib() - before < 32


@pytest.mark.skipif(sys.platform != "linux", reason="held on Linux only")
def test_a_process_that_protects_the_machine_takes_no_more_than_is_free() -> None:
    lines = [
        "from explorer.processes import memory",
        "memory.available_ram_mib = lambda: 200.0",
        "memory.protect_the_machine()",
        "bytearray(100 * 2**20)",
        "print('took 100')",
        "bytearray(250 * 2**20)",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "took 100"
    assert "MemoryError" in result.stderr
