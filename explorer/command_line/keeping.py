"""Keeps what was measured: in the store, and in a CSV file where the store refuses it."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from explorer.records.exchange import write_csv
from explorer.records.record import Record
from explorer.records.store import Store, StoreError


class RecordKeeper:
    """Stores each record as it comes; threads may share it.

    Args:
        store: Where records belong.
        folders: Where they go, as one CSV file, while the store refuses them; the first that can be written.
        name: Of that file.
    """

    def __init__(self, store: Store, folders: tuple[Path, ...], name: str) -> None:
        self._store = store
        self._folders = folders
        self._name = name
        self._lock = threading.Lock()
        self._refused: list[Record] = []
        self._refusal = ""
        self._csv_path: Path | None = None

    def keep(self, record: Record) -> None:
        """Store a record, or write it beside with all that were refused before."""
        with self._lock:
            try:
                self._store.add(record)
            except StoreError as error:
                self._refused.append(record)
                self._refusal = str(error)
                self._csv_path = self._write_refused()

    def problem(self) -> str | None:
        """What became of records that the store refused; None if it took all."""
        if not self._refused:
            return None
        count = f"{len(self._refused)} record{'s' if len(self._refused) > 1 else ''}"
        if self._csv_path is None:
            tried = ", ".join(map(str, self._folders))
            return f"{self._refusal} {count} could not be kept: none of {tried} can be written."
        return f"{self._refusal} {count} went to {self._csv_path}: add them later with python -m explorer import."

    def _write_refused(self) -> Path | None:
        for folder in self._folders:
            path = folder / self._name
            try:
                with path.open("w", newline="", encoding="utf-8") as file:
                    write_csv(self._refused, file)
            except OSError:  # full or read-only as well; perhaps the next is not
                continue
            return path
        return None


def spare_folders(store: Store) -> tuple[Path, ...]:
    """Beside the store where that is a file, where the command runs, and where temporary files go."""
    location = Path(store.location)
    beside = (location.parent,) if location.is_absolute() and location.parent.is_dir() else ()
    return (*beside, Path.cwd(), Path(tempfile.gettempdir()))
