"""Admission against the memory budget: who starts when, who is refused, what is released, and what users are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from explorer.sharing import memory_budget as memory_budget_module
from explorer.sharing.admission import Waiting
from explorer.sharing.memory_budget import (
    BudgetError,
    MemoryBudget,
    memory_budget,
)

#: The process's budget, from what the environment asks for and what the container allows, MiB.
OwnBudget = Callable[[str | None, float], MemoryBudget]
TIMEOUT_S = 20


def test_what_runs_now_is_counted() -> None:
    budget = MemoryBudget(1000.0, resident_mib=lambda: 0.0, at_once=1)
    assert budget.at_work == 0
    first = Worker(budget, 1.0)
    assert first.started.wait(TIMEOUT_S)
    second = Worker(budget, 1.0)  # has to wait
    assert second.told.wait(TIMEOUT_S)
    assert budget.at_work == 1
    for worker in (first, second):
        worker.let_go()
    assert budget.at_work == 0


class Worker:
    """Work in a thread of its own, that goes on until it is let go."""

    def __init__(self, budget: MemoryBudget, needed_mib: float, *, long: bool = False) -> None:
        self.started, self.told = threading.Event(), threading.Event()
        self.waiting: Waiting | None = None
        self._go = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self.outcome: Future[None] = self._pool.submit(self._work, budget, needed_mib, long)

    def let_go(self) -> None:
        self._go.set()
        self.outcome.result(TIMEOUT_S)

    def _work(self, budget: MemoryBudget, needed_mib: float, long: bool) -> None:
        with budget.admitted(needed_mib, long=long, on_wait=self._wait):
            self.started.set()
            assert self._go.wait(TIMEOUT_S)

    def _wait(self, waiting: Waiting) -> None:
        self.waiting = waiting
        self.told.set()


def budget_of(mib: float, held: Callable[[], float] = lambda: 100.0, at_once: int = 8) -> MemoryBudget:
    return MemoryBudget(mib, resident_mib=held, at_once=at_once)


@pytest.fixture
def own_budget(monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnBudget]:
    def budget(asked: str | None, allowed_mib: float) -> MemoryBudget:
        memory_budget.cache_clear()
        monkeypatch.setattr(memory_budget_module, "allowed_ram_mib", lambda: allowed_mib)
        if asked is None:
            monkeypatch.delenv("HRFORMER_MEMORY_BUDGET", raising=False)
        else:
            monkeypatch.setenv("HRFORMER_MEMORY_BUDGET", asked)
        return memory_budget()

    yield budget
    memory_budget.cache_clear()


@pytest.mark.parametrize("text", ["many", "-4GiB", "0", "1000"])
def test_what_is_no_size_is_named_with_what_would_be(text: str, own_budget: OwnBudget) -> None:
    with pytest.raises(ValueError, match=r"HRFORMER_MEMORY_BUDGET is .*: use one such as 4GiB, 512MiB or bytes\.$"):
        own_budget(text, 10_000)


@pytest.mark.parametrize(
    ("asked", "allowed_mib", "budget_mib"),
    [
        (None, 100_000, 4096),
        ("", 100_000, 4096),
        ("3GiB", 100_000, 3072),
        (None, 2000, 1600),
        ("3GiB", 2000, 1600),
        ("1GiB", 2000, 1024),
    ],
)
def test_the_budget_is_what_the_environment_asks_for_and_the_container_allows(
    asked: str | None, allowed_mib: float, budget_mib: float, own_budget: OwnBudget
) -> None:
    assert own_budget(asked, allowed_mib).budget_mib == pytest.approx(budget_mib)


def test_a_refusal_advises_no_budget_that_the_container_does_not_allow() -> None:
    def refused(most_mib: float) -> str:
        with pytest.raises(BudgetError) as refusal:
            MemoryBudget(1000, most_mib=most_mib, resident_mib=lambda: 100.0).refuse_impossible(3000)
        return str(refusal.value)

    assert refused(4096).endswith("or start it with HRFORMER_MEMORY_BUDGET=4GiB.")
    assert refused(1600).endswith("or start it where it may take 4 GiB: its container or machine allows it 1.56 GiB.")


def test_work_that_fits_does_not_wait() -> None:
    budget = budget_of(300)
    with budget.admitted(100, on_wait=pytest.fail), budget.admitted(100, on_wait=pytest.fail):
        pass


def test_beyond_the_budget_work_waits_until_there_is_room() -> None:
    budget = budget_of(300)  # 100 are held
    first, second = Worker(budget, 150), Worker(budget, 60)
    assert first.started.wait(TIMEOUT_S)
    assert second.told.wait(TIMEOUT_S)
    assert str(second.waiting) == "waiting for memory: 1 before you"
    with budget.admitted(10, on_wait=pytest.fail):
        assert not second.started.is_set()
    third = Worker(budget, 80)
    assert third.told.wait(TIMEOUT_S)
    assert str(third.waiting).partition(", about ")[0] == "waiting for memory: 2 before you"
    first.let_go()
    assert second.started.wait(TIMEOUT_S)
    assert third.started.wait(TIMEOUT_S)
    second.let_go()
    third.let_go()


def test_caches_are_released_before_anyone_waits() -> None:
    held = [280.0]
    budget = budget_of(300, lambda: held[0])
    budget.release_with(lambda: held.__setitem__(0, 100.0))
    with budget.admitted(100, on_wait=pytest.fail):
        assert held == [100.0]


def test_what_can_never_fit_is_refused_with_what_would() -> None:
    budget = budget_of(1000, lambda: 600.0)
    with (
        pytest.raises(BudgetError, match=r"needs about 500 MiB .* holds 600 MiB, .* 1,000 MiB: .*_BUDGET=2GiB\.$"),
        budget.admitted(500),
    ):
        pass
    with budget.admitted(300):
        pass


@pytest.mark.parametrize("needed_mib", [401, 1001, 1e9])
def test_what_can_never_fit_is_refused_at_once_while_others_run_and_keeps_nobody_waiting(needed_mib: float) -> None:
    """Of 1,000 MiB 600 are held for ever: 401 fit as little as a million times as much."""
    budget = budget_of(1000, lambda: 600.0)
    running = Worker(budget, 100)
    assert running.started.wait(TIMEOUT_S)
    large = Worker(budget, 350)
    assert large.told.wait(TIMEOUT_S)
    with pytest.raises(BudgetError, match="will never fit"), budget.admitted(needed_mib, on_wait=pytest.fail):
        pass
    with budget.admitted(10, on_wait=pytest.fail):
        assert not large.started.is_set()
    running.let_go()
    assert large.started.wait(TIMEOUT_S)
    large.let_go()
    with budget.admitted(400, on_wait=pytest.fail):
        pass


def test_caches_that_were_full_at_the_start_refuse_nobody() -> None:
    held = [700.0]
    budget = budget_of(1000, lambda: held[0])
    budget.release_with(lambda: held.__setitem__(0, 100.0))
    with budget.admitted(850, on_wait=pytest.fail):
        pass


def test_a_refusal_says_what_visitors_keep_and_that_it_comes_back() -> None:
    held = [400.0]
    budget = budget_of(2000, lambda: held[0])
    held[0] = 1950.0
    sentence = (
        r"about 57 MiB and does not fit now: of the 1.95 GiB .* holds 400 MiB, .* visitors 1.51 GiB .* within 30 s"
    )
    with pytest.raises(BudgetError, match=sentence), budget.admitted(57):
        pass
    held[0] = 400.0
    with budget.admitted(57, on_wait=pytest.fail):
        pass


def test_caches_give_way_while_others_run_if_that_is_enough() -> None:
    """A neighbour of releasing when alone: 100 at rest, 500 of caches, and work that may take 200 of 1,000."""
    held = [100.0]
    budget = budget_of(1000, lambda: held[0])
    budget.release_with(lambda: held.__setitem__(0, 100.0))
    first = Worker(budget, 200)
    assert first.started.wait(TIMEOUT_S)
    held[0] = 600.0
    with budget.admitted(400, on_wait=pytest.fail):
        assert held == [100.0]
    first.let_go()


def test_caches_stay_while_emptying_them_would_not_be_enough() -> None:
    held, releases = [100.0], []
    budget = budget_of(1000, lambda: held[0])
    budget.release_with(lambda: releases.append(1))
    first = Worker(budget, 600)
    assert first.started.wait(TIMEOUT_S)
    second = Worker(budget, 400)
    assert second.told.wait(TIMEOUT_S)
    assert releases == []
    first.let_go()
    assert second.started.wait(TIMEOUT_S)
    second.let_go()


def test_caches_that_fill_again_give_way_again() -> None:
    held = [100.0]
    budget = budget_of(1000, lambda: held[0])
    budget.release_with(lambda: held.__setitem__(0, 100.0))
    for _ in range(3):
        held[0] = 900.0
        with budget.admitted(500, on_wait=pytest.fail):
            assert held == [100.0]


def test_what_is_held_at_rest_is_measured_anew_when_nobody_is_there() -> None:
    """Libraries that were loaded since count: 700 of 1,000 do not fit beside 400."""
    held = [100.0]
    budget = budget_of(1000, lambda: held[0])
    held[0] = 400.0
    budget.rest()
    running = Worker(budget, 10)
    assert running.started.wait(TIMEOUT_S)
    with pytest.raises(BudgetError, match="itself holds 400 MiB"), budget.admitted(700, on_wait=pytest.fail):
        pass
    running.let_go()


def test_who_waits_is_told_how_long_such_work_took_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("explorer.sharing.memory_budget.time.monotonic", lambda: clock[0])
    budget = budget_of(1000)
    with budget.admitted(800):
        clock[0] += 40
    first = Worker(budget, 800)
    assert first.started.wait(TIMEOUT_S)
    clock[0] += 10
    second = Worker(budget, 800)
    assert second.told.wait(TIMEOUT_S)
    assert str(second.waiting) == "waiting for memory: 1 before you, about 30 s"
    first.let_go()
    assert second.started.wait(TIMEOUT_S)
    second.let_go()


def test_work_is_not_refused_while_other_work_may_still_make_room() -> None:
    held = [100.0]
    budget = budget_of(1000, lambda: held[0])
    first = Worker(budget, 600)
    assert first.started.wait(TIMEOUT_S)
    held[0] = 700.0  # what the first needed and has taken by now
    second = Worker(budget, 800)
    assert second.told.wait(TIMEOUT_S)
    assert not second.outcome.done()
    held[0] = 100.0
    first.let_go()
    assert second.started.wait(TIMEOUT_S)
    second.let_go()


def test_long_work_does_not_keep_anyone_from_looking() -> None:
    budget = budget_of(1000, at_once=1)
    first, second = Worker(budget, 10, long=True), Worker(budget, 10, long=True)
    assert first.started.wait(TIMEOUT_S)
    assert second.told.wait(TIMEOUT_S)
    assert str(second.waiting) == "waiting for a free core: 1 before you"
    with budget.admitted(10, on_wait=pytest.fail):
        assert not second.started.is_set()
    first.let_go()
    second.let_go()


def test_leaving_the_queue_lets_those_behind_move_up() -> None:
    class LeftError(Exception):
        pass

    def leave(_: Waiting) -> None:
        raise LeftError

    budget = budget_of(300)
    first = Worker(budget, 150)
    assert first.started.wait(TIMEOUT_S)
    with pytest.raises(LeftError), budget.admitted(150, on_wait=leave):
        pass
    with budget.admitted(40, on_wait=pytest.fail):
        pass
    first.let_go()


def test_failed_work_gives_its_place_back() -> None:
    budget = budget_of(300, at_once=1)
    for _ in range(3):
        with pytest.raises(RuntimeError), budget.admitted(150):
            raise RuntimeError
    with budget.admitted(200, on_wait=pytest.fail):
        pass


def test_fifty_at_once_never_take_more_than_the_budget() -> None:
    lock, taken, most = threading.Lock(), [0.0], [0.0]
    budget = budget_of(100, lambda: 0.0)

    def work(number: int) -> None:
        needed = 10.0 + number % 40
        with budget.admitted(needed, long=number % 2 == 0):
            with lock:
                taken[0] += needed
                most[0] = max(most[0], taken[0])
            threading.Event().wait(0.002)
            with lock:
                taken[0] -= needed

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(work, range(50), timeout=60))
    assert most[0] <= 100
    assert taken == [0.0]
