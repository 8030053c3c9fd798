"""The measurements that come with the explorer."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

from explorer import places
from explorer.records.exchange import import_csv
from explorer.records.record import Record
from explorer.records.store import Store, StoreError
from explorer.units import counted

#: A column that only tables of records have.
_OF_EVERY_RECORD = "record_id"


def reference_files(folder: Path = places.REFERENCE) -> list[Path]:
    """The folder's exports of records; other tables that lie there, and a folder that is missing, give none."""
    return [path for path in sorted(folder.glob("*.csv")) if _is_export(path)]


def fill_with_reference(store: Store) -> None:
    """Add the records of all files to a store, which is not the user's.

    Raises:
        StoreError: If the store cannot be written, or a file is damaged.
    """
    for path in reference_files():
        try:
            with path.open("rb") as file:
                import_csv(store, file)
        except ValueError as error:
            raise StoreError(f"The reference run {path.name} is damaged. {error}") from error


def origin_of(record: Record) -> str:
    """Which machine measured a record and when: "AMD EPYC, 2 cores, 24 GiB, torch 2.14.1, 24 November 2026"."""
    environment = record.environment
    cores, ram_mib = environment.get("cpu", {}).get("usable_cores"), environment.get("ram_mib")
    torch_version = environment.get("packages", {}).get("torch")
    day = datetime.fromisoformat(record.measured_at)
    parts = (
        record.device_name or record.device,
        cores and counted(cores, "core"),
        ram_mib and f"{ram_mib / 1024:.0f} GiB",
        torch_version and f"torch {torch_version}",
        f"{day.day} {day:%B %Y}",
    )
    return ", ".join(part for part in parts if part)


def _is_export(path: Path) -> bool:
    with path.open(newline="", encoding="utf-8") as file:
        return _OF_EVERY_RECORD in next(csv.reader(file), ())
