"""Connections to a store's database, set so that several processes write at once and a killed one loses nothing.

Writers take turns, on a server as well as on SQLite, so that what one has looked up still holds when it writes.
SQLite keeps a write-ahead log, so that readers never wait. Each commit is flushed to the disk
before it returns (`synchronous=FULL`), so that it outlives the process, and a power cut too. The log needs a disk of
the machine itself; several machines share a PostgreSQL server instead.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import cast
from urllib.parse import quote, urlsplit

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from explorer.records.store_errors import StoreError, explained, is_locked

_RETRY_INTERVAL_S = 0.02

#: Execution option of the connections that change something.
_WRITES = "store_writes"

#: For a file with a log but without the log's index, as a copy has it: nobody has it open. Locks could not be taken.
_ALONE = "mode=ro&vfs=unix-none"
_POSTGRESQL = "postgresql+psycopg"
_NO_URL = "HRFORMER_RESULTS_URL is not a database URL: use sqlite:///FILE or postgresql://USER@HOST/DATABASE."


def parse_url(text: str) -> URL:
    """The database URL, with psycopg 3 as PostgreSQL's driver whatever it names: no other keeps the limits on waiting.

    Raises:
        StoreError: If the text is not a URL of a database that keeps what it is given; it never repeats a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # the latter for a port that is none, which may be a password
        raise StoreError(_NO_URL) from None
    if url.get_backend_name() == "sqlite":
        return _sqlite_url(url)
    if text.count("@") > 1:  # where one is not encoded, what follows it would pass for the host's name
        raise StoreError("HRFORMER_RESULTS_URL has more than one @: write %40 for those in user and password.")
    if url.get_backend_name() in ("postgres", "postgresql"):
        url = url.set(drivername=_POSTGRESQL)
    return url


def _sqlite_url(url: URL) -> URL:
    """A SQLite URL of a plain file, be it written as one or as a URI; its query says whether it shall only be read."""
    name, options = str(url.database or ""), dict(url.query)
    mode, is_immutable = options.pop("mode", "rwc"), options.pop("immutable", "0") != "0"
    options.pop("uri", None)
    if url.host or url.username:
        raise StoreError(_NO_URL)
    if options or mode not in ("ro", "rw", "rwc", "memory"):
        wrong = f"option {min(options)}" if options else f"mode {mode}"
        raise StoreError(f"HRFORMER_RESULTS_URL has the {wrong}: leave it out, or use mode=ro to read only.")
    if name.startswith("file:"):
        name = urlsplit(name).path
    if name in ("", ":memory:") or mode == "memory":
        raise StoreError(
            "The store keeps nothing once the program ends: name a file, such as sqlite:///records.sqlite."
        )
    try:
        path = Path(name).expanduser()
    except RuntimeError:
        raise StoreError(f"No home folder is known for {name}: write the whole path of the store.") from None
    if mode == "rw" and not os.access(path, os.F_OK):
        raise StoreError(f"The store {path} is not there, and mode=rw makes none: leave mode=rw out to have it made.")
    return URL.create("sqlite", database=str(path), query={"mode": "ro"} if mode == "ro" or is_immutable else {})


def sqlite_path(url: URL) -> Path | None:
    """The file of a SQLite store; None for a server."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def location_of(url: URL) -> str:
    """How messages call a store: its file, or its URL without passwords and without files and sockets."""
    left_out = [name for name, value in url.query.items() if "pass" in name.lower() or str(value).startswith("/")]
    return str(sqlite_path(url) or url.difference_update_query(left_out).render_as_string())


def is_read_only(url: URL) -> bool:
    """Whether a SQLite store cannot or shall not be written: the log lies beside it, so that the folder counts too."""
    path = sqlite_path(url)
    if path is None or "mode" in url.query:
        return path is not None
    return os.access(path, os.F_OK) and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def open_engine(url: URL, lock_timeout_s: float) -> Engine:
    """An engine for the database, whose file and folder are made where they are missing.

    Args:
        url: From `parse_url`.
        lock_timeout_s: How long a writer waits for the others, in seconds.

    Raises:
        StoreError: If the file cannot be opened, or the driver is not installed.
    """
    path = sqlite_path(url)
    if path is None:
        return _server_engine(url, lock_timeout_s)
    if is_read_only(url):
        return _read_only_engine(path)
    with explained(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        _start_write_ahead_log(path, lock_timeout_s)
    engine = create_engine(url, connect_args={"timeout": lock_timeout_s})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes, alone: committed as a whole at the end, or not at all."""
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection
    if engine.dialect.name == "sqlite":
        _move_log_into_file(engine)


def copy_sqlite(engine: Engine, path: Path) -> None:
    """Write the whole database as it is at one moment, while others go on reading and writing, as one file."""
    source = engine.raw_connection()
    try:
        with closing(sqlite3.connect(path)) as target:
            cast("sqlite3.Connection", source.driver_connection).backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # leaves no log beside it
    finally:
        source.close()


def _move_log_into_file(engine: Engine) -> None:
    """A copy of the file alone holds what is written: as far as nobody reads, and never waiting for one who does.

    What was written is safe already; a move that fails is made up for by the next one.
    """
    connection = engine.raw_connection()
    try:
        with suppress(sqlite3.Error):
            connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    finally:
        connection.close()


def _server_engine(url: URL, lock_timeout_s: float) -> Engine:
    is_postgresql = url.drivername == _POSTGRESQL
    try:
        if is_postgresql:
            from explorer.records.postgresql import keep_limits, with_limits

            url = with_limits(url)
        with explained(location_of(url)):
            engine = create_engine(url, pool_pre_ping=True)  # survives a restart of the server
    except ModuleNotFoundError as error:
        raise StoreError(
            f"The driver {error.name} of {url.drivername} is not installed: for PostgreSQL, "
            "pip install 'hrformer-explorer[postgres]'."
        ) from error
    if is_postgresql:
        keep_limits(engine, _WRITES, lock_timeout_s)
    return engine


def _read_only_engine(path: Path) -> Engine:
    """Reads a store without changing it, with a fresh look for each connection, as others may write meanwhile."""

    def connect() -> sqlite3.Connection:
        options = _read_only_options(path)
        connection = sqlite3.connect(f"file:{quote(str(path))}?{options}", uri=True, check_same_thread=False)
        if options == _ALONE:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # keeps the log's index in memory
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _read_only_options(path: Path) -> str:
    """How SQLite opens a file that is only read, given what it can make beside it."""
    log, index = (path.with_name(f"{path.name}-{kind}") for kind in ("wal", "shm"))
    if os.access(path.parent, os.W_OK):
        return "mode=ro"
    if not _holds_anything(log):
        return "mode=ro&immutable=1"
    return "mode=ro" if index.exists() else _ALONE


def _holds_anything(path: Path) -> bool:
    try:  # asked once: another program may delete the file at any moment
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _start_write_ahead_log(path: Path, timeout_s: float) -> None:
    """Put the file into WAL mode, once and for all.

    SQLite does not wait for locks here, unlike elsewhere, so that several processes starting at once need a retry.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        connection = sqlite3.connect(path, timeout=timeout_s)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_locked(error) or time.monotonic() > deadline:
                raise
        finally:
            connection.close()
        time.sleep(_RETRY_INTERVAL_S)


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # The driver's own handling would commit before each change of the schema; `_begin_sqlite` replaces it.
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that only turns to writing later cannot wait for the lock: what it read may be out of date by then.
    mode = "IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {mode}")
