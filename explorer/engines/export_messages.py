"""What an exporting process tells its parent."""

from __future__ import annotations

from dataclasses import dataclass

from explorer.processes.messages import Message, Worker


@dataclass(frozen=True)
class StepBegun(Message):
    """A step begins.

    Attributes:
        done: Steps before it.
        total: All steps.
    """

    done: int
    total: int


@dataclass(frozen=True)
class Exported(Message):
    """The file is written and checked; the last message.

    Attributes:
        summary: One sentence on what was written and how closely it follows the model.
    """

    summary: str


EXPORT_WORKER: Worker[StepBegun | Exported] = Worker(
    "explorer.engines.export_worker", "exporting", (StepBegun, Exported)
)
