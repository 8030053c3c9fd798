"""Records of pinned variants under the pins' names, whatever they were called when they were measured."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from explorer.comparison.tables import comparison_table, newest_records
from explorer.models.accuracy import published_accuracy
from explorer.records.store import Store
from explorer.ui.measure.pinned_records import named_by_pins
from explorer.ui.pins import Pin
from hrformer import preset
from tests.explorer.records.examples import example_record

K9 = preset("tiny", window_sizes=(9, 9, 9, 9))
SIZE = {"img_height": 128, "img_width": 96}
MEASURED = replace(K9, img_size=(128, 96))


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'records.sqlite'}") as opened:
        yield opened


def table_of(store: Store, *records) -> pd.DataFrame:
    store.add_all(records)
    return comparison_table(newest_records(store.query()), published_accuracy())


def record(name: str, second: int = 0, **changes):
    values = {"model_name": name, "config": MEASURED.to_dict(), "measured_at": f"2026-11-22T10:00:{second:02d}+00:00"}
    return example_record(**{**values, **SIZE, **changes})


HRNET = record("hrnet_w18", model_source="timm", config={"model": "hrnet_w18"})


def test_a_record_is_found_by_its_configuration_at_the_size_it_was_measured_at(store: Store) -> None:
    table = table_of(store, record(f"hrformer_{MEASURED.config_id}"), HRNET)
    named = named_by_pins(table, [Pin("mine", K9), Pin("unmeasured", preset("base"))])
    assert set(named["model"]) == {"mine", "HRNet-W18"}
    assert named.set_index("model")["family"].to_dict() == {"mine": "HRFormer", "HRNet-W18": "HRNet"}
    assert list(named.columns) == list(table.columns)


def test_without_pins_or_records_of_them_nothing_changes(store: Store) -> None:
    table = table_of(store, record("other", config={"a": 1}))
    assert named_by_pins(table, []) is table
    assert named_by_pins(table, [Pin("mine", K9)]) is table


def test_engines_stay_part_of_the_name(store: Store) -> None:
    table = table_of(store, record("a"), record("a", engine="ONNX Runtime"))
    assert set(named_by_pins(table, [Pin("mine", K9)])["model"]) == {"mine", "mine · ONNX Runtime"}


def test_of_one_variant_under_several_names_the_newest_record_of_each_batch_stays(store: Store) -> None:
    table = table_of(
        store,
        record("a", 1, latency_ms_p50=1.0),
        record("b", 2, latency_ms_p50=2.0),
        record("a", 1, latency_ms_p50=3.0, batch_size=1),
    )
    named = named_by_pins(table, [Pin("mine", K9), Pin("the same", K9)])
    assert set(named["model"]) == {"mine"}
    assert named.set_index("batch_size")["latency_ms_p50"].to_dict() == {8: 2.0, 1: 3.0}
    assert named.index.to_list() == [0, 1]


def test_a_name_that_another_model_has_is_told_apart(store: Store) -> None:
    table = table_of(store, record("a"), HRNET)
    assert set(named_by_pins(table, [Pin("HRNet-W18", K9)])["model"]) == {"HRNet-W18", "HRNet-W18 (pinned)"}


def test_sizes_that_no_variant_has_are_no_trouble(store: Store) -> None:
    table = table_of(store, record("a", img_height=2**40, img_width=1))
    assert named_by_pins(table, [Pin("mine", K9)]) is table
