"""Rankings of parts as tables and CSV, and the one that ships for the network trained on digits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from explorer import places
from explorer.ablation.parts import read_part
from explorer.ablation.worth import Change, Ranked
from explorer.records.csv_cells import table_csv

#: Made by `make ranking`: every part of the network that ships, over 64 test pictures.
REFERENCE_PATH = places.REFERENCE / "part_ranking.csv"

_COLUMNS = ("part", "name", "score", "score without it", "change", "95 % low", "95 % high")


def ranking_table(ranking: Sequence[Ranked]) -> pd.DataFrame:
    """One line a part; scores are shares from 0 to 1, and empty where nothing is known to be right."""
    return pd.DataFrame([_row(ranked) for ranked in ranking], columns=_COLUMNS)


def write_ranking(ranking: Sequence[Ranked], path: Path) -> None:
    """Write the table to a file, shares to five digits.

    Raises:
        OSError: If it cannot be written.
    """
    path.write_bytes(table_csv(ranking_table(ranking).round(5)))


def read_ranking(path: Path) -> list[Ranked]:
    """What `write_ranking` wrote.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is another file.
    """
    table = pd.read_csv(path)
    missing = [column for column in _COLUMNS if column not in table]
    if missing:
        raise ValueError(f"{path.name} is no ranking of parts: it lacks the column {missing[0]}.")
    return [
        Ranked(
            read_part(str(text)), Change(_figure(before), _figure(after), float(change), _figure(low), _figure(high))
        )
        for text, _, before, after, change, low, high in table[[*_COLUMNS]].itertuples(index=False)
    ]


def reference_ranking() -> list[Ranked]:
    """The one that ships; empty where the file is missing."""
    return read_ranking(REFERENCE_PATH) if REFERENCE_PATH.exists() else []


def _row(ranked: Ranked) -> tuple[object, ...]:
    change = ranked.change
    return ranked.part.text, ranked.part.name, change.before, change.after, change.change, change.low, change.high


def _figure(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
