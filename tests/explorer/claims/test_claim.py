"""Verdicts, tolerances and conventions of claims, by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from explorer.claims.claim import Claim, Evidence, Origin, Outcome, in_convention, judge
from explorer.claims.quantities import LessWork
from explorer.cost.conventions import (
    HRFORMER,
    HRNET,
    MACS,
    Convention,
)


@dataclass(frozen=True)
class Fixed:
    """A quantity whose value in every convention is given."""

    values: dict[str, float]
    counted: tuple = ()
    missing: str = "not counted"

    def value(self, evidence: Evidence, convention: Convention | None) -> float | None:
        return self.values.get(convention.key if convention else "none")

    def origin(self, evidence: Evidence) -> Origin:
        return "counted"

    def rescale(self, published: float, here: float, there: float) -> float:
        return published * there / here


def claim(published: float, tolerance: float, quantity: object, convention: Convention | None = None) -> Claim:
    return Claim(
        key="key",
        topic="topic",
        text="text",
        source="source",
        published=published,
        unit=convention.unit if convention else "M parameters",
        tolerance=tolerance,
        kind="cost",
        quantity=quantity,
        convention=convention,
        method="needs training",
    )


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [(50.32, "reproduced"), (50.351, "differs"), (50.249, "differs"), (None, "not checkable here")],
)
def test_the_tolerance_holds_on_both_sides(ours: float | None, verdict: str) -> None:
    assert Outcome(claim(50.3, 0.05, None), ours).verdict == verdict


def test_a_claim_without_a_quantity_says_why() -> None:
    outcome = judge(claim(1.0, 0.05, None), Evidence())
    assert (outcome.verdict, outcome.reason, outcome.deviation) == ("not checkable here", "needs training", None)


def test_a_quantity_without_a_value_says_what_is_missing() -> None:
    assert judge(claim(1.0, 0.05, Fixed({})), Evidence()).reason == "not counted"


def test_a_claim_is_judged_in_its_own_convention_and_shown_in_the_chosen_one() -> None:
    outcome = judge(claim(10.0, 0.6, Fixed({"hrnet": 10.5, "macs": 21.0}), HRNET), Evidence())
    assert (outcome.ours, outcome.verdict) == (10.5, "reproduced")
    shown = in_convention(outcome, MACS, Evidence())
    assert (shown.published, shown.ours, shown.unit) == (20.0, 21.0, "GMACs")  # the same 5 % apart


def test_as_printed_is_the_claims_own_convention_with_its_unit() -> None:
    outcome = judge(claim(10.0, 0.6, Fixed({"hrnet": 10.5, "macs": 21.0}), HRNET), Evidence())
    shown = in_convention(outcome, None, Evidence())
    assert (shown.published, shown.ours, shown.unit) == (10.0, 10.5, "G (HRNet)")
    assert outcome.ratio == pytest.approx(1.05)


def test_what_cannot_be_counted_in_the_chosen_convention_shows_neither_figure() -> None:
    outcome = judge(claim(10.0, 0.6, Fixed({"hrnet": 10.5}), HRNET), Evidence())
    shown = in_convention(outcome, HRFORMER, Evidence())
    assert (shown.published, shown.ours) == (None, None)


def test_figures_that_are_no_work_stay_as_they_are() -> None:
    outcome = judge(claim(50.3, 0.05, Fixed({"none": 50.32})), Evidence())
    for convention in (MACS, HRFORMER):
        shown = in_convention(outcome, convention, Evidence())
        assert (shown.published, shown.ours, shown.unit) == (50.3, 50.32, "M parameters")


def test_of_a_saving_it_is_the_rest_that_is_rescaled() -> None:
    saving = LessWork("hrformer_base", (224, 224), "hrnet_w48")
    # 25 % and 20 % less leave 75 and 80: what was printed as 40 % less leaves 60, which becomes 64.
    assert saving.rescale(40, here=25, there=20) == pytest.approx(36)
