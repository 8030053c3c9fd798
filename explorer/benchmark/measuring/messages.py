"""What the measuring process tells the parents of its passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from explorer.benchmark.outcome import Place
from explorer.benchmark.profile import Profile
from explorer.processes.messages import Message, Worker
from explorer.records.figures import Figures
from explorer.records.record import Record


@dataclass(frozen=True)
class Placed(Message):
    """Where the process runs, and on what; the first message of every pass over jobs."""

    place: Place

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """From the fields as JSON values."""
        return cls(Place.from_dict(values["place"]))


@dataclass(frozen=True)
class Doing(Message):
    """What is being done to a job.

    Attributes:
        index: The job's place in the request.
        phase: Such as "warming up" or "measuring".
        share: How much of the job's work is done, 0 to 1.
        samples: Timed calls so far.
        p50_ms: Their median, ms; None before the first.
    """

    index: int
    phase: str
    share: float
    samples: int = 0
    p50_ms: float | None = None


@dataclass(frozen=True)
class Alone(Message):
    """What the first pass found.

    Attributes:
        batch_size: The job's, or the largest that fits.
        figures: Memory and compile time.
    """

    batch_size: int
    figures: Figures

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """From the fields as JSON values."""
        return cls(values["batch_size"], Figures.from_dict(values["figures"]))


@dataclass(frozen=True)
class Recorded(Message):
    """The record of a job in the second pass; index is the job's place in the request."""

    index: int
    record: Record

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """From the fields as JSON values."""
        return cls(values["index"], Record(**values["record"]))


@dataclass(frozen=True)
class Profiled(Message):
    """The profile of one observed call."""

    profile: Profile

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """From the fields as JSON values."""
        return cls(Profile.from_dict(values["profile"]))


@dataclass(frozen=True)
class DeviceState(Message):
    """What a device says of itself.

    Attributes:
        available_mib: Free memory, MiB; None where nobody knows.
        uuid: Of a card; None off CUDA.
    """

    available_mib: float | None
    uuid: str | None


_MODULE = "explorer.benchmark.measuring.worker"
ALONE_WORKER: Worker[Placed | Doing | Alone] = Worker(_MODULE, "measuring", (Placed, Doing, Alone))
TOGETHER_WORKER: Worker[Placed | Doing | Recorded] = Worker(_MODULE, "measuring", (Placed, Doing, Recorded))
PROFILE_WORKER: Worker[Placed | Profiled] = Worker(_MODULE, "measuring", (Placed, Profiled))
DEVICE_WORKER: Worker[DeviceState] = Worker(_MODULE, "measuring", (DeviceState,))
