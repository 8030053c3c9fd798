"""One training of the ablation as a value: what was trained, how well it does, how long it took.

The fields of `TrainingRecord` are the only list of columns: the store's table and the CSV files follow from them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from explorer.records.columns import (
    Column,
    check_value,
    columns_of,
    json_id,
)
from explorer.records.record import utc_timestamp

#: What an arm changes in the variant: trainings that differ in nothing else are compared.
_ARM_FIELDS = ("dw_conv", "dw_kernel_size")


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """One network, trained to the end and tested. Shares are from 0 to 1.

    Attributes:
        arm: Which arm of the comparison.
        seed: Of first weights and data order.
        steps: Updates.
        params: Parameters.
        miou: On the test pictures, as all shares.
        pixel_accuracy: Of all pixels.
        foreground_accuracy: Of digits' pixels, which of the ten digits scores highest.
        near_border_accuracy: Of digits' pixels along borders between windows, rim of the picture left out.
        away_accuracy: Of the other digits' pixels, rim left out.
        train_wall_s: Seconds of the updates, waiting for the processor included.
        step_cpu_ms: Processor time of an update, ms.
        data_cpu_share: Share of the processor time that went into the data.
        device_name: The processor.
        hostname: The machine.
        variant: The network, as `HRFormerConfig.to_dict` writes it.
        recipe: How it was trained.
        curve: On the validation pictures: a list per column, `step`, `loss` and the five shares.
        environment: As in `Record`.
        training_id: Unique.
        finished_at: UTC.

    Raises:
        ValueError: Naming the field, if a value is not legal.
    """

    arm: str
    seed: int
    steps: int
    params: int
    miou: float
    pixel_accuracy: float
    foreground_accuracy: float
    near_border_accuracy: float
    away_accuracy: float
    train_wall_s: float
    step_cpu_ms: float
    data_cpu_share: float
    device_name: str | None
    hostname: str
    variant: Mapping[str, Any]
    recipe: Mapping[str, Any]
    curve: Mapping[str, Any]
    environment: Mapping[str, Any]
    training_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    finished_at: str = field(default_factory=utc_timestamp)

    def __post_init__(self) -> None:
        for column in training_columns():
            value = check_value(column, getattr(self, column.name))
            object.__setattr__(self, column.name, value)  # the dataclass is frozen; only __post_init__ normalises

    @property
    def comparison_id(self) -> str:
        """Equal for trainings that differ in arm and seed alone."""
        rest = {name: value for name, value in self.variant.items() if name not in _ARM_FIELDS}
        return json_id({"variant": rest, "recipe": dict(self.recipe)})


@cache
def training_columns() -> tuple[Column, ...]:
    """All fields in order."""
    return columns_of(TrainingRecord)
