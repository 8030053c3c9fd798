"""Kinds of file that are read under limits: what the reading process does, and hands back as plain data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from explorer.reading.limits import Limits

Read = Callable[[Path, Path, str | None], dict[str, Any]]
"""Reads a file, or the part of it that is named, writes what it holds to another, and says the rest as JSON values."""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        limits: What reading one may take.
        read: Runs in the reading process; what it raises as a ValueError is a sentence for the user.
    """

    limits: Limits
    read: Read


def _read_picture(path: Path, answer: Path, _part: str | None) -> dict[str, Any]:
    from explorer.pictures.photographs import read_picture

    picture = read_picture(path.read_bytes())
    answer.write_bytes(picture.pixels.tobytes())
    return {"shape": picture.pixels.shape, "note": picture.note}


def _read_checkpoint(path: Path, answer: Path, part: str | None) -> dict[str, Any]:
    from explorer.reading.weight_places import hand_over
    from hrformer.checkpoint import read_weights

    stored = read_weights(path, part)
    return {"told": stored.description(), "places": hand_over(stored, answer)}


def _read_table(path: Path, answer: Path, _part: str | None) -> dict[str, Any]:
    from explorer.reading.csv_rows import Rows

    with path.open("rb") as file, answer.open("w", encoding="utf-8", newline="\n") as lines:
        rows = Rows(file)
        count = 0
        for row in chain([(1, rows.header)], rows):
            lines.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return {"delimiter": rows.delimiter, "lines": count}


def _read_plan(path: Path, answer: Path, _part: str | None) -> dict[str, Any]:
    from explorer.reading.plan_text import read_plan_text

    answer.write_text(json.dumps(read_plan_text(path.read_bytes())), encoding="utf-8")
    return {}


PICTURE = "picture"
CHECKPOINT = "checkpoint"
TABLE = "table"
PLAN = "plan"
KINDS = {
    PICTURE: Kind(Limits(seconds=5, memory_mib=800, written_mib=16), _read_picture),
    CHECKPOINT: Kind(Limits(seconds=5, memory_mib=300, written_mib=16), _read_checkpoint),
    TABLE: Kind(Limits(seconds=10, memory_mib=200, written_mib=32), _read_table),
    PLAN: Kind(Limits(seconds=5, memory_mib=100, written_mib=1), _read_plan),
}
