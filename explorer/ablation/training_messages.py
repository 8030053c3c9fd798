"""What a training process tells its parent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from explorer.processes.messages import Message, Worker
from explorer.records.training_record import TrainingRecord


@dataclass(frozen=True)
class StepDone(Message):
    """Told after every update.

    Attributes:
        step: Updates done.
        loss: Of the last one.
        curve: One entry per look at the validation pictures: step, loss and `Scores`.
    """

    step: int
    loss: float
    curve: list[dict[str, float]]


@dataclass(frozen=True)
class Trained(Message):
    """The result of a training; the last message."""

    record: TrainingRecord

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """From the fields as JSON values."""
        return cls(TrainingRecord(**values["record"]))


TRAINING_WORKER: Worker[StepDone | Trained] = Worker(
    "explorer.ablation.training_worker", "training", (StepDone, Trained)
)
