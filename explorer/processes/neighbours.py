"""What else measures or computes on this machine while something is measured: it makes results scatter."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence

import psutil

from explorer.units import counted

#: The processes of this program that keep a processor or card busy, and what each does.
MODULES = {
    "explorer.benchmark.measuring.worker": "benchmark",
    "explorer.ablation.training_worker": "training",
    "explorer.claims.attention_timing": "attention timing",
}
#: What a record says when nobody was seen.
NOTHING = "nothing"
#: The list of processes is read at most this often: it takes some milliseconds of a processor.
_INTERVAL_S = 5.0


class Neighbours:
    """Collects what ran beside a measurement.

    Args:
        own: The measurement's own processes at a moment.
        computing: Heavy computations of the app's visitors at a moment.
    """

    def __init__(self, own: Callable[[], Collection[int]], computing: Callable[[], int]) -> None:
        self._own = own
        self._computing = computing
        self._looked_at = -_INTERVAL_S
        self._seen: dict[int, str] = {}
        self._most_computing = 0

    def look(self) -> None:
        """Look around; call it often."""
        self._most_computing = max(self._most_computing, self._computing())
        if time.monotonic() - self._looked_at >= _INTERVAL_S:
            self._look_through_processes()

    def told(self) -> str:
        """What was seen so far and now: "1 benchmark, 2 trainings, 1 app computation", or "nothing"."""
        self._look_through_processes()
        kinds = list(self._seen.values())
        counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
        counts |= {"app computation": self._most_computing} if self._most_computing else {}
        return ", ".join(counted(count, kind) for kind, count in counts.items()) or NOTHING

    def _look_through_processes(self) -> None:
        self._looked_at = time.monotonic()
        self._seen |= dict(busy_groups(self._own()))


def busy_groups(own: Collection[int]) -> Iterator[tuple[int, str]]:
    """The process groups of this program's busy processes, of all users, but for one's own; with what each does."""
    for process in psutil.process_iter(["cmdline"]):
        kind = _kind_of(process.info["cmdline"] or ())
        if kind is not None:
            try:
                group = os.getpgid(process.pid)
            except OSError:  # it has ended, or the system does not tell
                continue
            if group not in own:
                yield group, kind


def _kind_of(command: Sequence[str]) -> str | None:
    """By "python -m MODULE", which is how they are started."""
    return MODULES.get(command[2]) if len(command) > 2 and command[1] == "-m" else None
