from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from explorer.engines.registry import ENGINE_NAMES
from explorer.records.exchange import HEADER, import_csv, write_csv
from explorer.records.record import Record
from explorer.records.sense import DEVICES, ENGINES
from explorer.records.store import Store
from tests.explorer.records.examples import MEASURED, example_record


def with_reasons(**changes: Any) -> Record:
    """The example with figures that it has reasons for instead."""
    reasons = {name: reason for name, reason in example_record().reasons.items() if name not in changes}
    return Record(**{**MEASURED, **changes, "reasons": reasons})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latency_ms_p50": 3.6}, "latency_ms_p50 = 3.6 is above latency_ms_p90 = 3.0"),
        ({"latency_ms_p95": 2.9}, "latency_ms_p90 = 3.0 is above latency_ms_p95 = 2.9"),
        ({"latency_ms_p99": 3.4}, "latency_ms_p95 = 3.5 is above latency_ms_p99 = 3.4"),
        ({"latency_ms_p50_ci95_low": 2.05}, "latency_ms_p50_ci95_low = 2.05 is above latency_ms_p50 = 2.0"),
        ({"latency_ms_p50_ci95_high": 1.95}, "latency_ms_p50 = 2.0 is above latency_ms_p50_ci95_high = 1.95"),
        ({"product_macs": 1_830_000_001}, "product_macs = 1830000001 is above macs = 1830000000"),
        ({"samples_ms": (1.0, -0.5, 2.0)}, "samples_ms holds -0.5"),
        ({"energy_mj_per_img": -24_997.0}, "energy_mj_per_img = -24997.0 is not legal"),
        ({"power_w": -1.0}, "power_w = -1.0 is not legal"),
        ({"latency_ms_iqr": -0.1}, "latency_ms_iqr = -0.1 is not legal"),
        ({"load_average_1min": -1.0}, "load_average_1min = -1.0 is not legal"),
        ({"measured_at": "9999-12-31T23:59:59+00:00"}, "measured_at = 9999-.* lies more than a year ahead"),
        ({"device": "tpu"}, "device = 'tpu' is not known: use one of cpu, cuda, mps"),
        ({"engine": "abacus"}, "engine = 'abacus' is not known: use one of eager, optimised eager"),
    ],
)
def test_what_no_measurement_gives_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        with_reasons(**changes)
    assert "\n" not in str(refused.value)


def test_what_a_measurement_may_give_is_taken() -> None:
    with_reasons(latency_ms_p50=3.5, latency_ms_p90=3.5, latency_ms_p50_ci95_high=3.5, product_macs=1_830_000_000)
    with_reasons(energy_mj_per_img=0.0, power_w=0.0, temperature_c=-5.0, samples_ms=(0.0, 1.0, 1.0))
    with_reasons(measured_at="1970-01-01T00:00:12+00:00")  # a machine without a clock
    with_reasons(measured_at=(datetime.now(UTC) + timedelta(weeks=6)).isoformat())  # a clock that goes wrong
    for device in DEVICES:
        with_reasons(device=device)


def test_every_engine_that_measures_may_stand_in_a_record() -> None:
    assert set(ENGINE_NAMES) == set(ENGINES) - {"torch.compile (readable form)"}


def test_an_import_with_nonsense_adds_nothing_and_names_the_row(store: Store) -> None:
    file = io.StringIO(newline="")
    write_csv([example_record(), example_record()], file)
    rows = list(csv.reader(io.StringIO(file.getvalue(), newline="")))
    rows[2][HEADER.index("latency_ms_p50")] = "5.0"
    changed = io.StringIO(newline="")
    csv.writer(changed).writerows(rows)
    with pytest.raises(ValueError, match=r"Row 3: latency_ms_p50 = 5.0 is above latency_ms_p90 = 3.0"):
        import_csv(store, io.BytesIO(changed.getvalue().encode()))
    assert store.count() == 0


def test_what_an_earlier_version_stored_stays_readable(store: Store) -> None:
    record = example_record()
    store.add(record)
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE benchmark_records SET engine = 'abacus', latency_ms_p50 = 5.0"))
    (kept,) = store.records()
    assert (kept.engine, kept.latency_ms_p50, kept.samples_ms) == ("abacus", 5.0, record.samples_ms)
