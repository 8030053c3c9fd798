"""What was found in a checkpoint, what was assumed of it and what was made to fit, for people to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hrformer.checkpoint.names import FAMILY_NAMES, Family
from hrformer.wording import listed


@dataclass(frozen=True)
class Assumption:
    """A choice that neither the tensors' shapes nor the file tells, and that changes what the network computes.

    Attributes:
        field: The field of `HRFormerConfig`; `load_checkpoint(path, field=value)` decides otherwise.
        value: What is assumed.
        alternatives: What it could be as well; empty where there are too many.
        reason: Why, as the end of a sentence.
    """

    field: str
    value: Any
    alternatives: tuple[Any, ...]
    reason: str

    def __str__(self) -> str:
        others = [f"{self.field}={alternative!r}" for alternative in self.alternatives]
        otherwise = " or ".join(others) or f"another {self.field}"
        return f"Assumed {self.field} = {self.value!r}, because {self.reason}; otherwise load it with {otherwise}."


@dataclass(frozen=True)
class CheckpointReport:
    """What a checkpoint was and what was made of it.

    Attributes:
        family: The code whose names its weights have: "hrformer", "authors" or "mmpose".
        evidence: How that was told, as the end of a sentence.
        weights: Which set was taken: "ema", "raw" or where it lies in the file.
        other_weights: The sets that were not; `load_checkpoint(path, weights=name)` takes one of them.
        says_its_variant: Whether the file itself says its variant, so that nothing is assumed.
        assumptions: What neither shapes nor the file tells.
        adapted: What was changed to fit, in sentences.
        doubts: Where the variant that was asked for differs from what the weights were probably trained in, in
            sentences.
        skipped: What else the file holds, by its names; it is not read.
    """

    family: Family
    evidence: str
    weights: str
    other_weights: tuple[str, ...] = ()
    says_its_variant: bool = False
    assumptions: tuple[Assumption, ...] = ()
    adapted: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Whether there was nothing to choose, to assume or to change."""
        return not (self.other_weights or self.assumptions or self.adapted or self.doubts)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it, from what matters most to what was left out."""
        told = " The file says its variant." if self.says_its_variant else ""
        origin = f"Weights of {FAMILY_NAMES[self.family]} form: {self.evidence}.{told}"
        offered = f"Took the weights {self.weights!r}; the file also holds {listed(self.other_weights)}."
        skipped = f"Left out what is no weight of the network: {listed(self.skipped)}."
        return (
            origin,
            *([offered] if self.other_weights else []),
            *map(str, self.assumptions),
            *self.doubts,
            *self.adapted,
            *([skipped] if self.skipped else []),
        )

    def __str__(self) -> str:
        return " ".join(self.sentences)
