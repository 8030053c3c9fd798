"""The measurements that come with the explorer."""

from __future__ import annotations

import csv
from pathlib import Path

REFERENCE_FOLDER = Path(__file__).parents[2] / "results" / "reference"

#: A column that only tables of records have.
_OF_EVERY_RECORD = "record_id"


def reference_files(folder: Path = REFERENCE_FOLDER) -> list[Path]:
    """The folder's exports of records; other tables that lie there, and a folder that is missing, give none."""
    return [path for path in sorted(folder.glob("*.csv")) if _is_export(path)]


def _is_export(path: Path) -> bool:
    with path.open(newline="", encoding="utf-8") as file:
        return _OF_EVERY_RECORD in next(csv.reader(file), ())
