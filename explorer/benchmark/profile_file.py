"""Profiles as a file, with where and when they were taken; one such file comes with the explorer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from explorer import places
from explorer.benchmark.outcome import Place
from explorer.benchmark.profile import Profile, ProfileRow
from explorer.benchmark.profile_comparison import SHARED_KIND
from explorer.records.columns import Column, check_value, columns_of
from hrformer.wording import shown

REFERENCE_FILE = places.REFERENCE / "profiles.json"

_ROW = columns_of(ProfileRow)
_OF_PROFILE = {column.name: column for column in columns_of(Profile)}
_RAN_BESIDE = Column("ran_beside", str, optional=True, choices=())


@dataclass(frozen=True)
class ProfiledRun:
    """Profiles of one run.

    Attributes:
        measured_at: When it ended, ISO 8601 in UTC.
        place: Where it ran.
        profiles: What it found.
        ran_beside: What else of this program ran on the machine meanwhile, as of records; None where nobody looked.
    """

    measured_at: str
    place: Place
    profiles: tuple[Profile, ...]
    ran_beside: str | None = None


def write_profiles(run: ProfiledRun, path: Path) -> None:
    """Write a run as JSON, a row of a profile a line."""
    head = {"measured_at": run.measured_at, "place": run.place.to_dict(), "ran_beside": run.ran_beside}
    text = _with_lines(head, "profiles", map(_written, run.profiles))
    path.write_text(f"{text}\n", encoding="utf-8")


def read_profiles(path: Path) -> ProfiledRun:
    """Read what `write_profiles` wrote.

    Raises:
        ValueError: If it is no such file, or a value in it is not legal; one sentence.
        OSError: If it can't be read.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        profiles = tuple(map(_profile, values["profiles"]))
        beside = check_value(_RAN_BESIDE, values.get("ran_beside"))  # which files of earlier versions lack
        return ProfiledRun(values["measured_at"], Place.from_dict(values["place"]), profiles, beside)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path.name} holds no profiles ({type(error).__name__}: {error}): make it again with python -m explorer "
            "profile."
        ) from error


@lru_cache(maxsize=1)
def reference_profiles() -> ProfiledRun | None:
    """The profiles that come with the explorer; None where they do not."""
    return read_profiles(REFERENCE_FILE) if REFERENCE_FILE.exists() else None


def _written(profile: Profile) -> str:
    head = {name: value for name, value in profile.to_dict().items() if name != "rows"}
    return _with_lines(head, "rows", (json.dumps(astuple(row)) for row in profile.rows))


def _with_lines(head: Mapping[str, Any], name: str, texts: Iterable[str]) -> str:
    """An object that ends with a list, each of whose values, JSON already, begins a line."""
    lines = ",\n".join(texts)
    return f'{json.dumps(head)[:-1]}, "{name}": [\n{lines}\n]}}'


def _profile(values: Mapping[str, Any]) -> Profile:
    checked = {name: check_value(_OF_PROFILE[name], values[name]) for name in ("model_name", "batch_size")}
    unobserved_ms = check_value(_OF_PROFILE["unobserved_ms"], values["unobserved_ms"])
    height, width = values["img_size"]
    rows = tuple(map(_row, values["rows"]))
    return Profile(**checked, img_size=(height, width), unobserved_ms=unobserved_ms, rows=rows)


def _row(cells: list[Any]) -> ProfileRow:
    row = ProfileRow(*(check_value(column, cell) for column, cell in zip(_ROW, cells, strict=True)))
    if row.operator not in SHARED_KIND:
        raise ValueError(f"operator = {shown(row.operator)} is not legal: use one of {', '.join(SHARED_KIND)}")
    if row.time_ms < 0:
        raise ValueError(f"time_ms = {row.time_ms} is not legal: a time is not negative")
    return row
