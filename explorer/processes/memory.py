"""Main memory, of this process and of the machine: what is free, held and allowed, within a container's limit."""

from __future__ import annotations

import gc
import os
import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from explorer.units import KIB, MIB

#: Share of the free memory that a measuring process leaves to the rest of the machine.
_RESERVE_SHARE = 0.05
_STATUS = Path("/proc/self/status")
#: Which control groups this process is in, and where the kernel shows them; their limits are unknown to psutil.
_MEMBERSHIPS = Path("/proc/self/cgroup")
_CONTROL_GROUPS = Path(os.sep, "sys", "fs", "cgroup")
#: A group's limit and what it uses, in version 2 and in version 1.
_LIMIT_AND_USE = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))


class _Bound(NamedTuple):
    """What a control group allows, MiB.

    Attributes:
        limit_mib: All its processes together.
        rest_mib: What is left of that, file cache that can be dropped included.
    """

    limit_mib: float
    rest_mib: float


def available_ram_mib() -> float:
    """Memory that can still be used without swapping, within the container's limit, MiB."""
    free_mib = psutil.virtual_memory().available / MIB
    return max(0.0, min([free_mib, *(bound.rest_mib for bound in _bounds())]))


def allowed_ram_mib() -> float:
    """The most that this process and all others of its container may ever hold, MiB: the limit, or the machine's."""
    return min([total_ram_mib(), *(bound.limit_mib for bound in _bounds())])


def total_ram_mib() -> int:
    """The machine's memory, whatever a container leaves of it, MiB."""
    return psutil.virtual_memory().total // MIB


def rss_mib() -> float:
    """What this process has resident now, MiB."""
    return psutil.Process().memory_info().rss / MIB


def peak_rss_mib() -> float:
    """The most memory this process had resident since `reset_peak_rss`, or ever where that is not possible, MiB."""
    # Not getrusage on Linux: it can't be reset, and begins with the peak of the process that this one was forked from.
    if _STATUS.exists() and (peak := re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())):
        return int(peak[1]) * KIB / MIB
    unit = 1 if sys.platform == "darwin" else KIB  # getrusage(2): bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def reset_peak_rss() -> bool:
    """Count the peak from what is resident now; False where the system can't."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM
    except OSError:
        return False
    return True


def return_freed_memory() -> None:
    """Give what was freed back to the system, where the C library would keep it and it would count as held."""
    gc.collect()
    if trim := getattr(psutil, "heap_trim", None):  # not with every C library
        trim()


def protect_the_machine() -> None:
    """Make running out of memory this process's own problem.

    Allocations beyond what is free now fail here with an error, instead of waking the kernel's out-of-memory killer;
    and should it wake all the same, it takes this process first.
    """
    if sys.platform != "linux":
        return
    used_bytes = psutil.Process().memory_info().data  # what RLIMIT_DATA bounds, and the stack
    wanted = used_bytes + int(available_ram_mib() * (1 - _RESERVE_SHARE) * MIB)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return  # a hardened container forbids it; the limit above still holds


def _bounds() -> Iterator[_Bound]:
    """The limits of all control groups that this process is in: each of them holds."""
    for group in _control_groups():
        for limit, use in _LIMIT_AND_USE:
            try:
                limit_bytes, used_bytes = int((group / limit).read_text()), int((group / use).read_text())
                rest_bytes = limit_bytes - used_bytes + _inactive_file_bytes(group)
            except (OSError, ValueError):  # no such file, or the word "max"
                continue
            yield _Bound(limit_bytes / MIB, rest_bytes / MIB)


def _control_groups() -> Iterator[Path]:
    """The folders of this process's groups and of those around them, whichever of these a container shows."""
    memberships = _MEMBERSHIPS.read_text().splitlines() if _MEMBERSHIPS.exists() else []
    for membership in memberships:
        _, controllers, path = membership.split(":", 2)
        if controllers in ("", "memory"):  # cgroups(7): version 2 names none
            top = _CONTROL_GROUPS / controllers
            group = top / path.lstrip("/")
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))


def _inactive_file_bytes(group: Path) -> int:
    found = re.search(r"^inactive_file (\d+)$", (group / "memory.stat").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0
