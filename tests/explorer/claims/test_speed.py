"""Speed ratios from records: equal conditions only, the largest batch, the newest of several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from explorer.claims import speed
from explorer.claims.catalogue import CLAIMS
from explorer.claims.claim import Evidence, judge
from explorer.claims.speed import latency_ratio, timed_records
from explorer.records.exchange import write_csv
from explorer.records.record import Record
from explorer.records.reference import reference_files
from explorer.records.store import Store
from tests.explorer.records.examples import example_record, failed_record

MODELS = ("hrformer_base", "hrnet_w48")
SIZE = (224, 224)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")
    monkeypatch.setattr(speed, "reference_files", list)
    with Store() as opened:
        yield opened


def record(model: str, latency_ms: float, batch_size: int = 8, **changes: Any) -> Record:
    return example_record(
        model_name=model,
        batch_size=batch_size,
        img_height=224,
        img_width=224,
        latency_ms_p50=latency_ms,
        latency_ms_p90=latency_ms,
        latency_ms_p95=latency_ms,
        latency_ms_p99=latency_ms,
        **changes,
    )


def ratio() -> float | None:
    return latency_ratio(timed_records(MODELS), *MODELS, SIZE)


def test_an_empty_store_gives_no_ratio() -> None:
    assert ratio() is None


def test_the_largest_common_batch_counts(store: Store) -> None:
    store.add_all([record("hrformer_base", 30, 1), record("hrnet_w48", 10, 1)])
    assert ratio() == 3
    store.add_all([record("hrformer_base", 200, 8), record("hrnet_w48", 100, 8), record("hrformer_base", 9, 64)])
    assert ratio() == 2


@pytest.mark.parametrize("change", [{"threads": 1}, {"hostname": "elsewhere"}, {"precision": "bf16"}])
def test_unequal_conditions_are_not_compared(store: Store, change: dict[str, Any]) -> None:
    store.add_all([record("hrformer_base", 30), record("hrnet_w48", 10, **change)])
    assert ratio() is None


def test_failed_records_and_other_sizes_do_not_count(store: Store) -> None:
    store.add_all([record("hrformer_base", 30), failed_record(model_name="hrnet_w48")])
    assert ratio() is None


def test_records_that_come_with_the_explorer_count_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [record("hrformer_base", 30), record("hrnet_w48", 10)]
    folder = tmp_path / "reference"
    folder.mkdir()
    with (folder / "machine.csv").open("w", newline="", encoding="utf-8") as file:
        write_csv(records, file)
    (folder / "claims.csv").write_text("key,claim\na,b\n")
    assert [path.name for path in reference_files(folder)] == ["machine.csv"]
    monkeypatch.setattr(speed, "reference_files", lambda: reference_files(folder))
    assert ratio() == 3
    store.add_all(records)
    assert len(timed_records(MODELS)) == 2


def test_own_records_come_before_larger_batches_of_the_reference_run(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until both models are measured here the reference run judges, and is named."""
    path = tmp_path / "machine.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        write_csv([record("hrformer_base", 400, 64), record("hrnet_w48", 100, 64)], file)
    monkeypatch.setattr(speed, "reference_files", lambda: [path])
    claim = next(claim for claim in CLAIMS if claim.key == "speed-hrnet")
    store.add(record("hrformer_base", 20, 1))
    shipped = judge(claim, Evidence(timed_records(MODELS)))
    assert (shipped.ours, shipped.origin) == (4, "reference run")
    store.add(record("hrnet_w48", 10, 1))
    own = judge(claim, Evidence(timed_records(MODELS)))
    assert (own.ours, own.origin) == (2, "own records")


def test_the_claim_is_judged_by_the_ratio(store: Store) -> None:
    claim = next(claim for claim in CLAIMS if claim.key == "speed-hrnet")
    store.add_all([record("hrformer_base", 400), record("hrnet_w48", 100)])
    assert judge(claim, Evidence(timed_records(MODELS))).verdict == "reproduced"  # 4.0 against 4.11 on the A100
    store.add_all([record("hrformer_base", 150, 16), record("hrnet_w48", 100, 16)])
    assert judge(claim, Evidence(timed_records(MODELS))).verdict == "differs"
