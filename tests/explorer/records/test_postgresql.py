"""Servers that stop answering: one sentence within the limits, and everything works again afterwards."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select, text

from explorer.records.database import parse_url, writing
from explorer.records.schema import RECORDS, record_row
from explorer.records.store import Store, StoreError
from explorer.records.store_errors import explained
from tests.explorer.records.examples import example_record
from tests.explorer.records.silent_servers import greet_and_say_nothing, say_nothing, serving

pytest.importorskip("psycopg", reason="psycopg is not installed (extra: postgres)")

from explorer.records import postgresql as limits

if TYPE_CHECKING:
    from tests.explorer.records.postgresql import Server

#: How many times a limit a busy machine may take; without limits it takes minutes, or for ever.
PATIENCE = 10


@contextmanager
def silence_told(limit_s: float) -> Iterator[None]:
    """What is inside fails in one sentence, within a few times a limit."""
    started = time.monotonic()
    with pytest.raises(StoreError, match=r"^The store \S+ does not answer: check that its server runs") as told:
        yield
    assert time.monotonic() - started < PATIENCE * limit_s
    assert "pa55word" not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("answer", [say_nothing, greet_and_say_nothing])
def test_a_server_that_takes_connections_and_says_nothing(answer: Callable[[socket.socket], None]) -> None:
    with serving(answer) as url, silence_told(limits.CONNECT_TIMEOUT_S):
        Store(url)


def test_a_server_whose_place_in_the_queue_is_all_that_there_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, silence_told(limits.CONNECT_TIMEOUT_S):
        Store(f"postgresql://someone:pa55word@127.0.0.1:{server.getsockname()[1]}/records")


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_an_open_store_tells_of_a_stopped_server_and_works_again_once_it_goes_on(
    store_url: str, postgresql: Server
) -> None:
    with Store(store_url) as store:
        store.add(first := example_record())
        before_a_statement_s = 2 * limits.CONNECT_TIMEOUT_S  # on the connection that there is, then on a new one
        with postgresql.stopped():
            with silence_told(before_a_statement_s):
                store.count()
            with silence_told(before_a_statement_s):
                store.add(example_record())
            with silence_told(limits.CONNECT_TIMEOUT_S):
                Store(store_url)
        assert store.add(second := example_record())
        assert list(store.query()["record_id"]) == [first.record_id, second.record_id]


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_server_that_stops_in_the_middle_of_reading(
    store_url: str, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STATEMENT_TIMEOUT_S", 2)
    with Store(store_url) as store:
        store.add_all(example_record() for _ in range(501))  # more than one block
        read = store.records()
        next(read)
        with postgresql.stopped(), silence_told(limits.STATEMENT_TIMEOUT_S):
            list(read)
        assert len(list(store.records())) == 501


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_server_that_stops_in_the_middle_of_writing_keeps_nothing_of_it(
    store_url: str, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STATEMENT_TIMEOUT_S", 1)
    with Store(store_url, lock_timeout_s=1.0) as store:
        row = record_row(example_record())
        with silence_told(1 + 1), explained(store.location), writing(store._engine) as connection:
            connection.execute(insert(RECORDS), [row])
            with postgresql.stopped():
                connection.execute(select(1))
        assert store.count() == 0
        assert store.add(example_record())  # the lock went with the connection


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_server_does_not_work_on_for_nobody(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STATEMENT_TIMEOUT_S", 1)
    with Store(store_url) as store:
        with silence_told(1), explained(store.location), store._engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(30)"))
        working = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'")
        with store._engine.connect() as connection:
            end = time.monotonic() + PATIENCE  # the server's limit is this one's; the two clocks need not agree
            while connection.scalar(working):
                assert time.monotonic() < end
                connection.rollback()  # what is active is told anew in each transaction
                time.sleep(0.1)


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_waiting_for_another_writer_is_no_silence(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STATEMENT_TIMEOUT_S", 1)
    with Store(store_url) as busy, Store(store_url, lock_timeout_s=2.5) as waiting:
        with (
            writing(busy._engine),
            pytest.raises(StoreError, match="is locked by another program: try again once it has finished"),
        ):
            waiting.add(example_record())
        assert waiting.add(example_record())


@pytest.mark.parametrize("driver", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+pg8000"])
def test_every_url_of_postgresql_gets_the_driver_that_keeps_the_limits(driver: str) -> None:
    assert parse_url(f"{driver}://someone@host/records").drivername == "postgresql+psycopg"


def test_limits_that_a_url_names_stay() -> None:
    url = limits.with_limits(parse_url("postgresql://someone@host/records?connect_timeout=30"))
    assert dict(url.query) == {"connect_timeout": "30", "tcp_user_timeout": "15000"}
