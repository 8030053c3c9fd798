"""How much memory the app's heavy work may take, all users together: admitted in turn, refused where it never fits.

The process's resident memory is measured, not booked: what models, caches and sessions really hold counts. To it comes
what work that has begun may still take, and what new work needs. What could not fit into an otherwise idle server is
refused before it waits. Beyond the budget caches are released first, then the work waits for its turn
(`explorer.sharing.admission`).
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from threading import Condition, Lock

from explorer.processes.memory import allowed_ram_mib, return_freed_memory, rss_mib
from explorer.sharing.admission import Admission, Memory, Ticket, Waiting
from explorer.units import MIB, bytes_of, mebibytes

VARIABLE = "HRFORMER_MEMORY_BUDGET"
DEFAULT_MIB = 4096.0

#: Share of the container's or the machine's memory that the app may hold; processes that read uploads need some, too.
_SHARE_OF_ALLOWED = 0.8
#: How often a waiting piece of work is told its place at most, and memory is measured again at least.
_POLL_S = 1.0


class BudgetError(ValueError):
    """Work that does not fit into the budget, or a budget that is no size."""


OnWait = Callable[[Waiting], None]


class MemoryBudget:
    """Admits heavy work: in turn, except that small work may overtake what waits for memory (`Admission`).

    Long work has places of its own, so that nobody who only wants to look waits behind it.

    Args:
        budget_mib: What the whole process may hold, MiB.
        most_mib: The largest budget that this server could be given, MiB.
        resident_mib: Measures what it holds, MiB.
        at_once: How many pieces of work run at once, as many long ones and as many others.
    """

    def __init__(
        self,
        budget_mib: float,
        *,
        most_mib: float = math.inf,
        resident_mib: Callable[[], float] = rss_mib,
        at_once: int | None = None,
    ) -> None:
        self.budget_mib = budget_mib
        self._most_mib = most_mib
        self._resident_mib = resident_mib
        self._at_rest_mib = self._resident_mib()
        self._admission = Admission(at_once or os.cpu_count() or 1)
        self._times = _Times()
        self._changed = Condition()
        self._releases: list[Callable[[], None]] = []
        self._releasing = Lock()
        #: Numbers what happens: work that comes and work that ends, after which caches may be full again.
        self._events = self._last_end = self._last_release = 0
        self._was_released = False

    def release_with(self, release: Callable[[], None]) -> None:
        """Call `release()`, which empties a cache, when memory runs short."""
        self._releases.append(release)

    @property
    def at_work(self) -> int:
        """How many pieces of work run now."""
        with self._changed:
            return len(self._admission.running)

    @contextmanager
    def admitted(self, needed_mib: float, *, long: bool = False, on_wait: OnWait | None = None) -> Iterator[None]:
        """Run the body when its turn has come and there is room for it.

        Args:
            needed_mib: The most that the body takes, MiB.
            long: Whether it takes longer than a page should.
            on_wait: Told again and again what is waited for; what it raises ends the waiting.

        Raises:
            BudgetError: If the work could never fit, before anything waits for it; or if it does not fit while
                nothing else is running, because of what the visitors keep.
        """
        self.refuse_impossible(needed_mib)
        with self._changed:
            ticket = self._admission.join(needed_mib, long=long)
            self._events += 1
            came = self._events
        try:
            self._wait_for_turn(ticket, came, on_wait)
            yield
        finally:
            with self._changed:
                self._leave(ticket)

    def release(self) -> None:
        """Empty all caches and give their memory back to the system."""
        for release in self._releases:
            release()
        return_freed_memory()
        self._was_released = True

    def rest(self) -> None:
        """Release everything while nobody is there: what is held then is what the server itself takes."""
        self.release()
        with self._changed:
            if not self._admission.running:
                self._at_rest_mib = self._resident_mib()

    def _wait_for_turn(self, ticket: Ticket, came: int, on_wait: OnWait | None) -> None:
        told_at = -math.inf
        while True:
            with self._changed:
                waiting = self._admission.try_to_start(ticket, self._memory())
                if waiting is None:
                    self._times.begin(ticket)
                    self._changed.notify_all()
                    return
                waiting = replace(waiting, about_s=self._times.left_s(self._admission.running))
            if waiting.for_memory and self._make_room(ticket, came):
                continue
            # All that wait wake up together, and being told is a message to a browser.
            if on_wait is not None and time.monotonic() - told_at >= _POLL_S:
                on_wait(waiting)  # outside the lock: it may raise, and draws on a page
                told_at = time.monotonic()
            with self._changed:
                self._changed.wait(_POLL_S)

    def _leave(self, ticket: Ticket) -> None:
        self._admission.leave(ticket)
        if ticket.running:
            self._times.end(ticket)
            self._events += 1
            self._last_end = self._events
        self._changed.notify_all()

    def _make_room(self, ticket: Ticket, came: int) -> bool:
        """Release the caches where that may be enough for work that waits for memory.

        Args:
            ticket: The work.
            came: The number of its coming.

        Returns:
            Whether they were released.

        Raises:
            BudgetError: If nothing is running, and the work doesn't fit even so.
        """
        with self._releasing:  # one at a time: who comes next finds what the first one left
            with self._changed:
                memory, is_alone = self._memory(), not self._admission.running
                if self._admission.fits(ticket, memory):
                    return False
                if self._last_release >= max(came, self._last_end):
                    if is_alone:
                        raise BudgetError(_does_not_fit_now(ticket.needed_mib, memory, self._most_mib))
                    return False
                if not is_alone and not self._admission.fits(ticket, memory.with_empty_caches):
                    return False
                number = self._events
            self.release()
            self._last_release = number
        return True

    def _memory(self) -> Memory:
        """What is held now. What is held at rest is never more than that."""
        held_mib = self._resident_mib()
        self._at_rest_mib = min(self._at_rest_mib, held_mib)
        return Memory(self.budget_mib, held_mib, self._at_rest_mib)

    def refuse_impossible(self, needed_mib: float) -> None:
        """Refuse what not even a server without users could hold, however many work or wait.

        Raises:
            BudgetError: If it is that much.
        """
        with self._changed:
            memory = self._memory()
        if needed_mib <= self.budget_mib and not memory.can_ever_hold(needed_mib) and not self._was_released:
            self.release()  # what was held at the start may have been caches
            with self._changed:
                memory = self._memory()
        if not memory.can_ever_hold(needed_mib):
            raise BudgetError(_never_fits(needed_mib, memory, self._most_mib))


class _Times:
    """How long work takes, of each kind."""

    def __init__(self) -> None:
        self._begun: dict[Ticket, float] = {}
        self._usual_s: dict[bool, float] = {}

    def begin(self, ticket: Ticket) -> None:
        self._begun[ticket] = time.monotonic()

    def end(self, ticket: Ticket) -> None:
        took_s = time.monotonic() - self._begun.pop(ticket)
        self._usual_s[ticket.long] = (self._usual_s.get(ticket.long, took_s) + took_s) / 2  # the newest counts most

    def left_s(self, running: list[Ticket]) -> float | None:
        """Until all have ended, if they take as long as is usual; None where nobody can know."""
        now = time.monotonic()
        left = [self._usual_s.get(ticket.long, 0.0) - (now - self._begun[ticket]) for ticket in running]
        return max(left) if left and min(left) > 0 else None


@lru_cache(maxsize=1)
def memory_budget() -> MemoryBudget:
    """The one of this process: what the environment asks for, as far as a container or the machine allows it.

    Raises:
        BudgetError: If the environment variable HRFORMER_MEMORY_BUDGET is no size.
    """
    text = os.environ.get(VARIABLE)
    most_mib = _SHARE_OF_ALLOWED * allowed_ram_mib()
    return MemoryBudget(min(_budget_mib(text) if text else DEFAULT_MIB, most_mib), most_mib=most_mib)


def _budget_mib(text: str) -> float:
    """MiB from what the environment asks for, at least one.

    Raises:
        BudgetError: If it is less or no size.
    """
    mib = (bytes_of(text) or 0.0) / MIB
    if mib < 1:
        raise BudgetError(f"{VARIABLE} is {text!r}, which is no size of memory: use one such as 4GiB, 512MiB or bytes.")
    return mib


def _never_fits(needed_mib: float, memory: Memory, most_mib: float) -> str:
    return (
        f"This needs about {mebibytes(needed_mib)} and will never fit: the server, which itself holds "
        f"{mebibytes(memory.at_rest_mib)}, may take {mebibytes(memory.budget_mib)}: "
        f"{_ways_out(needed_mib, memory, most_mib)}."
    )


def _does_not_fit_now(needed_mib: float, memory: Memory, most_mib: float) -> str:
    kept_mib = memory.held_mib - memory.at_rest_mib
    return (
        f"This needs about {mebibytes(needed_mib)} and does not fit now: of the {mebibytes(memory.budget_mib)} that "
        f"the server may take, it itself holds {mebibytes(memory.at_rest_mib)}, and its visitors {mebibytes(kept_mib)} "
        "in uploads and results that they keep. These come back within 30 s of their leaving: try again then, or "
        f"{_ways_out(needed_mib, memory, most_mib)}."
    )


def _ways_out(needed_mib: float, memory: Memory, most_mib: float) -> str:
    enough_gib = math.ceil((memory.held_mib + needed_mib) * 1.1 / 1024)
    smaller = "use fewer channels or blocks, smaller windows or a smaller image, or start it"
    if enough_gib * 1024 <= most_mib:
        return f"{smaller} with {VARIABLE}={enough_gib}GiB"
    return f"{smaller} where it may take {enough_gib} GiB: its container or machine allows it {mebibytes(most_mib)}"
