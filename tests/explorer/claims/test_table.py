"""Claims judged as tables and as a file, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from explorer.claims import table as table_module
from explorer.claims.claim import Claim, Evidence, Outcome
from explorer.claims.quantities import LatencyRatio, Parameters, WorkOfImage
from explorer.claims.table import (
    closeness,
    compared_models,
    count_costs,
    file_table,
    in_words,
    relative_table,
    shown_table,
    write_claims,
)
from explorer.cost.conventions import FLOPS, MACS

PLAIN = Claim(
    key="t-params",
    topic="Classification",
    text="HRFormer-T has 8.0 M parameters",
    source="README",
    published=8.0,
    unit="M parameters",
    tolerance=0.05,
    kind="cost",
    quantity=Parameters("hrformer_tiny", (224, 224)),
    method="Counted.",
)
WORK = replace(
    PLAIN, key="work", unit="GMACs", published=2.0, convention=MACS, quantity=WorkOfImage("hrformer_tiny", (224, 224))
)
UNKNOWN = Outcome(replace(PLAIN, key="top1", kind="accuracy", quantity=None), None, "no weights")
HOLDS = Outcome(PLAIN, 8.04, origin="counted")
DIFFERS = Outcome(WORK, 1.5, origin="counted")


def test_a_file_keeps_both_figures_and_says_why_one_is_missing() -> None:
    table = file_table([HOLDS, DIFFERS, UNKNOWN]).set_index("key")
    assert table["verdict"].to_list() == ["reproduced", "differs", "not checkable here"]
    assert table["deviation"].to_list()[:2] == [0.04, -0.5]
    assert (table.loc["top1", "reason"], table.loc["work", "convention"]) == ("no weights", "MACs")
    assert pd.isna(table.loc["top1", "ours"])


@pytest.mark.parametrize(
    ("ours", "used", "said"),
    [
        (8.02, 0.4, ""),
        (8.04, 0.8, "uses 80 % of its tolerance"),
        (7.96, 0.8, "uses 80 % of its tolerance"),
        (8.1, 2.0, ""),  # it differs, which says more
    ],
)
def test_a_claim_that_holds_by_little_says_so(ours: float, used: float, said: str) -> None:
    outcome = Outcome(PLAIN, ours, origin="counted")
    assert closeness(outcome) == said
    assert file_table([outcome])["tolerance_used"].item() == pytest.approx(used)
    assert closeness(UNKNOWN) == ""


def test_a_file_is_csv_with_one_row_a_claim(tmp_path: Path) -> None:
    write_claims([HOLDS, UNKNOWN], tmp_path / "claims.csv")
    assert list(pd.read_csv(tmp_path / "claims.csv")["key"]) == ["t-params", "top1"]


def test_another_convention_moves_both_figures_and_leaves_their_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorkOfImage, "value", lambda self, evidence, convention: 3.0)  # twice 1.5, as FLOPs are
    shown = shown_table([DIFFERS, HOLDS], FLOPS, Evidence()).set_index("key")
    assert shown.loc["work", ["published", "ours", "deviation", "ratio", "unit"]].to_list() == [
        4,
        3,
        -1,
        0.75,
        "GFLOPs",
    ]
    assert shown.loc["t-params", ["published", "ours"]].to_list() == [8.0, 8.04]


def test_on_one_axis_stand_claims_with_both_figures() -> None:
    table = relative_table([HOLDS, DIFFERS, UNKNOWN]).set_index("key")
    assert list(table.index) == ["t-params", "work"]
    assert table["ratio"].to_list() == pytest.approx([1.005, 0.75])
    assert table["tolerance"].to_list() == pytest.approx([0.00625, 0.025])


def test_speeds_name_the_models_whose_records_they_need() -> None:
    ratios = [LatencyRatio("a", "b", (1, 1)), LatencyRatio("a", "c", (1, 1))]
    claims = [PLAIN, *(replace(PLAIN, quantity=ratio) for ratio in ratios)]
    assert compared_models(claims) == ["a", "b", "c"]


def test_costs_are_counted_once_each_until_somebody_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, tuple[int, int]]] = []
    monkeypatch.setattr(table_module, "CLAIMS", (PLAIN, WORK, replace(PLAIN, quantity=Parameters("b", (1, 1)))))
    monkeypatch.setattr(table_module, "cost", lambda *pair: counted.append(pair))
    told: list[tuple[int, int]] = []
    assert count_costs(lambda *now: told.append(now), lambda: False)
    assert counted == [("hrformer_tiny", (224, 224)), ("b", (1, 1))]
    assert told == [(0, 2), (1, 2)]
    assert not count_costs(lambda *now: None, lambda: True)


def test_a_missing_figure_is_a_dash_and_a_unit_may_be_empty() -> None:
    assert (in_words(None, "M"), in_words(8.0, "M"), in_words(8.0, "")) == ("–", "8 M", "8")
