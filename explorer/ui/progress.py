"""Work that takes longer than a glance: in a thread of its own, with progress, time left, Stop, and a kept result."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, nullcontext
from threading import Thread
from typing import Any, TypeVar, cast

import streamlit as st

from explorer.processes.queued_work import OwnedWork
from explorer.sharing.admission import Waiting
from explorer.sharing.memory_budget import BudgetError, memory_budget
from explorer.ui.presence import Visit, arrive
from explorer.units import duration

OnProgress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]
Amount = Callable[[int, int], str]
"""What is done, and all there is to do, in words; empty where there is nothing to tell."""
Result = TypeVar("Result")
Work = Callable[[OnProgress, ShouldStop], Result]
Slot = tuple[str, Hashable]

#: Work that ends within this time shows its result at once, without a bar that only flickers.
GLANCE_S = 0.9
#: From here on the time that is left is told.
TELL_TIME_LEFT_S = 3.0
#: Results that a session keeps; the oldest go first.
MAX_KEPT = 32
#: What they may hold together.
MAX_KEPT_MIB = 48.0
#: What work takes that goes without a network.
MODEST_MIB = 64.0
_POLL_S = 0.4
_WORKS = "running_work"
_KEPT = "kept_results"
_PAUSED = "paused_work"


class _NotWantedError(Exception):
    """Work that was stopped, or whose visitor has left, before its turn came."""


def _counted(done: int, total: int) -> str:
    return f"{done} of {total}" if total else ""


class SessionWork(OwnedWork):
    """One piece of work in a thread of its own; nobody but its session sees it.

    Args:
        key: Tells the work from other work of the same name.
        work: Called with `on_progress(done, total)`, which it calls, and `should_stop()`, which it asks.
        needed_mib: The most memory that the work takes, MiB; None where it needs no room in the memory budget.
        visit: Whose work it is; it ends with the visit, after which nobody could see the result.

    Attributes:
        waiting: What the work waits for before it can begin; None once it has.
        outcome: What came of it.
        announced: Whether the page was told that it is over.
    """

    def __init__(self, key: Hashable, work: Work[Any], needed_mib: float | None, visit: Visit) -> None:
        super().__init__("this session")
        self.key = key
        self.waiting: Waiting | None = None
        self.done, self.total = 0, 0
        self._needed_mib = needed_mib
        self._visit = visit
        self.outcome: Future[Any] = Future()
        self.announced = False
        # A daemon, so that a server that is shut down does not wait for it.
        Thread(target=self._run, args=(work,), daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether there is nothing to wait for: the work has ended, or was asked to."""
        return self.outcome.done() or self.was_stopped

    @property
    def share_done(self) -> float:
        """How much of the work is done, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds that are left at the pace so far; None while there is none."""
        return self.elapsed_s * (1 / self.share_done - 1) if self.share_done else None

    def _run(self, work: Work[Any]) -> None:
        try:
            with self._admitted():
                self.waiting = None
                self._begin()
                result = work(self._report, self._is_unwanted)
        except Exception as error:  # noqa: BLE001 - handed over to the page, which raises it
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(result)
        self._end()

    def _admitted(self) -> AbstractContextManager[None]:
        if self._needed_mib is None:
            return nullcontext()
        return memory_budget().admitted(self._needed_mib, long=True, on_wait=self._wait_turn)

    def _stop(self) -> None:
        """The work ends when it asks the next time."""

    def _wait_turn(self, waiting: Waiting) -> None:
        self.waiting = waiting
        if self._is_unwanted():
            raise _NotWantedError

    def _is_unwanted(self) -> bool:
        return self.was_stopped or self._visit.has_ended

    def _report(self, done: int, total: int) -> None:
        self.done, self.total = done, total


def with_progress(
    name: str,
    key: Hashable,
    label: str,
    work: Work[Result],
    *,
    needed_mib: float | None = MODEST_MIB,
    note: Callable[[], str | None] = lambda: None,
    amount: Amount = _counted,
    again: str = "Compute",
) -> Result | None:
    """The result of long work, once it is there; until then progress and a Stop button stand in its place.

    The work runs on while the user does something else; work of the same name with another key ends it. A result is
    kept in the session until it is thrown away.

    Args:
        name: The kind of work; a session does one of a kind at a time.
        key: Everything the result depends on.
        label: What is being done, as the bar's text.
        work: Called with `on_progress(done, total)` and `should_stop()`.
        needed_mib: The most memory that the work takes, MiB; it begins when there is room for it, or at once with None.
        note: Gives what is to be said under the bar, if anything.
        amount: Puts into words what is done.
        again: Label of the button that takes stopped work up again.

    Raises:
        Exception: What the work raised, or ValueError where it can never fit into the memory budget.
    """
    slot = name, key
    kept = _session_dict(_KEPT)
    if slot in kept:
        return cast("Result", kept[slot])
    if slot in _paused():
        st.info(_paused()[slot], icon=":material/pause_circle:")
        st.button(again, key=f"compute_{name}", icon=":material/play_arrow:", on_click=_resume, args=(slot,))
        return None
    running = _running(slot, work, needed_mib)
    if not running.outcome.done():
        _watch(running, slot, label, note, amount)
        return None
    try:
        result = cast("Result", running.outcome.result())
    except BudgetError:
        _session_dict(_WORKS).pop(name, None)  # there may be room the next time
        raise
    kept[slot] = result
    _forget_oldest(kept)
    return result


def throw_away_button(name: str, key: Hashable) -> None:
    """Drop a kept result; it is computed again only when that is asked for."""
    st.button(
        "Throw this result away",
        key=f"throw_away_{name}",
        icon=":material/delete:",
        type="tertiary",
        on_click=_throw_away,
        args=((name, key),),
        help="Results are kept for this session; this frees the memory of this one.",
    )


def _forget_oldest(kept: dict[Slot, Any]) -> None:
    from explorer.sharing.shared_cache import size_mib

    while len(kept) > MAX_KEPT or (len(kept) > 1 and sum(map(size_mib, kept.values())) > MAX_KEPT_MIB):
        kept.pop(next(iter(kept)))


def _running(slot: Slot, work: Work[Any], needed_mib: float | None) -> SessionWork:
    name, key = slot
    works = _session_dict(_WORKS)
    running: SessionWork | None = works.get(name)
    if running is not None and running.key == key:
        return running
    if running is not None:
        running.cancel()
    running = works[name] = SessionWork(key, work, needed_mib, arrive())
    wait([running.outcome], timeout=GLANCE_S)
    return running


@st.fragment(run_every=_POLL_S)
def _watch(running: SessionWork, slot: Slot, label: str, note: Callable[[], str | None], amount: Amount) -> None:
    """Progress of running work; the page runs again when it ends or is stopped."""
    if running.over:
        if (
            not running.announced
        ):  # once: a page that takes longer than a poll would be sent back to its start again and again
            running.announced = True
            st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(running.share_done, f"{label}{_describe(running, amount)}")
        st.button("Stop", key=f"stop_{slot[0]}", icon=":material/stop:", on_click=_stop, args=(slot, label, amount))
    if said := note():
        st.caption(said)


def _describe(running: SessionWork, amount: Amount) -> str:
    if running.waiting is not None:
        return f": {running.waiting}"
    done = f": {told}" if (told := amount(running.done, running.total)) else ""
    if running.elapsed_s < TELL_TIME_LEFT_S or running.left_s is None:
        return done
    return f"{done}, about {duration(running.left_s)} left"


def _stop(slot: Slot, label: str, amount: Amount) -> None:
    running: SessionWork | None = _session_dict(_WORKS).pop(slot[0], None)
    if running is None:
        return
    running.cancel()
    told = amount(running.done, running.total)
    _paused()[slot] = f"{label} was stopped{f' after {told}' if told else ''}."


def _resume(slot: Slot) -> None:
    _paused().pop(slot, None)


def forget_work(name: str, key: Hashable) -> None:
    """Drop what came of work, as if it had never been asked for."""
    _session_dict(_KEPT).pop((name, key), None)
    _session_dict(_WORKS).pop(name, None)


def _throw_away(slot: Slot) -> None:
    forget_work(*slot)
    _paused()[slot] = "This result was thrown away."


def _paused() -> dict[Slot, str]:
    """Work that the user does not want now, and why."""
    return _session_dict(_PAUSED)


def _session_dict(name: str) -> dict[Any, Any]:
    return cast("dict[Any, Any]", st.session_state.setdefault(name, {}))
