"""What claims are about: parameters, work, savings, growth with the image, and speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from explorer.claims.claim import Evidence, Origin
from explorer.claims.speed import latency_pairs, latency_ratio
from explorer.cost.attention_scaling import compare_with_global
from explorer.cost.conventions import Convention
from explorer.models.counting import ModelCost, model_cost
from explorer.models.model_ref import Size, model_by_name
from hrformer import preset

#: Sides of the pictures over which the growth of MACs is fitted, pixels: whole windows on the 1/4 branch.
SCALING_SIDES_PX = (224, 336, 448, 672, 896)


@dataclass(frozen=True)
class _Counted:
    """Rescaling for figures that are proportional to the work."""

    model: str
    img_size: Size

    @property
    def counted(self) -> tuple[tuple[str, Size], ...]:
        return ((self.model, self.img_size),)

    @property
    def missing(self) -> str:
        return "The model's operators are not known in this convention."

    def origin(self, evidence: Evidence) -> Origin:
        return "counted"

    def rescale(self, published: float, here: float, there: float) -> float:
        return published * there / here


@dataclass(frozen=True)
class Parameters(_Counted):
    """Millions of parameters."""

    def value(self, evidence: Evidence, convention: Convention | None) -> float | None:
        """Millions of parameters, whatever the convention."""
        return cost(self.model, self.img_size).params / 1e6


@dataclass(frozen=True)
class WorkOfImage(_Counted):
    """Work of one image in giga."""

    def value(self, evidence: Evidence, convention: Convention | None) -> float | None:
        """Counted; None where the model cannot be counted in the convention."""
        amount = None if convention is None else cost(self.model, self.img_size).work.amount(convention)
        return None if amount is None else amount.giga


@dataclass(frozen=True)
class _Saving(_Counted):
    """Rescaling for percentages of what is saved: it is the rest that is proportional to the work."""

    baseline: str

    @property
    def counted(self) -> tuple[tuple[str, Size], ...]:
        return ((self.model, self.img_size), (self.baseline, self.img_size))

    def rescale(self, published: float, here: float, there: float) -> float:
        return 100 - (100 - published) * (100 - there) / (100 - here)


@dataclass(frozen=True)
class FewerParameters(_Saving):
    """Percent fewer parameters than the baseline."""

    def value(self, evidence: Evidence, convention: Convention | None) -> float | None:
        """The saving in %, whatever the convention."""
        share = cost(self.model, self.img_size).params / cost(self.baseline, self.img_size).params
        return 100 * (1 - share)


@dataclass(frozen=True)
class LessWork(_Saving):
    """Percent less work than the baseline, both in one convention."""

    def value(self, evidence: Evidence, convention: Convention | None) -> float | None:
        """Counted; None where one of the two cannot be counted in the convention."""
        if convention is None:
            return None
        own = cost(self.model, self.img_size).work.amount(convention)
        other = cost(self.baseline, self.img_size).work.amount(convention)
        return None if own is None or other is None else 100 * (1 - own.over(other))


@dataclass(frozen=True)
class Growth:
    """The exponent with which attention's cost grows with the number of positions.

    Attributes:
        scope: In HRFormer's windows, or over all positions at once.
        measured: Whether time is meant, and not MACs.
    """

    scope: Literal["window", "global"]
    measured: bool

    @property
    def counted(self) -> tuple[tuple[str, Size], ...]:
        """No model has to be counted: the evidence is measured."""
        return ()

    @property
    def missing(self) -> str:
        """What to do about it."""
        return "Not measured yet: press Measure the growth on the page, or give the command --measure."

    def value(self, evidence: Evidence, convention: Convention | None) -> float | None:
        """The slope of a straight line through the logarithms."""
        if not self.measured:
            return exponent(macs_growth(), f"{self.scope}_macs")
        if evidence.growth is None or len(evidence.growth) < 2:
            return None
        return exponent(evidence.growth, f"{self.scope}_ms")

    def origin(self, evidence: Evidence) -> Origin:
        """Counted, or timed: here or once for all."""
        if not self.measured:
            return "counted"
        return "reference run" if evidence.growth_is_reference else "measured here"

    def rescale(self, published: float, here: float, there: float) -> float:
        """An exponent has no convention."""
        return published


@dataclass(frozen=True)
class LatencyRatio:
    """Latency as a multiple of the baseline's under equal conditions, from the records."""

    model: str
    baseline: str
    img_size: Size

    @property
    def counted(self) -> tuple[tuple[str, Size], ...]:
        """No model has to be counted: the evidence is measured."""
        return ()

    @property
    def missing(self) -> str:
        """What to do about it."""
        height, width = self.img_size
        return (
            f"No record of {self.model} and {self.baseline} under equal conditions at {height}x{width}: measure both "
            "on the Benchmark page."
        )

    def value(self, evidence: Evidence, convention: Convention | None) -> float | None:
        """The ratio of the medians."""
        return latency_ratio(evidence.records, self.model, self.baseline, self.img_size)

    def origin(self, evidence: Evidence) -> Origin:
        """Of the records that the ratio is of."""
        pairs = latency_pairs(evidence.records, self.model, self.baseline, self.img_size)
        return "reference run" if pairs["is_reference"].any() else "own records"

    def rescale(self, published: float, here: float, there: float) -> float:
        """A time has no convention."""
        return published


def cost(model: str, img_size: Size) -> ModelCost:
    """Cost of a model by its name; kept by `model_cost`."""
    return model_cost(model_by_name(model), img_size)


def macs_growth() -> pd.DataFrame:
    """Positions and MACs of HRFormer-B's attention on the 1/4 branch, see `compare_with_global`."""
    return compare_with_global(preset("base"), 0, SCALING_SIDES_PX)


def exponent(table: pd.DataFrame, column: str) -> float:
    """Slope of the straight line through log cost over log positions, least squares."""
    positions = table["positions"].to_numpy(dtype=float)
    costs = table[column].to_numpy(dtype=float)
    return float(np.polyfit(np.log(positions), np.log(costs), 1)[0])
