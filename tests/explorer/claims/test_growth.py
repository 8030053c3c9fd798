"""How the time of attention grows, measured in a process of its own."""

import pandas as pd
import pytest

from explorer.claims import attention_timing
from explorer.claims.attention_timing import COLUMNS, SIDES, measure_growth
from explorer.claims.quantities import exponent


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


def test_a_process_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention_timing.sys, "executable", "false")
    with pytest.raises(RuntimeError, match="The measurement of attention ended early: code 1"):
        measure_growth(lambda so_far, total: None, lambda: False)
