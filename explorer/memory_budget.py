"""How much memory the app's heavy work may take, all users together: admitted in turn, refused where it never fits.

The process's resident memory is measured, not booked: what models, caches and sessions really hold counts. To it comes
what work that has begun may still take, and what new work needs. Beyond the budget caches are released first, then the
work waits for its turn; what would not fit into an otherwise idle server is refused at once.
"""

from __future__ import annotations

import ctypes
import gc
import math
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import Condition

import psutil

VARIABLE = "HRFORMER_MEMORY_BUDGET"
DEFAULT_MIB = 4096.0

_UNITS_MIB = {"": 2.0**-20, "B": 2.0**-20, "KIB": 2.0**-10, "MIB": 1.0, "GIB": 1024.0, "TIB": 2.0**20}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
#: How often a waiting piece of work is told its place, and memory is measured anew.
_POLL_S = 1.0


class BudgetError(ValueError):
    """Work that does not fit into the budget, however long it waits."""


@dataclass(frozen=True)
class Waiting:
    """What a piece of work waits for.

    Attributes:
        before: How many pieces of work come before it.
        for_memory: Whether memory is what is missing; else a free core.
    """

    before: int
    for_memory: bool

    def __str__(self) -> str:
        return f"waiting for {'memory' if self.for_memory else 'a free core'}: {self.before} before you"


OnWait = Callable[[Waiting], None]


@dataclass(eq=False)
class _Ticket:
    """A piece of work.

    Attributes:
        needed_mib: What it may take beside what is resident now.
        long: Whether it takes longer than a page should.
        running: Whether it was admitted.
    """

    needed_mib: float
    long: bool
    running: bool = False


class MemoryBudget:
    """Admits heavy work, first come first served.

    Long work has places of its own, so that nobody who only wants to look waits behind it.

    Args:
        budget_mib: What the whole process may hold, MiB.
        resident_mib: Measures what it holds, MiB.
        at_once: How many pieces of work run at once, as many long ones and as many others.
    """

    def __init__(
        self, budget_mib: float, *, resident_mib: Callable[[], float] | None = None, at_once: int | None = None
    ) -> None:
        self.budget_mib = budget_mib
        self._resident_mib = resident_mib or process_mib
        self._at_once = at_once or os.cpu_count() or 1
        self._tickets: list[_Ticket] = []
        self._changed = Condition()
        self._releases: list[Callable[[], None]] = []

    def release_with(self, release: Callable[[], None]) -> None:
        """Call `release()`, which empties a cache, when memory runs short."""
        self._releases.append(release)

    @property
    def at_work(self) -> int:
        """How many pieces of work run now."""
        with self._changed:
            return sum(ticket.running for ticket in self._tickets)

    @contextmanager
    def admitted(self, needed_mib: float, *, long: bool = False, on_wait: OnWait | None = None) -> Iterator[None]:
        """Run the body when its turn has come and there is room for it.

        Args:
            needed_mib: The most that the body takes, MiB.
            long: Whether it takes longer than a page should.
            on_wait: Told again and again what is waited for; what it raises ends the waiting.

        Raises:
            BudgetError: If the work does not fit even when nothing else is running.
        """
        ticket = _Ticket(needed_mib, long)
        with self._changed:
            self._tickets.append(ticket)
        try:
            self._wait_for_turn(ticket, on_wait)
            yield
        finally:
            with self._changed:
                self._tickets.remove(ticket)
                self._changed.notify_all()

    def _wait_for_turn(self, ticket: _Ticket, on_wait: OnWait | None) -> None:
        released = False
        told_at, told = -math.inf, None
        while True:
            with self._changed:
                waiting = self._try_to_start(ticket)
                if waiting is None:
                    return
                held_up = waiting.for_memory and waiting.before == 0
            if held_up and not released:
                released = True
                self._release()
                continue
            if held_up:
                self._refuse_if_alone(ticket)
            # Each wake-up would be a message to a browser, and all that wait wake up together.
            if on_wait is not None and (waiting != told or time.monotonic() - told_at >= _POLL_S):
                on_wait(waiting)  # outside the lock: it may raise, and draws on a page
                told_at, told = time.monotonic(), waiting
            with self._changed:
                self._changed.wait(_POLL_S)

    def _try_to_start(self, ticket: _Ticket) -> Waiting | None:
        """Start the work if it may; else what it waits for. The lock is held.

        Nobody overtakes work that waits for memory: it would never find room among many small ones.
        """
        ahead = self._tickets[: self._tickets.index(ticket)]
        waiting = [other for other in ahead if not other.running]
        if not self._has_place(ticket.long):
            same = sum(other.long == ticket.long for other in waiting)
            return Waiting(same + self._running(ticket.long), for_memory=False)
        starved = [other for other in waiting if self._has_place(other.long)]
        if starved or not self._fits(ticket):
            return Waiting(len(starved) + sum(other.running for other in self._tickets), for_memory=True)
        ticket.running = True
        self._changed.notify_all()
        return None

    def _running(self, long: bool) -> int:
        return sum(other.running for other in self._tickets if other.long == long)

    def _has_place(self, long: bool) -> bool:
        return self._running(long) < self._at_once

    def _fits(self, ticket: _Ticket) -> bool:
        reserved = sum(other.needed_mib for other in self._tickets if other.running)
        return self._resident_mib() + reserved + ticket.needed_mib <= self.budget_mib

    def _refuse_if_alone(self, ticket: _Ticket) -> None:
        """Refuse work for which nothing will make room any more: all caches are empty and nothing else is running."""
        with self._changed:
            if any(other.running for other in self._tickets) or self._fits(ticket):
                return
        held_mib = self._resident_mib()
        raise BudgetError(
            f"This needs about {_size(ticket.needed_mib)} and the server, which already holds {_size(held_mib)}, may "
            f"take {_size(self.budget_mib)}: use fewer channels or blocks, smaller windows or a smaller image, or "
            f"start it with {VARIABLE}={-(-(held_mib + ticket.needed_mib) * 1.1 // 1024):.0f}GiB."
        )

    def _release(self) -> None:
        for release in self._releases:
            release()
        gc.collect()
        give_back()


def process_mib() -> float:
    """What this process holds in memory, MiB."""
    return float(psutil.Process().memory_info().rss / 2**20)


def give_back() -> None:
    """Give freed memory back to the system: glibc keeps some of it, which would count as held."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def parse_size(text: str) -> float:
    """MiB from a size such as 4GiB, 512MiB or a number of bytes.

    Raises:
        ValueError: If the text is no such size, or below one MiB.
    """
    found = _SIZE.fullmatch(text)
    unit = found[2].upper() if found else ""
    mib = float(found[1]) * _UNITS_MIB[unit] if found and unit in _UNITS_MIB else 0.0
    if mib < 1:
        raise ValueError(f"{VARIABLE} is {text!r}, which is no size of memory: use one such as 4GiB, 512MiB or bytes.")
    return mib


@lru_cache(maxsize=1)
def memory_budget() -> MemoryBudget:
    """The one of this process.

    Raises:
        ValueError: If the environment variable HRFORMER_MEMORY_BUDGET is no size.
    """
    text = os.environ.get(VARIABLE)
    return MemoryBudget(parse_size(text) if text else DEFAULT_MIB)


def _size(mib: float) -> str:
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"
