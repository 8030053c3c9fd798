"""How busy the machine is with other work: what makes results scatter, looked at before measuring."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from explorer.records.figures import Figures

#: Readings of which the median counts: threads that run for a moment are no load.
_READINGS = 5
_PAUSE_S = 0.01
#: From this share of the cores on, other work gets in the way of a measurement, which wants them all.
_BUSY_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class MachineLoad:
    """Work beside the thread that looked.

    Attributes:
        runnable_threads: Threads that run or wait for a core; None where the system does not count them.
        load_average_1min: The system's load average over one minute; None where it has none.
        cores: Logical cores of the machine.
    """

    runnable_threads: int | None
    load_average_1min: float | None
    cores: int

    @classmethod
    def now(cls) -> MachineLoad:
        """Look at this machine; takes 0.04 s."""
        return cls(
            runnable_threads=_runnable_threads(), load_average_1min=_load_average_1min(), cores=os.cpu_count() or 1
        )

    @property
    def is_busy(self) -> bool | None:
        """Whether results will scatter; None where nobody knows."""
        known = self.load_average_1min if self.runnable_threads is None else self.runnable_threads
        return None if known is None else known > _BUSY_SHARE * self.cores

    @property
    def sentence(self) -> str:
        """Both in words."""
        if self.is_busy is None:
            return "This system does not tell how busy it is: close what else computes, or results will scatter."
        state = "busy" if self.is_busy else "quiet"
        return f"This machine is {state}: {self._amount}{'; results will scatter' if self.is_busy else ''}."

    def figures(self) -> Figures:
        """As a record keeps it."""
        known = Figures.of("runnable_threads", self.runnable_threads, "this system does not count them")
        return known | Figures.of("load_average_1min", self.load_average_1min, "this system has no load average")

    @property
    def _amount(self) -> str:
        on_cores = f"on {self.cores} core{'s' if self.cores > 1 else ''}"
        if self.runnable_threads is None:
            return f"a load average of {self.load_average_1min:.1f} over the last minute {on_cores}"
        threads = "thread" if self.runnable_threads == 1 else "threads"
        return f"{self.runnable_threads} runnable {threads} {on_cores}"


def _runnable_threads() -> int | None:
    readings = []
    for _ in range(_READINGS):
        reading = _kernel_count()
        if reading is None:
            return None
        readings.append(reading)
        time.sleep(_PAUSE_S)
    return int(statistics.median(readings))


def _kernel_count() -> int | None:
    """From Linux's /proc/loadavg, such as "0.20 0.18 0.12 3/80 11206": the 3, without the thread that reads."""
    try:
        running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    except (OSError, IndexError, ValueError):
        return None
    # A kernel that counts at all counts the reader; some sandboxes write zeros.
    return running - 1 if running > 0 else None


def _load_average_1min() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # not on Windows
        return None
