"""Main memory of this process and of the machine, from Linux's /proc where it exists."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

MIB = 2**20
_KIB_PER_MIB = 2**10
#: Share of the free memory that a measuring process leaves to the rest of the machine.
_RESERVE_SHARE = 0.05


def available_ram_mib() -> float | None:
    """Memory that can still be used without swapping, within the container's limit, MiB; None off Linux."""
    free = _kib_field("/proc/meminfo", "MemAvailable")
    bounds = [bound for bound in (free, _container_rest_mib()) if bound is not None]
    return min(bounds) if bounds else None


def reset_peak_rss() -> bool:
    """Let the peak start anew from what is resident now; False where the system has no such thing."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM
    except OSError:
        return False
    return True


def return_freed_memory() -> None:
    """Give what was freed back to the system, where the C library keeps it for later (glibc)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def rss_mib() -> float:
    """What this process has resident now, MiB."""
    return psutil.Process().memory_info().rss / MIB


def peak_rss_mib() -> float:
    """The most memory this process had resident since `reset_peak_rss`, or ever where that is not possible, MiB."""
    peak = _kib_field("/proc/self/status", "VmHWM")
    if peak is not None:
        return peak
    unit = 1 if sys.platform == "darwin" else _KIB_PER_MIB  # getrusage(2): bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def protect_the_machine() -> None:
    """Make running out of memory this process's own problem.

    Allocations beyond what is free now fail here with an error, instead of waking the kernel's out-of-memory killer;
    and should it wake all the same, it takes this process first.
    """
    free, used = available_ram_mib(), _kib_field("/proc/self/status", "VmData")
    if free is None or used is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int((used + free * (1 - _RESERVE_SHARE)) * MIB)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return  # a hardened container forbids it; the limit above still holds


def _container_rest_mib() -> float | None:
    """What the control group of a container leaves, its droppable file cache counted as free; None without a limit."""
    for limit, used in _control_group_files():
        try:
            return (int(limit.read_text()) - int(used.read_text()) + _inactive_file_bytes(used.parent)) / MIB
        except (OSError, ValueError):  # no such file, or the word "max"
            continue
    return None


def _control_group_files() -> Iterator[tuple[Path, Path]]:
    root = Path(os.sep, "sys", "fs", "cgroup")
    yield root / "memory.max", root / "memory.current"
    yield root / "memory" / "memory.limit_in_bytes", root / "memory" / "memory.usage_in_bytes"


def _inactive_file_bytes(group: Path) -> int:
    for line in (group / "memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0


def _kib_field(path: str, name: str) -> float | None:
    """A line such as "VmHWM:   1696 kB" of a /proc file, in MiB."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / _KIB_PER_MIB
    return None
