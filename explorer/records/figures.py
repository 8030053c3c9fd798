"""Figures on their way into a record: those that were had, and the reasons for those that were not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figures:
    """Some of a record's figures, by the record's field names.

    Attributes:
        values: Field name to value, never None.
        reasons: Field name to the reason why that figure could not be had.
    """

    values: Mapping[str, float | int | bool] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, value: float | bool | None, reason: str) -> Figures:
        """One figure; the reason counts where the value is None."""
        return cls(reasons={name: reason}) if value is None else cls(values={name: value})

    def __or__(self, other: Figures) -> Figures:
        """Both together; a value wins over a reason, the later value over the earlier."""
        values = {**self.values, **other.values}
        reasons = {**self.reasons, **other.reasons}
        return Figures(values, {name: reason for name, reason in reasons.items() if name not in values})

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"values": dict(self.values), "reasons": dict(self.reasons)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Figures:
        """The inverse of `to_dict`."""
        return cls(values["values"], values["reasons"])
