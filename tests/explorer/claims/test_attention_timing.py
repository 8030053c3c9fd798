"""How the time of attention grows, measured in a process of its own."""

from pathlib import Path

import pandas as pd
import pytest

from explorer.claims import attention_timing
from explorer.claims.attention_timing import COLUMNS, SIDES, measure_growth, reference_growth, write_growth
from explorer.claims.claim import Evidence
from explorer.claims.quantities import exponent
from explorer.claims.table import judge_all
from explorer.processes import process


def test_the_exponent_of_a_power_law() -> None:
    table = pd.DataFrame({"positions": [10, 100, 1000], "cost": [5.0, 500.0, 50_000.0]})
    assert exponent(table, "cost") == pytest.approx(2.0)


def test_it_stops_after_the_side_that_it_is_at() -> None:
    done = []
    table = measure_growth(lambda so_far, total: done.append((so_far, total)), lambda: True)
    assert done == [(1, len(SIDES))]
    assert list(table.columns) == [*COLUMNS]
    assert table["positions"].to_list() == [SIDES[0] ** 2]
    assert (table[["window_ms", "global_ms"]] > 0).all(axis=None)


def test_what_was_measured_is_read_again_with_its_machine_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention_timing, "REFERENCE_PATH", tmp_path / "growth.csv")
    assert reference_growth() is None
    growth = pd.DataFrame({"positions": [196, 784], "window_ms": [0.25, 1.0], "global_ms": [0.5, 8.0]})
    write_growth(growth, tmp_path / "growth.csv")
    read = reference_growth()
    assert read is not None
    pd.testing.assert_frame_equal(read[[*COLUMNS]], growth)
    assert read[["device_name", "measured_at"]].notna().all(axis=None)


def test_the_growth_that_comes_with_the_explorer_shows_what_the_paper_claims() -> None:
    growth = reference_growth()
    assert growth is not None
    assert growth["positions"].to_list() == [side**2 for side in SIDES]
    outcomes = {outcome.claim.key: outcome for outcome in judge_all(Evidence(growth=growth, growth_is_reference=True))}
    for scope in ("window", "global"):
        outcome = outcomes[f"scaling-{scope}-time"]
        assert (outcome.verdict, outcome.origin) == ("reproduced", "reference run")
    assert outcomes["scaling-window-macs"].origin == "counted"


def test_a_process_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process.sys, "executable", "false")
    with pytest.raises(RuntimeError, match="attention ended early: the measuring process ended with code 1"):
        measure_growth(lambda so_far, total: None, lambda: False)
