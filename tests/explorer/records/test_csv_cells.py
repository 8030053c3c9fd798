from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings

from explorer.records.csv_cells import (
    from_cell,
    neutralise,
    restore,
    table_csv,
)
from explorer.records.record import columns
from tests.explorer.records.examples import texts

ROOT = Path(__file__).parents[3]
COLUMNS = {column.name: column for column in columns()}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])
def test_a_text_that_a_spreadsheet_would_calculate_is_marked(text: str) -> None:
    assert neutralise(text) == "'" + text


def test_harmless_texts_stay_as_they_are() -> None:
    assert [neutralise(text) for text in ("hrnet_w48", "a=b", "1-2", "")] == ["hrnet_w48", "a=b", "1-2", ""]


@settings(deadline=None, max_examples=100)
@given(texts)
def test_the_mark_is_taken_off_exactly(text: str) -> None:
    assert restore(neutralise(text)) == text


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("wide_spread", "true", True),
        ("wide_spread", "FALSE", False),  # as spreadsheets write it
        ("latency_ms_p50", "2", 2.0),
        ("latency_ms_p50", "1E+02", 100.0),
        ("temperature_c", "-5.5", -5.5),
        ("params", "9223372036854775807", 2**63 - 1),
        ("device_name", "", None),
        ("samples_ms", "[1.5, 2]", (1.5, 2.0)),
    ],
)
def test_cells_are_read_as_the_columns_type(name: str, cell: str, value: object) -> None:
    assert from_cell(COLUMNS[name], cell) == value


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("params", "1e3"),
        ("params", "8.5"),
        ("params", "1_000"),
        ("params", "9" * 5000),
        ("latency_ms_p50", "fast"),
        ("latency_ms_p50", "NaN"),
        ("latency_ms_p50", "1,5"),
        ("wide_spread", "maybe"),
        ("config", "[]"),
        ("config", "{"),
        ("config", '{"a": NaN}'),
        ("samples_ms", '["a"]'),
        ("environment", "[" * 100_000),
        ("batch_size", ""),
    ],
)
def test_wrong_cells_are_refused_with_the_columns_name(name: str, cell: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} (=|is empty)") as refused:
        from_cell(COLUMNS[name], cell)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("kind", ["object", "string", "category"])
def test_no_text_of_a_table_starts_a_formula(kind: str) -> None:
    attack = '=HYPERLINK("http://example.org")'
    table = pd.DataFrame(
        {
            "model": pd.Series([attack, "hrnet_w48", None], dtype=kind),
            "@ratio": [-1.5, float("nan"), 2.0],
            "count": pd.array([-3, None, 4], dtype="Int64"),
            "wide": [True, False, True],
        }
    )
    rows = list(csv.reader(io.StringIO(table_csv(table).decode())))
    assert rows == [
        ["model", "'@ratio", "count", "wide"],
        [f"'{attack}", "-1.5", "-3", "True"],
        ["hrnet_w48", "", "", "False"],
        ["", "2.0", "4", "True"],
    ]


def test_tables_are_written_in_one_way() -> None:
    """Anything else that writes CSV would let an imported name become a formula."""
    #: Their cells go through `to_cell` and `neutralise` one by one: tests/explorer/records/test_exchange.py and
    #: tests/explorer/records/test_training_exchange.py hold that.
    by_cells = {"explorer/records/exchange.py", "explorer/records/training_exchange.py"}
    writers = re.compile(r"\.to_csv\b|\.to_excel\b|\bsavetxt\b|csv\.writer\b|DictWriter\b")
    sources = [path for folder in ("explorer", "pages", "hrformer") for path in (ROOT / folder).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in sources if writers.search(path.read_text(encoding="utf-8"))}
    assert found == {"explorer/records/csv_cells.py", *by_cells}
