"""Who is there: once the last visitor has left, the server lets go of all that it kept for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from threading import Lock, Thread

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer.sharing.memory_budget import memory_budget

#: How often is looked who is there.
LOOK_S = 5.0
#: Who comes back within this time, after a lost connection, finds what the session kept, uploads and results.
PATIENCE_S = 10.0
#: The same while others are there and memory is not short; Streamlit itself gives a session up after two minutes.
LONG_PATIENCE_S = 120.0
#: In this time Streamlit has closed a session that was ended.
_CLOSING_S = 0.3


@dataclass(eq=False)
class Visit:
    """A session of a browser.

    Attributes:
        away_since: When it was seen to have left, on the clock of its `Presence`; None while it is there.
        has_ended: Whether it won't come back, so that nobody wants its results.
    """

    away_since: float | None = None
    has_ended: bool = False


class Presence:
    """The sessions that run pages, looked at while there are any by a thread that ends with the last one.

    Args:
        is_there: Whether the session of an id is connected.
        end: Gives up a session that is not, with all that it keeps; it may go a moment later.
        rest: Lets go of what is kept for all sessions.
        now: A clock in seconds.
    """

    def __init__(
        self,
        is_there: Callable[[str], bool],
        end: Callable[[str], None],
        rest: Callable[[], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_there, self._end, self._rest, self._now = is_there, end, rest, now
        self._visits: dict[str, Visit] = {}
        self._is_watched = False
        self._lock = Lock()

    def arrive(self, session_id: str) -> Visit:
        """The visit of a session that runs a page; from now on it is looked at."""
        with self._lock:
            if not self._is_watched:
                self._is_watched = True
                Thread(target=self._watch, name="presence", daemon=True).start()
            return self._visits.setdefault(session_id, Visit())

    def look(self) -> bool:
        """See who has left, and drop what was kept for those who left long enough ago.

        Returns:
            Whether there is anything left to look at. After the last session a look is without any: only by then
            Streamlit has closed it, and its memory can be given back.
        """
        with self._lock:
            is_anyone_left = self._is_watched = bool(self._visits)
        if not is_anyone_left:
            self._rest()
            return False
        anyone = self._see_who_is_there()
        self._end_away(LONG_PATIENCE_S if anyone else PATIENCE_S)
        return True

    def end_away(self) -> None:
        """Give up the sessions of those who have left, because memory is short."""
        self._see_who_is_there()
        if self._end_away(PATIENCE_S):
            time.sleep(_CLOSING_S)

    def _see_who_is_there(self) -> bool:
        with self._lock:
            for session_id, visit in self._visits.items():
                if self._is_there(session_id):
                    visit.away_since = None
                elif visit.away_since is None:
                    visit.away_since = self._now()
            return any(visit.away_since is None for visit in self._visits.values())

    def _end_away(self, patience_s: float) -> bool:
        with self._lock:
            gone_by = self._now() - patience_s
            gone = {
                session_id: visit
                for session_id, visit in self._visits.items()
                if visit.away_since is not None and visit.away_since <= gone_by
            }
            for session_id, visit in gone.items():
                visit.has_ended = True
                del self._visits[session_id]
        for session_id in gone:
            self._end(session_id)
        return bool(gone)

    def _watch(self) -> None:
        time.sleep(LOOK_S)
        while self.look():
            time.sleep(LOOK_S)


@cache
def presence() -> Presence:
    """The one of this process."""
    return Presence(_is_connected, _close, _rest)


def arrive() -> Visit:
    """The visit whose page this thread runs; one that never ends where there is no server, as in a test of a page."""
    context = get_script_run_ctx()
    if context is None or not _is_serving():
        return Visit()
    return presence().arrive(context.session_id)


def _is_serving() -> bool:
    return runtime.exists() and isinstance(runtime.get_instance(), runtime.Runtime)


def _is_connected(session_id: str) -> bool:
    return _is_serving() and runtime.get_instance().is_active_session(session_id)


def _close(session_id: str) -> None:
    """Have Streamlit close a session that it keeps for a reconnection, as at a logout: from any thread.

    A Streamlit that has no such method any more gives it up by itself, later.
    """
    close = getattr(runtime.get_instance(), "clear_user_info_for_session", None) if _is_serving() else None
    if close is not None:
        close(session_id)


def _rest() -> None:
    st.cache_data.clear()
    with suppress(ValueError):  # a budget that is no size: the pages say so
        memory_budget().rest()
