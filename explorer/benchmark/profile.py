"""Where the time goes: one profile of a model, split by stage, branch, kind of work and operator, beside its MACs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Literal, TypeVar

import pandas as pd

Split = Literal["stage", "branch", "kind", "operator"]

#: As an operator: the time of a call in which none runs. On a card it stands idle meanwhile.
LAUNCH = "launch and Python"
#: Digits of a time in ms; what follows is noise.
_DIGITS = 4
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class ProfileRow:
    """Operators of one kind in one part of the network.

    Attributes:
        stage: Such as "stem", "stage 3", "head"; "other" for what no module does.
        branch: Index of the branch, highest resolution first; None for what belongs to none.
        kind: One of `explorer.cost.complexity.KINDS` for HRFormer, the operator's kind for other networks.
        operator: Kind of operator, such as "convolution", or `LAUNCH`.
        time_ms: Time per call on the whole batch, ms: on a card that of its kernels, on the CPU that of the operators.
        macs: Multiply-adds per call on the whole batch.
    """

    stage: str
    branch: int | None
    kind: str
    operator: str
    time_ms: float
    macs: int


@dataclass(frozen=True)
class Profile:
    """A profiled call.

    Attributes:
        model_name: The model.
        batch_size: Images per call.
        img_size: (height, width) in pixels.
        unobserved_ms: Time of the same call without the profiler, taken in turn with it, ms.
        rows: Time and work; both are complete, nothing is counted twice.
    """

    model_name: str
    batch_size: int
    img_size: tuple[int, int]
    unobserved_ms: float
    rows: tuple[ProfileRow, ...]

    @property
    def time_ms(self) -> float:
        """Time of a call from its start to its end, ms: longer than `unobserved_ms` by the profiler's own cost."""
        return sum(row.time_ms for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-adds of a call."""
        return sum(row.macs for row in self.rows)

    def shares(self, by: Split) -> pd.DataFrame:
        """Time beside work.

        Returns:
            One row per value of `by`, in the network's order, with the columns `by`, `time_ms`, `macs`, `time_share`,
            `macs_share`; shares are 0 to 1 and add up to 1. What belongs to no branch has branch -1.
        """
        frame = pd.DataFrame([asdict(row) for row in self.rows])
        frame["branch"] = frame["branch"].fillna(-1).astype(int)
        sums = frame.groupby(by, sort=by == "branch")[["time_ms", "macs"]].sum().reset_index()
        sums["time_share"] = sums["time_ms"] / self.time_ms
        sums["macs_share"] = sums["macs"] / self.macs
        return sums

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Profile:
        """The inverse of `to_dict`."""
        height, width = values["img_size"]
        rows = tuple(ProfileRow(**row) for row in values["rows"])
        return cls(**{**values, "img_size": (height, width), "rows": rows})


def typical(calls: Sequence[Profile]) -> Profile:
    """One profile of several calls of a model: as robust as a median, and its parts still add up to the whole.

    Args:
        calls: At least one.

    Returns:
        The means over the middle third of the calls, ordered by their times; `unobserved_ms` likewise.
    """
    middle = _middle(sorted(calls, key=lambda call: call.time_ms))
    rows = [{replace(row, time_ms=0.0): row.time_ms for row in call.rows} for call in middle]
    times_ms = {
        row: fmean(times.get(row, 0.0) for times in rows) for row in dict.fromkeys(row for call in rows for row in call)
    }
    return replace(
        calls[0],
        unobserved_ms=round(fmean(_middle(sorted(call.unobserved_ms for call in calls))), _DIGITS),
        rows=tuple(replace(row, time_ms=round(time_ms, _DIGITS)) for row, time_ms in times_ms.items()),
    )


def _middle(ranked: Sequence[_Value]) -> Sequence[_Value]:
    outside = (len(ranked) - 1) // 3
    return ranked[outside : len(ranked) - outside]
