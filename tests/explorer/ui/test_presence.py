"""Who is there, on a clock of the test's own: sessions that left are ended in time, and then the server rests."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer.ui.presence import LONG_PATIENCE_S, LOOK_S, PATIENCE_S, Presence

#: Promised in docs/reliability.md.
RETURNED_S = 30.0


class Server:
    """What `Presence` sees of a server, and what it did there; looked at by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.there: set[str] = set()
        self.ended: list[str] = []
        self.rested_s: list[float] = []
        self.visitors = Presence(
            is_there=self.there.__contains__,
            end=self.ended.append,
            rest=lambda: self.rested_s.append(self.now_s),
            now=lambda: self.now_s,
        )
        self.visitors._is_watched = True  # no thread: the test looks

    def connect(self, *sessions: str) -> None:
        self.there |= set(sessions)
        for session in sessions:
            self.visitors.arrive(session)

    def wait(self, seconds: float) -> bool:
        """Look as often as the thread does, until it would end."""
        for _ in range(round(seconds / LOOK_S)):
            self.now_s += LOOK_S
            if not self.visitors.look():
                return False
        return True


def test_the_server_rests_in_time_after_the_last_visitor_and_the_thread_ends() -> None:
    server = Server()
    server.connect("a", "b")
    assert server.wait(600)
    server.there.clear()
    assert not server.wait(RETURNED_S)
    assert sorted(server.ended) == ["a", "b"]
    assert len(server.rested_s) == 1
    assert server.rested_s[0] - 600 < RETURNED_S


def test_sessions_are_ended_at_an_earlier_look_than_the_rest() -> None:
    """Streamlit closes them a moment after it was asked."""
    server = Server()
    server.connect("a")
    server.there.clear()
    server.wait(LOOK_S + PATIENCE_S)
    assert server.ended == ["a"]
    assert server.rested_s == []


def test_who_comes_back_soon_finds_everything() -> None:
    server = Server()
    server.connect("a")
    for _ in range(10):
        server.there.clear()
        server.wait(PATIENCE_S)
        server.connect("a")
        server.wait(LOOK_S)
    assert server.ended == []
    assert server.rested_s == []


def test_while_others_are_there_a_session_is_kept_for_longer_and_nothing_rests() -> None:
    server = Server()
    server.connect("stays", "leaves")
    visit = server.visitors.arrive("leaves")
    server.there.discard("leaves")
    server.wait(LONG_PATIENCE_S)
    assert server.ended == []
    assert not visit.has_ended
    server.wait(2 * LOOK_S)
    assert server.ended == ["leaves"]
    assert visit.has_ended
    assert server.rested_s == []


def test_where_memory_is_short_those_who_left_give_theirs_and_nobody_else() -> None:
    server = Server()
    server.connect("stays", "left")
    server.there.discard("left")
    server.wait(LOOK_S + PATIENCE_S)
    server.connect("lost its connection just now")
    server.there.discard("lost its connection just now")
    server.visitors.end_away()
    assert server.ended == ["left"]


def test_who_comes_after_the_rest_is_looked_at_again() -> None:
    server = Server()
    server.connect("a")
    server.there.clear()
    assert not server.wait(60)
    server.visitors._is_watched = True
    server.connect("b")
    server.there.clear()
    assert not server.wait(60)
    assert server.ended == ["a", "b"]
    assert len(server.rested_s) == 2


@given(moves=st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 30)), max_size=20))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nobody_who_is_there_is_ever_ended_and_after_the_last_one_there_is_always_rest(
    moves: list[tuple[str, bool, int]],
) -> None:
    server = Server()
    for session, comes, looks in moves:
        if comes:
            server.visitors._is_watched = True
            server.connect(session)
        else:
            server.there.discard(session)
        ended, rested = len(server.ended), len(server.rested_s)
        server.wait(looks * LOOK_S)
        assert not server.there & set(server.ended[ended:])
        assert not server.there or len(server.rested_s) == rested
    server.there.clear()
    assert not server.wait(RETURNED_S)
    assert server.rested_s
