"""No committed record is lost: not to other writers, not to a process that is killed."""

from __future__ import annotations

import random
import shutil
import time
import uuid
from pathlib import Path

import pytest
from sqlalchemy import text

from explorer.records.store import Store, StoreError
from tests.explorer.records.examples import example_record
from tests.explorer.records.processes import (
    CONTEXT,
    received,
    start,
    write_some,
    write_until_killed,
)

WRITERS = 8
RECORDS_EACH = 20


def assert_whole(store: Store) -> None:
    """Every record has its samples, and the database finds nothing wrong with itself."""
    assert all(len(record.samples_ms) == record.samples_count for record in store.records())
    with store._engine.connect() as connection:
        records, details = (
            connection.scalar(text(f"select count(*) from benchmark_{table}")) for table in ("records", "details")
        )
        assert records == details
        if connection.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"


def test_eight_processes_write_at_once(store_url: str) -> None:
    barrier = CONTEXT.Barrier(WRITERS)
    shared_id = str(uuid.uuid4())
    writers = [start(write_some, store_url, barrier, RECORDS_EACH, shared_id) for _ in range(WRITERS)]
    messages = [message for _, receiver in writers for message in received(receiver)]
    for process, _ in writers:
        process.join()
    assert [process.exitcode for process, _ in writers] == [0] * WRITERS
    own = {record_id for what, record_id in messages if what == "own"}
    with Store(store_url) as store:
        assert set(store.distinct("record_id")) == own | {shared_id}
        assert len(own) == WRITERS * RECORDS_EACH
        assert [stored for what, stored in messages if what == "shared"].count(True) == 1
        assert_whole(store)


@pytest.mark.parametrize("kills", [20])
def test_a_writer_killed_at_any_moment_loses_no_committed_record(store_url: str, kills: int) -> None:
    moments = random.Random(0)
    committed: list[str] = []
    for kill in range(kills):
        process, receiver = start(write_until_killed, store_url)
        if kill % 4:  # else at any moment while it starts and opens the store
            assert receiver.poll(timeout=60)
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        committed += received(receiver)
        process.join()
        assert process.exitcode == -9
    assert len(committed) > kills, "the writers hardly got to write"
    with Store(store_url) as store:
        stored = set(store.distinct("record_id"))
        assert set(committed) <= stored
        # Of each writer one record may be stored whose id did not get out any more.
        assert len(stored) <= len(committed) + kills
        assert_whole(store)


def records_of_a_copy(path: Path) -> list[str]:
    """What a copy of the file alone holds, as a backup or a colleague gets it."""
    copy = path.with_name("copy.sqlite")
    shutil.copyfile(path, copy)
    with Store(f"sqlite:///{copy}") as store:
        return sorted(record.record_id for record in store.records())


def test_a_file_that_is_copied_while_the_store_is_open_holds_its_records(tmp_path: Path) -> None:
    path, records = tmp_path / "records.sqlite", [example_record() for _ in range(5)]
    ids = sorted(record.record_id for record in records)
    with Store(f"sqlite:///{path}") as store:
        for record in records[:2]:
            store.add(record)
        assert store.add_all(records[2:]) == 3
        assert records_of_a_copy(path) == ids
        store.delete(ids[:1])
        assert records_of_a_copy(path) == ids[1:]


def test_a_reader_keeps_no_writer_waiting_and_the_copy_catches_up_after_it(tmp_path: Path) -> None:
    path, records = tmp_path / "records.sqlite", [example_record() for _ in range(3)]
    with Store(f"sqlite:///{path}") as store, Store(f"sqlite:///{path}") as other:
        store.add(records[0])
        with other._engine.connect() as reader:
            assert reader.scalar(text("select count(*) from benchmark_records")) == 1
            store.add(records[1])  # must not wait for the reader's end
            assert reader.scalar(text("select count(*) from benchmark_records")) == 1
        store.add(records[2])
        assert records_of_a_copy(path) == sorted(record.record_id for record in records)


def test_a_backup_taken_between_two_writes_is_a_store_of_one_file(tmp_path: Path) -> None:
    path, backup, records = (
        tmp_path / "records.sqlite",
        tmp_path / "backup.sqlite",
        [example_record() for _ in range(3)],
    )
    with Store(f"sqlite:///{path}") as store:
        store.add_all(records[:2])
        with store._engine.connect() as reader:  # keeps the log from being moved
            reader.scalar(text("select count(*) from benchmark_records"))
            store.add(records[2])
            store.back_up(backup)
        store.add(example_record())
    assert sorted(entry.name for entry in tmp_path.glob("backup*")) == ["backup.sqlite"]
    with Store(f"sqlite:///{backup}") as copy:
        assert sorted(record.record_id for record in copy.records()) == sorted(record.record_id for record in records)
        assert_whole(copy)
        assert copy.add(example_record())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("records.sqlite", "is there already: name a new file"),
        ("missing/backup.sqlite", "lies in no folder that there is: name a new file"),
    ],
)
def test_a_backup_overwrites_nothing(name: str, words: str, tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'records.sqlite'}") as store:
        store.add(example_record())
        with pytest.raises(StoreError, match=words):
            store.back_up(tmp_path / name)
        assert store.count() == 1
    assert not (tmp_path / "missing").exists()
