"""CSV files of trainings: one row each, curves included, as RFC 4180 says."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from explorer import places
from explorer.records.csv_cells import from_cell, to_cell
from explorer.records.training_record import TrainingRecord, training_columns

#: A full default run, made once.
REFERENCE_PATH = places.REFERENCE / "ablation_training.csv"

_HEADER = tuple(column.name for column in training_columns())


def write_trainings(records: Iterable[TrainingRecord], file: TextIO) -> int:
    """Write one row a training, so that `read_trainings` returns equal ones.

    Args:
        records: In the order in which they shall stand.
        file: Opened with `newline=""` and UTF-8.

    Returns:
        How many there were.
    """
    writer = csv.writer(file)
    writer.writerow(_HEADER)
    count = 0
    for record in records:
        writer.writerow([to_cell(column, getattr(record, column.name)) for column in training_columns()])
        count += 1
    return count


def read_trainings(file: TextIO) -> list[TrainingRecord]:
    """Read what `write_trainings` wrote.

    Raises:
        ValueError: If columns are missing or a value is not legal, naming it.
    """
    rows = csv.DictReader(file)
    missing = [name for name in _HEADER if name not in (rows.fieldnames or ())]
    if missing:
        raise ValueError(f"The file lacks the columns {', '.join(missing[:5])}: export the trainings again.")
    return [
        TrainingRecord(**{column.name: from_cell(column, row[column.name] or "") for column in training_columns()})
        for row in rows
    ]


def reference_trainings() -> list[TrainingRecord]:
    """The committed default run; none where the file is missing."""
    if not REFERENCE_PATH.exists():
        return []
    with REFERENCE_PATH.open(newline="", encoding="utf-8") as file:
        return read_trainings(file)
