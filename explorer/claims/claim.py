"""What a claim is, what it is judged by, and how a published figure changes its convention of counting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import pandas as pd

from explorer.cost.conventions import Convention

Verdict = Literal["reproduced", "differs", "not checkable here"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "differs", "not checkable here")
#: "cost" is counted, "scaling" measured by a button of the page, "speed" read from records; "accuracy" needs training.
Kind = Literal["cost", "scaling", "speed", "accuracy"]
#: Where our figure is from: "reference run" ships with the explorer, "own records" are those of the store.
Origin = Literal["counted", "reference run", "own records", "measured here"]
#: A deviation that uses up more of the tolerance than this is worth saying.
_MUCH = 0.5


@dataclass(frozen=True)
class Evidence:
    """What was measured, for the claims that counting cannot judge.

    Attributes:
        records: Timed records, see `explorer.claims.speed.timed_records`.
        growth: From `measure_growth` or `reference_growth`; None where there is neither.
        growth_is_reference: Whether it is the one that comes with the explorer.
    """

    records: pd.DataFrame = field(default_factory=pd.DataFrame)
    growth: pd.DataFrame | None = None
    growth_is_reference: bool = False


class Quantity(Protocol):
    """What a claim's figure is of."""

    @property
    def counted(self) -> tuple[tuple[str, tuple[int, int]], ...]:
        """The models and image sizes whose cost must be counted."""

    @property
    def missing(self) -> str:
        """Why there is no value where there is none, in one sentence."""

    def value(self, evidence: Evidence, convention: Convention | None) -> float | None:
        """Our figure in the claim's unit; None where it cannot be had."""

    def origin(self, evidence: Evidence) -> Origin:
        """Where our figure is from, where there is one."""

    def rescale(self, published: float, here: float, there: float) -> float:
        """The published figure in a convention in which ours is `there`, while it is `here` in the figure's own."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One statement with a figure.

    Attributes:
        key: Names it in links and files.
        topic: Groups the table.
        text: The statement.
        source: Where it stands: in the paper, and in results/published.
        published: The figure; None where there is only a statement in words.
        unit: Of the figure.
        tolerance: How far ours may be off and still count as reproduced, in the same unit.
        kind: How it is judged.
        quantity: What computes our figure; None where that is impossible here.
        convention: How the published work was counted; None where no work is compared.
        method: How ours is computed, or why it cannot be.
    """

    key: str
    topic: str
    text: str
    source: str
    published: float
    unit: str
    tolerance: float
    kind: Kind
    quantity: Quantity | None
    method: str
    convention: Convention | None = None


@dataclass(frozen=True)
class Outcome:
    """A claim and what became of it.

    Attributes:
        claim: The claim.
        ours: Our figure in the claim's own convention; None where there is none.
        reason: Why there is none; empty where there is one.
        origin: Where ours is from; None where there is none.
    """

    claim: Claim
    ours: float | None
    reason: str = ""
    origin: Origin | None = None

    @property
    def deviation(self) -> float | None:
        """Ours less the published figure, in the claim's unit."""
        return None if self.ours is None else self.ours - self.claim.published

    @property
    def tolerance_used(self) -> float | None:
        """The deviation as a share of the tolerance, 0 and more; above 1 ours differs."""
        return None if self.deviation is None else abs(self.deviation) / self.claim.tolerance

    @property
    def is_narrow(self) -> bool:
        """Whether it is reproduced, but by more than half of its tolerance."""
        return self.verdict == "reproduced" and self.tolerance_used is not None and self.tolerance_used > _MUCH

    @property
    def ratio(self) -> float | None:
        """Ours as a multiple of the published figure, both in the claim's own convention."""
        return None if self.ours is None else self.ours / self.claim.published

    @property
    def verdict(self) -> Verdict:
        """Whether ours is within the tolerance of the published figure."""
        if self.deviation is None:
            return "not checkable here"
        return "reproduced" if abs(self.deviation) <= self.claim.tolerance else "differs"


def judge(claim: Claim, evidence: Evidence) -> Outcome:
    """Compute our figure in the claim's own convention and set it beside the published one."""
    if claim.quantity is None:
        return Outcome(claim, None, claim.method)
    ours = claim.quantity.value(evidence, claim.convention)
    if ours is None:
        return Outcome(claim, None, claim.quantity.missing)
    return Outcome(claim, ours, origin=claim.quantity.origin(evidence))


@dataclass(frozen=True)
class Shown:
    """A claim's two figures in one convention.

    Attributes:
        published: The published figure; None where it cannot be said in the convention.
        ours: Ours, likewise.
        unit: Of both.
    """

    published: float | None
    ours: float | None
    unit: str


def in_convention(outcome: Outcome, convention: Convention | None, evidence: Evidence) -> Shown:
    """Both figures of a claim in the convention that was chosen for all claims; None leaves each as it was printed.

    A published figure in another convention is multiplied by what the change of convention makes of ours, so that its
    relative deviation, and with it the verdict, stays what it is.
    """
    claim = outcome.claim
    if claim.convention is None or convention is None or convention == claim.convention:
        return Shown(claim.published, outcome.ours, claim.unit)
    unit = claim.unit.replace(claim.convention.unit, convention.unit)
    there = claim.quantity.value(evidence, convention) if claim.quantity else None
    if claim.quantity is None or outcome.ours is None or there is None:
        return Shown(None, None, unit)
    return Shown(claim.quantity.rescale(claim.published, outcome.ours, there), there, unit)
