"""Stores that are full, read-only, locked, damaged or out of reach: a clear sentence, and nothing lost."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import event

from explorer.records.database import location_of, parse_url, writing
from explorer.records.store import Store, StoreError
from explorer.records.store_errors import explained
from tests.explorer.records.examples import example_record
from tests.explorer.records.processes import received, start, try_read_only


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can read, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def outcome(url: str) -> list[object]:
    process, receiver = start(try_read_only, url)
    messages = received(receiver)
    process.join()
    return messages


def test_a_full_disk_keeps_what_was_stored(sqlite_store: Store) -> None:
    first = example_record()
    sqlite_store.add(first)

    def leave_no_space(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA max_page_count=1")  # SQLite takes its present size instead

    event.listen(sqlite_store._engine, "checkout", leave_no_space)
    with pytest.raises(StoreError, match=r"records.sqlite has no space left: free some on its disk"):
        sqlite_store.add_all(example_record() for _ in range(600))
    event.remove(sqlite_store._engine, "checkout", leave_no_space)
    assert list(sqlite_store.records()) == [first]


def test_a_nearly_full_disk_is_noticed_before_anything_is_measured(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_store.check_writable()
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=3 * 2**20))
    with pytest.raises(StoreError, match="has 3 MiB left on its disk: free at least 64 MiB"):
        sqlite_store.check_writable()


def test_a_locked_store_says_so_and_works_again_afterwards(sqlite_store: Store, tmp_path: Path) -> None:
    record = example_record()
    sqlite_store.add(record)
    other = sqlite3.connect(tmp_path / "records.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for write in (sqlite_store.check_writable, lambda: sqlite_store.add(example_record())):
        with pytest.raises(StoreError, match="is locked by another program: try again once it has finished"):
            write()
    assert sqlite_store.get(record.record_id) == record  # reading never waits
    other.close()
    assert sqlite_store.add(example_record())


def test_a_read_only_folder_can_be_read_but_not_written(open_folder: Path) -> None:
    path = open_folder / "records.sqlite"
    record = example_record()
    with Store(f"sqlite:///{path}") as store:
        store.add(record)
    open_folder.chmod(0o555)
    read, *refusals, count = outcome(f"sqlite:///{path}")
    assert (read, count) == ([record.record_id], 1)
    assert len(refusals) == 3
    assert all(f"The store {path} is read-only: allow writing" in str(refusal) for refusal in refusals)


def test_a_read_only_folder_into_which_another_process_writes_shows_its_latest_records(open_folder: Path) -> None:
    path = open_folder / "records.sqlite"
    with Store(f"sqlite:///{path}") as store:
        store.add(record := example_record())  # still in the log only
        open_folder.chmod(0o555)
        assert outcome(f"sqlite:///{path}")[0] == [record.record_id]


def copied(source: Path, target: Path, *endings: str) -> str:
    """Copy the files of a store that is open, and let nobody write there; gives the URL of the copy."""
    for ending in ("", *endings):
        shutil.copy(f"{source}{ending}", f"{target}{ending}")
        Path(f"{target}{ending}").chmod(0o444)
    target.parent.chmod(0o555)
    return f"sqlite:///{target}"


@pytest.mark.parametrize("endings", [("-wal",), ("-wal", "-shm")])
def test_a_copy_with_its_log_shows_what_is_only_there(
    endings: tuple[str, ...], open_folder: Path, tmp_path: Path
) -> None:
    with Store(f"sqlite:///{tmp_path / 'records.sqlite'}") as store:
        store.add(first := example_record())
        reader = sqlite3.connect(tmp_path / "records.sqlite", isolation_level=None)
        reader.execute("BEGIN").execute("SELECT * FROM benchmark_records").fetchone()  # holds the log back
        store.add(second := example_record())
        url = copied(tmp_path / "records.sqlite", open_folder / "copy.sqlite", *endings)
        reader.close()
    read, *refusals, count = outcome(url)
    assert (read, count) == (sorted([first.record_id, second.record_id]), 2)
    assert all("copy.sqlite is read-only: allow writing" in str(refusal) for refusal in refusals)
    assert sorted(path.name for path in open_folder.iterdir()) == sorted(f"copy.sqlite{end}" for end in ("", *endings))


def test_a_copy_with_an_empty_log_or_none_is_read_in_a_read_only_folder(open_folder: Path, tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'records.sqlite'}") as store:
        store.add(record := example_record())
    (tmp_path / "records.sqlite-wal").touch()
    url = copied(tmp_path / "records.sqlite", open_folder / "copy.sqlite", "-wal")
    assert outcome(url)[0] == [record.record_id]
    open_folder.chmod(0o755)
    (open_folder / "copy.sqlite-wal").unlink()
    open_folder.chmod(0o555)
    assert outcome(url)[0] == [record.record_id]


@pytest.mark.parametrize(
    "written",
    [
        "sqlite:///{path}?mode=ro",
        "sqlite:///file:{path}?mode=ro&uri=true",
        "sqlite:///file:{path}?immutable=1&uri=true",
        "sqlite:///file://{path}?mode=ro&uri=true",
    ],
)
def test_a_store_that_shall_only_be_read(written: str, tmp_path: Path) -> None:
    path = tmp_path / "our records.sqlite"
    with Store(f"sqlite:///{path}") as store:
        store.add(record := example_record())
    before = path.read_bytes()
    with Store(written.format(path=path)) as store:
        assert (store.location, store.read_only) == (str(path), True)
        assert list(store.records()) == [record]
        for write in (store.check_writable, lambda: store.add(example_record()), lambda: store.delete(["x"])):
            with pytest.raises(StoreError, match=r"our records.sqlite is read-only: leave out mode=ro, or set"):
                write()
    assert path.read_bytes() == before


def test_a_store_that_shall_only_be_read_shows_what_others_write_meanwhile(sqlite_store: Store) -> None:
    with Store(f"sqlite:///{sqlite_store.location}?mode=ro") as reading:
        assert reading.count() == 0
        sqlite_store.add(example_record())
        assert reading.count() == 1


@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_a_store_that_is_not_to_be_made_is_not(mode: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"records.sqlite (cannot be opened|is not there, and mode=rw makes none)"):
        Store(f"sqlite:///{tmp_path / 'records.sqlite'}?mode={mode}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("written", ["sqlite:///~/x.sqlite", "sqlite:///file:~/x.sqlite?uri=true&mode=rwc"])
def test_the_home_folder_may_be_written_short(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with Store(written) as store:
        store.add(example_record())
        assert store.location == str(tmp_path / "x.sqlite")
    assert not (tmp_path / "~").exists()


def test_a_home_folder_that_nobody_knows() -> None:
    with pytest.raises(StoreError, match=r"No home folder is known for ~nobody-at-all/x.sqlite: write the whole path"):
        Store("sqlite:///~nobody-at-all/x.sqlite")


def test_a_folder_in_which_no_store_can_be_made_is_named(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    for path in (open_folder / "records.sqlite", open_folder / "new" / "records.sqlite"):
        (message,) = outcome(f"sqlite:///{path}")
        assert str(message).startswith(f"The store {path} ")
        assert "read" in str(message)
        assert "HRFORMER_RESULTS_URL" in str(message)


@pytest.mark.parametrize("content", [b"model,top1\n" * 200, os.urandom(4096)])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "records.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged or not a database: put back a copy"):
        Store(f"sqlite:///{path}")
    assert path.read_bytes() == content


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened: check that the folder exists"):
        Store(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("records.sqlite", "is not a database URL: use sqlite:///FILE or postgresql://USER@HOST/DATABASE"),
        ("sqlite://", "keeps nothing once the program ends: name a file"),
        ("sqlite:///:memory:", "keeps nothing once the program ends: name a file"),
        ("sqlite:///file::memory:?uri=true", "keeps nothing once the program ends: name a file"),
        ("sqlite:///x.sqlite?mode=memory", "keeps nothing once the program ends: name a file"),
        ("sqlite:///x.sqlite?mode=readonly", "has the mode readonly: leave it out, or use mode=ro"),
        ("sqlite:///x.sqlite?mode=ro&mode=rw", "has the mode .*: leave it out, or use mode=ro"),
        ("sqlite:///x.sqlite?cache=shared", "has the option cache: leave it out"),
        ("sqlite://x.sqlite", "is not a database URL: use sqlite:///FILE"),
        ("nosuch://host/records", "names a kind of database that is not known"),
        ("mysql+mysqldb://host/records", "The driver MySQLdb of .* is not installed"),
    ],
)
def test_wrong_urls(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        Store(url)


@pytest.mark.parametrize("account", ["user:secret@127.0.0.1:1/records", "user@127.0.0.1:1/records?password=secret"])
def test_an_unreachable_server_is_named_without_its_password(account: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match="cannot be reached: check that the server runs") as refused:
        Store(f"postgresql://{account}")
    assert "127.0.0.1:1/records" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://user:a@secret@127.0.0.1:1/records", "more than one @: write %40"),
        ("postgresql://user:a/b@secret:9/x@host/records", "more than one @: write %40"),
        ("postgresql://user:secret/records", "is not a database URL"),  # for SQLAlchemy that is a port
        ("postgresql:user:secret@host/records", "is not a database URL"),
        ("nosuch://user:secret@host/records", "names a kind of database that is not known"),
        ("sqlite://user:secret@host/records.sqlite", "is not a database URL"),
        ("sqlite:///records.sqlite?password=secret", "has the option password: leave it out"),
    ],
)
def test_a_wrong_url_is_refused_without_its_password(url: str, message: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match=message) as refused:
        Store(url)
    assert "secret" not in str(refused.value)


def test_a_password_may_hold_what_is_encoded() -> None:
    url = parse_url("postgresql://user%40domain:p%40ss%2Fw@host/records")
    assert (url.username, url.password, url.host) == ("user@domain", "p@ss/w", "host")
    assert location_of(url) == "postgresql+psycopg://user%40domain:***@host/records"


def test_a_database_that_the_server_does_not_have(postgresql_server: str) -> None:
    with pytest.raises(StoreError, match="has no such database: create it on the server"):
        Store(f"postgresql://postgres@/missing?host={postgresql_server}")


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_server_that_only_reads(store_url: str) -> None:
    Store(store_url).close()
    with Store(f"{store_url}%20-cdefault_transaction_read_only%3Don") as store:
        for write in (store.check_writable, lambda: store.add(example_record())):
            with pytest.raises(StoreError, match="is read-only: allow writing"):
                write()
        assert store.count() == 0


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_server_on_which_another_program_writes_for_long(store_url: str) -> None:
    with Store(store_url) as busy, Store(store_url, lock_timeout_s=0.1) as waiting:
        record = example_record()
        with writing(busy._engine), pytest.raises(StoreError, match="is locked by another program: try again"):
            waiting.add(record)
        assert waiting.add(record)


def test_a_user_without_rights(postgresql_server: str) -> None:
    import psycopg

    with psycopg.connect(host=postgresql_server, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.execute("CREATE ROLE guest LOGIN")
    with pytest.raises(StoreError, match="does not let this user write: ask its owner"):
        Store(f"postgresql://guest@/postgres?host={postgresql_server}")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The store x has no space left"),
        (OSError(errno.EROFS, "Read-only file system"), "The store x is read-only"),
        (sqlite3.DatabaseError(), "The store x reports an error: no message"),
    ],
)
def test_errors_of_files(error: Exception, message: str) -> None:
    with pytest.raises(StoreError, match=message), explained("x"):
        raise error
