"""The queue for memory and cores: small work overtakes, large work gets its turn, over random arrivals."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer.sharing.admission import (
    MAX_OVERTAKEN,
    Admission,
    Memory,
    Ticket,
    Waiting,
)

BUDGET_MIB = 1000
AT_REST_MIB = 200


def memory(held_mib: float = AT_REST_MIB) -> Memory:
    return Memory(BUDGET_MIB, held_mib, AT_REST_MIB)


def started(queue: Admission, needed_mib: float, held_mib: float = AT_REST_MIB, *, long: bool = False) -> Ticket:
    """Work that comes and starts at once."""
    ticket = queue.join(needed_mib, long=long)
    assert queue.try_to_start(ticket, memory(held_mib)) is None
    return ticket


def waits(queue: Admission, needed_mib: float, held_mib: float = AT_REST_MIB, *, long: bool = False) -> Ticket:
    """Work that comes and waits."""
    ticket = queue.join(needed_mib, long=long)
    assert queue.try_to_start(ticket, memory(held_mib)) is not None
    return ticket


def test_small_work_overtakes_without_end_what_it_will_fit_beside() -> None:
    queue = Admission(at_once=8)
    started(queue, 500)
    large = waits(queue, 600)  # 200 at rest and 600 leave 200, of which 50 may be taken twice
    for _ in range(3 * MAX_OVERTAKEN):
        queue.leave(started(queue, 50))
    assert large.overtaken == 0


def test_other_work_overtakes_a_few_times_and_then_not_before_the_large_has_run() -> None:
    queue = Admission(at_once=8)
    first = started(queue, 500)
    large = waits(queue, 790)
    for _ in range(MAX_OVERTAKEN):
        queue.leave(started(queue, 50))
    small = waits(queue, 50)
    assert queue.try_to_start(small, memory()) == Waiting(before=2, for_memory=True)
    queue.leave(first)
    assert queue.try_to_start(small, memory()) == Waiting(before=1, for_memory=True), "it is the turn of the large one"
    assert queue.try_to_start(large, memory()) is None
    queue.leave(large)
    assert queue.try_to_start(small, memory()) is None


def test_what_overtook_the_large_is_counted_together() -> None:
    queue = Admission(at_once=8)
    first = started(queue, 500)
    large = waits(queue, 600)
    beside = [started(queue, 50), started(queue, 50)]  # 200 + 600 + 2 * (50 + 50) is the budget
    assert large.overtaken == 0
    started(queue, 50)
    assert large.overtaken == 1
    queue.leave(first)
    assert queue.try_to_start(large, memory(AT_REST_MIB + 100)) is not None
    queue.leave(beside[0])
    assert queue.try_to_start(large, memory(AT_REST_MIB + 100)) is None


def test_nobody_is_overtaken_in_turn_who_could_start() -> None:
    queue = Admission(at_once=8)
    earlier, later = queue.join(100), queue.join(100)
    assert queue.try_to_start(later, memory()) is not None
    assert queue.try_to_start(earlier, memory()) is None
    assert queue.try_to_start(later, memory()) is None


def test_memory_that_grew_elsewhere_counts_beside_the_large() -> None:
    """Sessions hold 100 more than at rest: then 600 and twice 50 don't fit any more."""
    queue = Admission(at_once=8)
    started(queue, 300)
    large = waits(queue, 600, held_mib=AT_REST_MIB + 100 + 300)
    started(queue, 50, held_mib=AT_REST_MIB + 100 + 300)
    assert large.overtaken == 0
    started(queue, 50, held_mib=AT_REST_MIB + 100 + 300)
    assert large.overtaken == 1


def test_what_waits_for_a_core_keeps_no_other_kind_from_starting() -> None:
    queue = Admission(at_once=1)
    started(queue, 10, long=True)
    waiting = waits(queue, 700, long=True)
    for _ in range(3 * MAX_OVERTAKEN):
        queue.leave(started(queue, 300))
    assert waiting.overtaken == 0


@dataclass(frozen=True)
class Arrival:
    """Work as it comes to the simulated server."""

    after_s: int
    needed_mib: int
    takes_s: int
    long: bool
    share_held: float


#: Some need nearly all there is, many little.
NEEDED_MIB = st.one_of(st.integers(1, 100), st.integers(100, BUDGET_MIB - AT_REST_MIB))
ARRIVALS = st.lists(
    st.builds(
        Arrival,
        after_s=st.integers(0, 3),
        needed_mib=NEEDED_MIB,
        takes_s=st.integers(1, 12),
        long=st.booleans(),
        share_held=st.sampled_from([0.0, 0.5, 1.0]),
    ),
    min_size=1,
    max_size=60,
)


class Simulated:
    """A server whose clock goes in seconds: work comes, runs as long as it takes, and holds a share of its need."""

    def __init__(self, at_once: int) -> None:
        self.now_s = 0
        self.queue = Admission(at_once)
        self.came: dict[Ticket, tuple[Arrival, int, int]] = {}  # with when, and behind how many
        self.ends: dict[Ticket, int] = {}
        self.started_s: dict[Ticket, int] = {}

    @property
    def held_mib(self) -> float:
        return AT_REST_MIB + sum(self.came[ticket][0].share_held * ticket.needed_mib for ticket in self.ends)

    def arrive(self, arrival: Arrival) -> None:
        ticket = self.queue.join(arrival.needed_mib, long=arrival.long)
        there = len(self.came) - len(self.started_s) + len(self.ends)
        self.came[ticket] = arrival, self.now_s, there

    def tick(self) -> None:
        """A second passes; then all that wait try to start, the newest first, until none can."""
        self.now_s += 1
        for ticket in [ticket for ticket, end_s in self.ends.items() if end_s <= self.now_s]:
            del self.ends[ticket]
            self.queue.leave(ticket)
        while any(self._start(ticket) for ticket in reversed(self.came) if ticket not in self.started_s):
            pass

    def _start(self, ticket: Ticket) -> bool:
        if self.queue.try_to_start(ticket, memory(self.held_mib)) is not None:
            return False
        self.started_s[ticket] = self.now_s
        self.ends[ticket] = self.now_s + self.came[ticket][0].takes_s
        return True


@given(arrivals=ARRIVALS, at_once=st.integers(1, 4))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_fits_starts_within_the_stated_bound_and_nothing_exceeds_the_budget(
    arrivals: list[Arrival], at_once: int
) -> None:
    server = Simulated(at_once)
    due_s = list(itertools.accumulate(arrival.after_s for arrival in arrivals))
    longest_s = max(arrival.takes_s for arrival in arrivals) + 1  # a tick passes between an end and the next start
    coming = list(zip(due_s, arrivals, strict=True))
    while coming or server.ends or len(server.started_s) < len(server.came):
        while coming and coming[0][0] <= server.now_s:
            server.arrive(coming.pop(0)[1])
        server.tick()
        assert AT_REST_MIB + sum(ticket.needed_mib for ticket in server.ends) <= BUDGET_MIB
        assert all(sum(ticket.long is long for ticket in server.ends) <= at_once for long in (True, False))
        for ticket, (_, came_s, there) in server.came.items():
            waited_s = server.started_s.get(ticket, server.now_s) - came_s
            assert waited_s <= 3 * (there + MAX_OVERTAKEN + 1) * longest_s
            assert ticket.overtaken <= MAX_OVERTAKEN


@given(
    needed_mib=st.lists(st.integers(100, 800), min_size=1, max_size=5),
    other_mib=st.integers(51, 100),
    at_once=st.integers(2, 6),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_stream_of_other_work_without_end_keeps_nobody_waiting(
    needed_mib: list[int], other_mib: int, at_once: int
) -> None:
    """New work comes every second and takes three: without a bound it would fill the memory for ever."""
    server = Simulated(at_once)
    server.arrive(Arrival(0, 700, 5, long=False, share_held=1.0))
    server.tick()
    for needed in needed_mib:
        server.arrive(Arrival(0, needed, 5, long=True, share_held=1.0))
    waiting = list(server.came)
    while not server.started_s.keys() >= set(waiting):
        server.arrive(Arrival(0, other_mib, 3, long=server.now_s % 2 == 0, share_held=1.0))
        server.tick()
        assert server.now_s <= 3 * (len(waiting) + MAX_OVERTAKEN + 1) * 6
