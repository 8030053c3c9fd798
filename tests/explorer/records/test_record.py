from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError, asdict, fields, replace

import numpy as np
import pytest

from explorer.records.columns import json_id
from explorer.records.record import (
    FIGURES,
    Record,
    columns,
    missing,
)
from hrformer import preset
from tests.explorer.records.examples import example_record, failed_record


def test_ids_are_unique_and_kept_if_given() -> None:
    given = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    assert example_record().record_id != example_record().record_id
    assert example_record(record_id=given.upper()).record_id == given


def test_the_id_of_an_hrformer_configuration_is_the_variants_own() -> None:
    variant = preset("tiny")
    assert example_record(config=variant.to_dict()).config_id == variant.config_id


def test_configuration_ids_do_not_depend_on_the_order_of_keys() -> None:
    assert json_id({"a": 1, "b": 2}) == json_id({"b": 2, "a": 1}) != json_id({"a": 2, "b": 1})


def test_a_record_is_a_frozen_value_that_crosses_processes() -> None:
    record = example_record()
    assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301 - our own bytes
    with pytest.raises(FrozenInstanceError):
        record.batch_size = 2  # type: ignore[misc]


def test_values_become_the_types_they_have_after_a_round_trip() -> None:
    record = example_record(
        config={"channels": (18, 36)},
        params=np.int64(5),
        latency_ms_p50=2,
        samples_ms=[np.float64(1.5)],
        samples_count=1,
    )
    assert record.config == {"channels": [18, 36]}
    assert (type(record.params), type(record.latency_ms_p50)) == (int, float)
    assert record.samples_ms == (1.5,)


def test_the_time_is_utc_in_one_form() -> None:
    assert example_record(measured_at="2026-11-22T10:00:00Z").measured_at == "2026-11-22T10:00:00.000000+00:00"
    assert len(example_record().measured_at) == 32


def test_every_figure_is_a_field_that_may_be_none() -> None:
    by_name = {column.name: column for column in columns()}
    assert set(FIGURES) <= set(by_name)
    assert all(by_name[name].optional for name in FIGURES)
    assert [column.name for column in columns()] == [item.name for item in fields(Record)]


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_is_never_missing_without_a_reason(figure: str) -> None:
    complete = example_record()
    reasons = {name: reason for name, reason in complete.reasons.items() if name != figure}
    with pytest.raises(ValueError, match=f"{figure} is empty without a reason"):
        replace(complete, **{figure: None}, reasons=reasons)
    assert replace(complete, **{figure: None}, reasons={**reasons, figure: "not supported"}).reasons[figure]


def test_a_failed_record_needs_one_reason_only() -> None:
    assert all(getattr(failed_record(), figure) is None for figure in FIGURES)
    with pytest.raises(ValueError, match="give the reason for every status but ok"):
        failed_record(status_reason=None)
    with pytest.raises(ValueError, match="give the reason for every status but ok"):
        example_record(status_reason="fine")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "good"}, "status = 'good' is not legal: give one of ok, failed, out_of_memory, cancelled"),
        ({"kind": "sleep"}, "kind = 'sleep' is not legal"),
        ({"model_source": "torchvision"}, "give one of hrformer, timm"),
        ({"record_id": "7"}, "record_id = '7' is not legal: give a UUID"),
        ({"measured_at": "2026-11-22T10:00:00"}, "give ISO 8601 in UTC"),
        ({"measured_at": "2026-11-22T10:00:00+02:00"}, "give ISO 8601 in UTC"),
        ({"measured_at": "yesterday"}, "give ISO 8601 in UTC"),
        ({"batch_size": 0}, "batch_size = 0 is not legal"),
        ({"batch_size": 1.5}, "batch_size = 1.5 is not legal: give a whole number"),
        ({"batch_size": True}, "batch_size = True is not legal"),
        ({"batch_size": None}, "batch_size is empty: give a whole number"),
        ({"params": 2**63}, "is not legal: give a whole number"),
        ({"peak_rss_mib": 0.0}, "peak_rss_mib = 0.0 is not legal: a figure is above 0, or empty with a reason"),
        ({"latency_ms_p50": float("nan")}, "latency_ms_p50 = nan is not legal: give a finite number, or nothing"),
        ({"latency_ms_p50": "2"}, "latency_ms_p50 = '2' is not legal"),
        ({"wide_spread": 1}, "wide_spread = 1 is not legal: give true or false"),
        ({"hostname": ""}, "hostname = '' is not legal: give a text"),
        ({"hostname": "a\0b"}, "without NUL characters"),
        ({"hostname": "\ud800"}, "hostname = .* is not legal"),
        ({"environment": {"load": float("inf")}}, "give a JSON object without NaN or infinity"),
        ({"config": [1]}, "config = \\[1\\] is not legal: give a JSON object"),
        ({"samples_ms": "1 2 3"}, "samples_ms = .* give a list of finite numbers"),
        ({"samples_ms": (1.0, 2.0)}, "samples_count = 3 does not go with 2 values in samples_ms"),
        ({"reasons": missing("no such figure", "latency")}, "reasons names latency: only figures can be missing"),
        ({"reasons": {**example_record().reasons, "params": "lost"}}, "reasons names params, which has a value"),
        ({"reasons": {**example_record().reasons, "power_w": ""}}, r"reasons\['power_w'\] is not a text"),
    ],
)
def test_illegal_values_are_refused_in_one_sentence(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        example_record(**changes)
    assert "\n" not in str(refused.value)


def test_a_record_without_its_samples_keeps_their_number() -> None:
    assert example_record(samples_ms=()).samples_count == 3


def test_a_record_is_json_ready() -> None:
    assert json.loads(json.dumps(asdict(example_record())))["config"] == example_record().config
