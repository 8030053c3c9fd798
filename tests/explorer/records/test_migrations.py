from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text, update

from explorer.records.database import writing
from explorer.records.migrations import (
    STEPS,
    bring_up_to_date,
    current_version,
    stored_version,
)
from explorer.records.schema import SCHEMA
from explorer.records.store import Store, StoreError
from tests.explorer.ablation.tiny import example_training
from tests.explorer.records.examples import as_before_load, example_record, failed_record

#: A store as version 1 of the tables wrote it, with one record.
VERSION_1 = Path(__file__).with_name("store_version_1.sql")
#: Source of the model, kind of job and compile mode of a record of version 1, and what ran it.
ENGINES_OF_VERSION_1 = {
    ("hrformer", "inference", "eager"): "eager",
    ("hrformer", "inference", "max-autotune"): "torch.compile (readable form)",
    ("hrformer", "training_step", "default"): "torch.compile",
    ("timm", "inference", "default"): "torch.compile",
}


def add_note(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE benchmark_records ADD COLUMN note TEXT"))


def fill_note(connection: Connection) -> None:
    connection.execute(text("UPDATE benchmark_records SET note = 'not recorded'"))


def break_off(connection: Connection) -> None:
    add_note(connection)
    raise RuntimeError("power cut")


def version_of(store: Store) -> int:
    with store._engine.connect() as connection:
        return stored_version(connection)


def has_note(store: Store) -> bool:
    return any(column["name"] == "note" for column in inspect(store._engine).get_columns("benchmark_records"))


def test_a_store_of_version_1_opens_with_its_records(tmp_path: Path) -> None:
    """If this fails after a change of the tables or of `Record`, the change needs a step in `migrations`."""
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))
    connection.close()
    expected = as_before_load(
        example_record(record_id="6ba7b810-9dad-11d1-80b4-00c04fd430c8", measured_at="2026-11-22T10:00:00+00:00")
    )
    with Store(f"sqlite:///{path}") as store:
        assert list(store.records()) == [expected]
        store.add(example_record())
        assert len(store.query()) == 2
        assert store.trainings() == []
        store.add_training(example_training())
        assert len(store.trainings()) == 1


def test_records_of_version_1_get_the_engine_that_ran_them(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))
        columns = [row[1] for row in connection.execute("PRAGMA table_info(benchmark_records)")]
        changed = {"record_id": "?", "model_source": "?", "kind": "?", "compile_mode": "?"}
        copied = ", ".join(changed.get(name, name) for name in columns)
        order = [name for name in columns if name in changed]
        for number, case in enumerate(ENGINES_OF_VERSION_1):
            values = {"record_id": f"{number:036d}", **dict(zip(list(changed)[1:], case, strict=True))}
            connection.execute(
                f"INSERT INTO benchmark_records SELECT {copied} FROM benchmark_records WHERE record_id LIKE '6ba7%'",
                [values[name] for name in order],
            )
    connection.close()
    with Store(f"sqlite:///{path}") as store:
        engines = store.query(columns=["engine"]).set_index("record_id")["engine"]
    assert [engines[f"{number:036d}"] for number in range(len(ENGINES_OF_VERSION_1))] == list(
        ENGINES_OF_VERSION_1.values()
    )


def test_old_records_say_that_the_load_was_not_recorded_and_keep_their_other_reasons(store: Store) -> None:
    measured, unexplained = example_record(), failed_record()
    store.add_all([measured, unexplained])
    with writing(store._engine) as connection:  # back to the tables of version 4
        for column in ("runnable_threads", "load_average_1min", "ran_beside"):
            connection.execute(text(f"ALTER TABLE benchmark_records DROP COLUMN {column}"))
        connection.execute(update(SCHEMA).values(version=4))
    bring_up_to_date(store._engine, "here", read_only=False)
    assert store.get(measured.record_id) == as_before_load(measured)
    assert store.get(unexplained.record_id) == as_before_load(unexplained)


def test_old_records_do_not_say_that_they_ran_alone(store: Store) -> None:
    record = example_record()
    store.add(record)
    with writing(store._engine) as connection:  # back to the tables of version 5
        connection.execute(text("ALTER TABLE benchmark_records DROP COLUMN ran_beside"))
        connection.execute(update(SCHEMA).values(version=5))
    bring_up_to_date(store._engine, "here", read_only=False)
    assert store.get(record.record_id) == replace(record, ran_beside=None)
    store.add(example_record(ran_beside="1 training"))
    assert store.query(columns=["ran_beside"])["ran_beside"].fillna("not known").to_list() == [
        "not known",
        "1 training",
    ]


def test_steps_are_taken_once_and_in_order(store: Store) -> None:
    store.add(example_record())
    for _ in range(2):  # the second time there is nothing left to do
        bring_up_to_date(store._engine, "here", read_only=False, steps=(*STEPS, add_note, fill_note))
    assert version_of(store) == current_version() + 2
    with store._engine.connect() as connection:
        assert connection.scalar(text("SELECT note FROM benchmark_records")) == "not recorded"


def test_a_step_that_fails_leaves_the_store_as_it_was(store: Store) -> None:
    record = example_record()
    store.add(record)
    with pytest.raises(RuntimeError, match="power cut"):
        bring_up_to_date(store._engine, "here", read_only=False, steps=(*STEPS, break_off))
    assert version_of(store) == current_version()
    assert not has_note(store)
    assert store.get(record.record_id) == record


def test_a_new_store_has_the_current_version(store: Store) -> None:
    assert version_of(store) == current_version()


def test_a_store_of_a_newer_version_is_refused_and_left_alone(store_url: str) -> None:
    record = example_record()
    with Store(store_url) as store:
        store.add(record)
        with writing(store._engine) as connection:
            connection.execute(update(SCHEMA).values(version=current_version() + 1))
        with pytest.raises(StoreError, match=r"written by a newer version of the explorer .*: update the explorer"):
            Store(store_url)
        assert version_of(store) == current_version() + 1
        assert store.get(record.record_id) == record


def test_an_older_store_that_cannot_be_written_says_so(store: Store) -> None:
    with pytest.raises(StoreError, match="is of an older version and read-only: allow writing once"):
        bring_up_to_date(store._engine, "here", read_only=True, steps=(*STEPS, add_note))
