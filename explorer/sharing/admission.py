"""Who of those that wait for memory and a core starts next: small work need not wait for large, and nobody starves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

#: How often later work may start in memory that earlier work waits for.
MAX_OVERTAKEN = 8


class Memory(NamedTuple):
    """What a process may hold and holds, MiB.

    Attributes:
        budget_mib: What it may hold.
        held_mib: What it holds now.
        at_rest_mib: What it holds when nobody uses it: no end of work and no emptied cache gives this back.
    """

    budget_mib: float
    held_mib: float
    at_rest_mib: float

    @property
    def with_empty_caches(self) -> Memory:
        """The same with nothing held that could be given back."""
        return self._replace(held_mib=self.at_rest_mib)

    def can_ever_hold(self, needed_mib: float) -> bool:
        """Whether work fits when nothing else runs and nobody else is there."""
        return self.at_rest_mib + needed_mib <= self.budget_mib


@dataclass(frozen=True)
class Waiting:
    """What a piece of work waits for.

    Attributes:
        before: How many pieces of work come before it.
        for_memory: Whether memory is what is missing; else a free core.
        about_s: How long what runs will still take, if it takes as long as such work did before; None where none did.
    """

    before: int
    for_memory: bool
    about_s: float | None = field(default=None, compare=False)

    def __str__(self) -> str:
        time_left = "" if self.about_s is None else f", about {max(1, round(self.about_s))} s"
        return f"waiting for {'memory' if self.for_memory else 'a free core'}: {self.before} before you{time_left}"


@dataclass(eq=False)
class Ticket:
    """A piece of work.

    Attributes:
        needed_mib: What it may take beside what is held now.
        long: Whether it takes longer than a page should.
        running: Whether it was admitted.
        overtaken: How often later work has started in memory that it waits for.
    """

    needed_mib: float
    long: bool
    running: bool = False
    overtaken: int = 0


class Admission:
    """The work that runs and waits, in the order in which it came; for one thread at a time.

    Work has a place where fewer than `at_once` of its kind run: long work, or other. It starts once it has a place and
    fits into memory. It overtakes earlier work only where that lacks a place, or lacks memory and would fit beside it
    in the end; and where it would not, `MAX_OVERTAKEN` times.

    So nobody starves. Work that `Memory.can_ever_hold` starts after at most 3 (n + `MAX_OVERTAKEN` + 1) times as long
    as the longest work takes, n being how many were there before it: these and those that overtake it run once each,
    and when none of them runs, nothing new overtakes until what else is in its way has ended.

    Args:
        at_once: How many pieces of work run at once, as many long ones and as many others.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._tickets: list[Ticket] = []

    def join(self, needed_mib: float, *, long: bool = False) -> Ticket:
        """Take a place at the end of the queue."""
        ticket = Ticket(needed_mib, long)
        self._tickets.append(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """The work has ended, or does not wait any more."""
        self._tickets.remove(ticket)

    @property
    def running(self) -> list[Ticket]:
        """The work that was admitted and has not ended."""
        return [ticket for ticket in self._tickets if ticket.running]

    def fits(self, ticket: Ticket, memory: Memory) -> bool:
        """Whether there is memory for the work beside all that has begun, which may still take what it needs."""
        return memory.held_mib + _needed(self.running) + ticket.needed_mib <= memory.budget_mib

    def try_to_start(self, ticket: Ticket, memory: Memory) -> Waiting | None:
        """Start the work if it may; else what it waits for."""
        waiting = [other for other in self._before(ticket) if not other.running]
        if not self._has_place(ticket.long):
            same = sum(other.long == ticket.long for other in waiting)
            return Waiting(same + self._count_running(ticket.long), for_memory=False)
        overtaken = [other for other in waiting if self._has_place(other.long)]
        delayed = [other for other in overtaken if not self._go_together(other, ticket, memory)]
        could_start = any(self.fits(other, memory) for other in overtaken)
        if could_start or not self.fits(ticket, memory) or any(map(_waits_no_longer, delayed)):
            return Waiting(len(overtaken) + len(self.running), for_memory=True)
        for other in delayed:
            other.overtaken += 1
        ticket.running = True
        return None

    def _go_together(self, earlier: Ticket, later: Ticket, memory: Memory) -> bool:
        """Whether the earlier work will fit beside the later, and beside what overtook it before.

        What these take counts twice: as what may still be taken, and in the memory that is held by then.
        """
        after = [ticket for ticket in self.running if ticket not in self._before(earlier)]
        others_mib = max(memory.at_rest_mib, memory.held_mib - _needed(self.running))
        return others_mib + earlier.needed_mib + 2 * _needed([*after, later]) <= memory.budget_mib

    def _before(self, ticket: Ticket) -> list[Ticket]:
        return self._tickets[: self._tickets.index(ticket)]

    def _has_place(self, long: bool) -> bool:
        return self._count_running(long) < self._at_once

    def _count_running(self, long: bool) -> int:
        return sum(ticket.long == long for ticket in self.running)


def _needed(tickets: list[Ticket]) -> float:
    return sum(ticket.needed_mib for ticket in tickets)


def _waits_no_longer(ticket: Ticket) -> bool:
    return ticket.overtaken >= MAX_OVERTAKEN
