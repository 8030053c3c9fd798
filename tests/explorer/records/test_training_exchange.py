"""Trainings as CSV and in the store: what goes in comes out."""

import io
from pathlib import Path

import pytest

from explorer.records.store import Store, StoreError
from explorer.records.training_exchange import read_trainings, write_trainings
from tests.explorer.ablation.tiny import example_training


def test_csv_gives_back_equal_trainings() -> None:
    records = [example_training(), example_training("none", 1, 0.1 + 0.2, device_name=None, hostname="=SUM(A1)")]
    file = io.StringIO()
    assert write_trainings(records, file) == 2
    assert "'=SUM(A1)" in file.getvalue()  # no formula in a spreadsheet
    file.seek(0)
    assert read_trainings(file) == records


def test_a_csv_that_lacks_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the columns arm, seed"):
        read_trainings(io.StringIO("a,b\r\n1,2\r\n"))


def test_the_store_gives_back_equal_trainings_oldest_first(tmp_path: Path) -> None:
    late = example_training(finished_at="2026-02-01T00:00:00+00:00")
    early = example_training("1x1", finished_at="2026-01-01T00:00:00+00:00")
    with Store(f"sqlite:///{tmp_path / 'store.sqlite'}") as store:
        assert store.add_training(late)
        assert store.add_training(early)
        assert not store.add_training(late)
        assert store.trainings() == [early, late]


def test_a_training_damaged_by_another_program_is_named(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "store.sqlite"
    with Store(f"sqlite:///{path}") as store:
        store.add_training(example_training())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE ablation_trainings SET arm = ''")
    connection.close()
    with Store(f"sqlite:///{path}") as store, pytest.raises(StoreError, match="is damaged: arm = ''"):
        store.trainings()


def test_trainings_differ_in_comparison_only_by_arm_and_seed() -> None:
    one = example_training("3x3", 0)
    assert one.comparison_id == example_training("none", 5).comparison_id
    assert one.comparison_id == example_training("1x1", 1).comparison_id
    assert one.comparison_id != example_training(recipe={"steps": 1}).comparison_id
