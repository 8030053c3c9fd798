from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import event, text

from explorer.records.database import writing
from explorer.records.record import Record
from explorer.records.schema import RECORDS
from explorer.records.selection import Between, conditions
from explorer.records.store import Store, StoreError
from tests.explorer.records.examples import example_record, failed_record, records


def at(second: int, **changes: object) -> Record:
    return example_record(measured_at=f"2026-11-22T10:00:{second:02d}+00:00", **changes)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records)
def test_a_record_returns_exactly_as_it_was_stored(store: Store, record: Record) -> None:
    store.add(record)
    assert store.get(record.record_id) == record
    store.delete([record.record_id])


def test_a_record_is_stored_once_and_stays_as_it_was(store: Store) -> None:
    record = example_record()
    assert store.add(record)
    assert not store.add(example_record(record_id=record.record_id, hostname="elsewhere"))
    assert store.add_all([record, example_record(), record]) == 1
    assert store.get(record.record_id) == record
    assert store.count() == 2


def test_adding_many_is_all_or_nothing(store: Store) -> None:
    def breaking_off() -> object:
        for _ in range(600):  # more than are inserted at once
            yield example_record()
        raise ValueError("broken off")

    with pytest.raises(ValueError, match="broken off"):
        store.add_all(breaking_off())
    assert store.count() == 0


def test_records_are_there_when_the_store_is_opened_again(store_url: str) -> None:
    record = example_record()
    with Store(store_url) as first:
        first.add(record)
    with Store(store_url) as second:
        assert second.get(record.record_id) == record


def test_threads_share_a_store(store: Store) -> None:
    mine = [example_record() for _ in range(24)]
    with ThreadPoolExecutor(max_workers=6) as threads:
        assert all(threads.map(store.add, mine))
        assert list(threads.map(store.get, [record.record_id for record in mine])) == mine


def test_the_environment_variable_names_the_store(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", store_url)
    with Store() as by_default, Store(store_url) as by_url:
        by_default.add(example_record())
        assert by_url.count() == 1


def test_the_table_is_typed_and_marked_as_measured(store: Store) -> None:
    store.add_all([at(2), at(1, wide_spread=True), failed_record(measured_at="2026-11-22T10:00:03+00:00")])
    table = store.query()
    assert list(table["wide_spread"].fillna(value=False)) == [True, False, False]
    assert list(table["status"]) == ["ok", "ok", "out_of_memory"]
    assert table["batch_size"].dtype == "Int64"
    assert table["latency_ms_p50"].dtype == "float64"
    assert table["power_w"].isna().all()  # empty, never zero
    assert (table["origin"] == "measured").all()
    assert {"config_id", "environment_id"} <= set(table.columns)
    assert "samples_ms" not in table.columns


def test_an_empty_table_has_the_same_columns_and_types(store: Store) -> None:
    empty = store.query()
    store.add(example_record())
    full = store.query()
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert list(empty.dtypes.drop("origin")) == list(full.dtypes.drop("origin"))


def test_only_the_wanted_columns_are_read(store: Store) -> None:
    store.add(example_record())
    assert list(store.query(columns=["model_name"]).columns) == ["record_id", "measured_at", "model_name", "origin"]


def test_filters(store: Store) -> None:
    store.add_all(
        [
            at(1, hostname="a", batch_size=1, device_name=None),
            at(2, hostname="b", batch_size=8),
            at(3, hostname="c", batch_size=64),
        ]
    )

    def hosts(**filters: object) -> str:
        return "".join(store.query(filters)["hostname"])

    assert hosts() == "abc"
    assert hosts(hostname="b") == "b"
    assert hosts(hostname=["c", "a", "a"], kind="inference") == "ac"
    assert hosts(hostname=[]) == ""
    assert hosts(batch_size=Between(2, 8)) == "b"
    assert hosts(batch_size=Between(low=8)) == "bc"
    assert hosts(measured_at=Between(high="2026-11-22T10:00:02.000000+00:00")) == "ab"
    assert hosts(device_name=None) == "a"
    assert hosts(hostname=["a", "b"], batch_size=[8, 64]) == "b"
    assert store.count({"hostname": ["a", "b"]}) == 2
    assert store.distinct("hostname") == ["a", "b", "c"]
    assert store.distinct("device_name") == ["Xeon"]
    assert [record.hostname for record in store.records({"batch_size": Between(2)})] == ["b", "c"]


def test_a_selection_may_be_longer_than_a_statement(store: Store) -> None:
    mine = [example_record() for _ in range(3)]
    store.add_all(mine)
    others = [f"{number:036d}" for number in range(33_000)]
    selection = [mine[0].record_id, *others, mine[2].record_id]
    assert len(store.query({"record_id": selection})) == 2
    assert store.delete(selection) == 2
    assert list(store.records()) == [mine[1]]


@pytest.mark.parametrize("size", [0, 1, 9_999, 10_000, 10_001, 25_000])
def test_conditions_split_long_lists_without_gap_or_overlap(size: int) -> None:
    bound = [
        value
        for one in conditions({"hostname": list(range(size))})
        for value in next(iter(one.compile().params.values()))
    ]
    assert bound == list(range(size))


def test_unknown_columns_are_refused_with_the_nearest(store: Store) -> None:
    with pytest.raises(ValueError, match=r"'latency_p50' is not a column of the store: use .*latency_ms_p50"):
        store.query({"latency_p50": 1})
    with pytest.raises(ValueError, match="'sampels' is not a column"):
        store.query(columns=["sampels"])


def test_deleting_takes_the_samples_along(store: Store) -> None:
    kept, gone = example_record(), example_record()
    store.add_all([kept, gone])
    assert store.delete([gone.record_id]) == 1
    assert store.delete([gone.record_id]) == 0
    assert list(store.records()) == [kept]
    with store._engine.connect() as connection:
        assert connection.scalar(text("select count(*) from benchmark_details")) == 1
    with pytest.raises(StoreError, match=f"has no record {gone.record_id}: it may have been deleted"):
        store.get(gone.record_id)
    assert store.add(gone)


def test_a_record_that_another_program_damaged_is_named(store: Store) -> None:
    record = example_record()
    store.add(record)
    with writing(store._engine) as connection:
        connection.execute(RECORDS.update().values(status="great"))
    with pytest.raises(StoreError, match=f"Record {record.record_id} of the store .* is damaged: status = 'great'"):
        store.get(record.record_id)


def test_a_hundred_thousand_records_are_read_in_one_statement_without_their_samples(sqlite_store: Store) -> None:
    """What the comparison page reads: its work is bounded by what is asked of the database."""
    sqlite_store.add(example_record())
    names = ", ".join(column.name for column in RECORDS.columns if column.name not in ("record_id", "batch_size"))
    with writing(sqlite_store._engine) as connection:
        connection.execute(
            text(
                "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 99999) "
                f"INSERT INTO benchmark_records (record_id, batch_size, {names}) "
                f"SELECT printf('%036d', n), n % 64 + 1, {names} FROM number, benchmark_records"
            )
        )
    wanted = ["model_name", "batch_size", "device", "latency_ms_p50", "latency_ms_p95", "throughput_img_s", "macs"]
    statements: list[str] = []
    event.listen(sqlite_store._engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    everything = sqlite_store.query(columns=wanted)
    filtered = sqlite_store.query({"batch_size": 8})
    assert (len(everything), len(filtered)) == (100_000, 1_563 + 1)
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "SELECT"] * 2
    assert all("benchmark_details" not in statement for statement in statements)
