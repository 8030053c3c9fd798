"""The store of measured records: a SQLite file by default, or any database that SQLAlchemy speaks to.

Every `add` is committed when it returns. Several processes may write at once, and one that is killed loses no record
that it has added.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import BigInteger, Boolean, Connection, CursorResult, Double, RowMapping, delete, func, insert, select

from explorer.places import URL_VARIABLE, store_url
from explorer.records.database import (
    copy_sqlite,
    is_read_only,
    location_of,
    open_engine,
    parse_url,
    sqlite_path,
    writing,
)
from explorer.records.migrations import bring_up_to_date
from explorer.records.record import Record
from explorer.records.schema import (
    DETAILS,
    RECORDS,
    TRAININGS,
    details_row,
    record_from_row,
    record_row,
    training_from_row,
    training_row,
)
from explorer.records.selection import Filters, column_of, conditions
from explorer.records.store_errors import StoreError, explained
from explorer.records.training_record import TrainingRecord
from explorer.units import MIB

__all__ = ["MEASURED", "Store", "StoreError"]

#: What the column `origin` says of the store's figures; published ones say "published".
MEASURED = "measured"

_BATCH = 500
_READ_BLOCK = 2_000
_MIN_FREE_MIB = 64
_ALWAYS_READ = ("record_id", "measured_at")

#: A record's row of each of both tables.
_Rows = tuple[dict[str, Any], dict[str, Any]]


class Store:
    """An open store; threads may share it, processes open their own.

    Attributes:
        location: File or URL (without password), for messages.
        read_only: Whether records can only be read.

    Raises:
        StoreError: On every failure, here and in all methods: one sentence that says what would work.
    """

    def __init__(self, url: str | None = None, *, lock_timeout_s: float = 30.0) -> None:
        """Open a store, made if it is missing and updated if it is of an older version.

        Args:
            url: SQLAlchemy URL; the environment variable HRFORMER_RESULTS_URL, or else `default_store`.
            lock_timeout_s: How long a writer waits for the others, in seconds.
        """
        parsed = parse_url(url or store_url())
        self._path = sqlite_path(parsed)
        self.location = location_of(parsed)
        self.read_only = is_read_only(parsed)
        self._remedy = "leave out mode=ro" if parsed.query else "allow writing to the file and its folder"
        self._engine = open_engine(parsed, lock_timeout_s)
        try:
            with explained(self.location):
                bring_up_to_date(self._engine, self.location, read_only=self.read_only)
        except StoreError:
            self.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; the store must not be used any more."""
        self._engine.dispose()

    def check_writable(self) -> None:
        """Find out before a long measurement whether its records could be stored."""
        self._refuse_if_read_only()
        with explained(self.location):
            if self._path is not None:
                free_mib = shutil.disk_usage(self._path.parent).free // MIB
                if free_mib < _MIN_FREE_MIB:
                    raise StoreError(
                        f"The store {self.location} has {free_mib} MiB left on its disk: free at least "
                        f"{_MIN_FREE_MIB} MiB, or set {URL_VARIABLE} to a store elsewhere."
                    )
            with writing(self._engine) as connection:
                connection.execute(delete(RECORDS).where(RECORDS.c.record_id == ""))  # takes the lock, finds nothing

    def back_up(self, path: Path) -> None:
        """Write a copy of the store as it is now, while others go on using it: one SQLite file, or none at all.

        Args:
            path: A new file.
        """
        if self._path is None:
            raise StoreError(f"The store {self.location} is on a server: back it up with the server's own pg_dump.")
        if path.exists() or not path.parent.is_dir():
            reason = "is there already" if path.exists() else "lies in no folder that there is"
            raise StoreError(f"{path} {reason}: name a new file in a folder that exists.")
        part = path.with_name(f"{path.name}.part")
        try:
            with explained(str(path)):
                part.unlink(missing_ok=True)
                copy_sqlite(self._engine, part)
                part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def add(self, record: Record) -> bool:
        """Store one record; it is safe once this returns.

        Returns:
            False if the store had a record of that id already, which then stays as it is.
        """
        return self.add_all([record]) == 1

    def add_all(self, records: Iterable[Record]) -> int:
        """Store all records, or none if anything fails, also within the iterable.

        Everything is taken from the iterable before other writers have to wait.

        Returns:
            How many were new; those whose id is there already stay as they are.
        """
        self._refuse_if_read_only()
        # Of equal ids the first counts. Rows take a fraction of the records' memory.
        rows: dict[str, _Rows] = {}
        for record in records:
            rows.setdefault(record.record_id, (record_row(record), details_row(record)))
        remaining = iter(rows.items())
        added = 0
        with explained(self.location), writing(self._engine) as connection:
            while batch := dict(islice(remaining, _BATCH)):
                added += _insert_new(connection, batch)
        return added

    def get(self, record_id: str) -> Record:
        """One record with its samples."""
        for record in self.records({"record_id": record_id}):
            return record
        raise StoreError(f"The store {self.location} has no record {record_id}: it may have been deleted meanwhile.")

    def records(self, filters: Filters | None = None) -> Iterator[Record]:
        """Whole records with their samples, oldest first, read as they are consumed."""
        both = select(RECORDS, *(column for column in DETAILS.columns if column.name != "record_id")).join(DETAILS)
        for condition in conditions(filters or {}):
            statement = both.where(condition).order_by(RECORDS.c.measured_at, RECORDS.c.record_id)
            with explained(self.location), self._engine.connect() as connection:
                for row in connection.execution_options(yield_per=_BATCH).execute(statement).mappings():
                    yield self._record(row)

    def query(self, filters: Filters | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The records' figures as a table, oldest first, without samples, configuration, environment and reasons.

        Args:
            filters: Column name to value, list of values, `Between` or None (empty); all records by default.
            columns: What to read besides `record_id` and `measured_at`: everything by default, but fewer is faster.

        Returns:
            One row a record; units are in the column names, empty figures are NA, `origin` is "measured".

        Raises:
            ValueError: If a name is not a column of the store.
        """
        names = dict.fromkeys((*_ALWAYS_READ, *(RECORDS.columns.keys() if columns is None else columns)))
        wanted = [column_of(name) for name in names]
        values: dict[str, list[Any]] = {name: [] for name in names}
        with explained(self.location), self._engine.connect() as connection:
            for condition in conditions(filters or {}):
                _read_columns(connection.execute(select(*wanted).where(condition)), values)
        return _frame(values)

    def count(self, filters: Filters | None = None) -> int:
        """Number of records."""
        with explained(self.location), self._engine.connect() as connection:
            counts = (
                select(func.count()).select_from(RECORDS).where(condition) for condition in conditions(filters or {})
            )
            return sum(connection.scalar(count) or 0 for count in counts)

    def groups(self, columns: Sequence[str], filters: Filters | None = None) -> pd.DataFrame:
        """Distinct combinations of columns with `records` (their number) and `newest` (their last `measured_at`).

        The database counts, so that a page that only needs the choices does not read every record.

        Raises:
            ValueError: If a name is not a column of the store.
        """
        wanted = [column_of(name) for name in columns]
        counted = select(*wanted, func.count(), func.max(RECORDS.c.measured_at)).group_by(*wanted)
        rows: list[Any] = []
        with explained(self.location), self._engine.connect() as connection:
            for condition in conditions(filters or {}):
                rows += connection.execute(counted.where(condition)).all()
        *values, records, newest = zip(*rows, strict=True) if rows else [()] * (len(wanted) + 2)
        frame = pd.DataFrame({name: _array(name, column) for name, column in zip(columns, values, strict=True)})
        return frame.assign(records=list(records), newest=list(newest))

    def distinct(self, column: str) -> list[Any]:
        """The values that occur in a column, sorted, without None."""
        values = column_of(column)
        with explained(self.location), self._engine.connect() as connection:
            return list(connection.scalars(select(values).where(values.is_not(None)).distinct().order_by(values)))

    def delete(self, record_ids: Sequence[str]) -> int:
        """Delete records for good.

        Returns:
            How many there were.
        """
        self._refuse_if_read_only()
        deleted = 0
        with explained(self.location), writing(self._engine) as connection:
            for condition in conditions({"record_id": list(record_ids)}):
                deleted += connection.execute(delete(RECORDS).where(condition)).rowcount  # details follow by cascade
        return deleted

    def add_training(self, record: TrainingRecord) -> bool:
        """Store one training of the ablation; it is safe once this returns.

        Returns:
            False if the store had a training of that id already, which then stays as it is.
        """
        self._refuse_if_read_only()
        with explained(self.location), writing(self._engine) as connection:
            same = select(TRAININGS.c.training_id).where(TRAININGS.c.training_id == record.training_id)
            if connection.scalar(same) is not None:
                return False
            connection.execute(insert(TRAININGS), [training_row(record)])
        return True

    def trainings(self) -> list[TrainingRecord]:
        """All trainings of the ablation, oldest first."""
        ordered = select(TRAININGS).order_by(TRAININGS.c.finished_at, TRAININGS.c.training_id)
        with explained(self.location), self._engine.connect() as connection:
            rows = connection.execute(ordered).mappings().all()
        try:
            return [training_from_row(row) for row in rows]
        except ValueError as error:
            raise StoreError(f"A training of the store {self.location} is damaged: {error}") from error

    def _refuse_if_read_only(self) -> None:
        if self.read_only:
            raise StoreError(
                f"The store {self.location} is read-only: {self._remedy}, or set {URL_VARIABLE} to a store elsewhere."
            )

    def _record(self, row: RowMapping) -> Record:
        try:
            return record_from_row(row)
        except ValueError as error:
            raise StoreError(f"Record {row['record_id']} of the store {self.location} is damaged: {error}") from error


def _insert_new(connection: Connection, batch: Mapping[str, _Rows]) -> int:
    stored = set(connection.scalars(select(RECORDS.c.record_id).where(RECORDS.c.record_id.in_(batch))))
    new = [rows for record_id, rows in batch.items() if record_id not in stored]
    if new:
        connection.execute(insert(RECORDS), [row for row, _ in new])
        connection.execute(insert(DETAILS), [details for _, details in new])
    return len(new)


def _read_columns(result: CursorResult[Any], values: Mapping[str, list[Any]]) -> None:
    """Append a result column by column, from the driver's own rows: SQLAlchemy's rows would take twice as long."""
    cursor = result.cursor
    while cursor and (block := cursor.fetchmany(_READ_BLOCK)):
        for column, part in zip(values.values(), zip(*block, strict=True), strict=True):
            column.extend(part)


def _frame(values: Mapping[str, list[Any]]) -> pd.DataFrame:
    """Typed columns: pandas' guess would turn numbers with gaps into floats, and empty columns into objects."""
    frame = pd.DataFrame({name: _array(name, column) for name, column in values.items()})
    frame["origin"] = MEASURED
    return frame.sort_values("measured_at", kind="stable", ignore_index=True)


def _array(name: str, values: Sequence[Any]) -> Any:
    sql_type = RECORDS.columns[name].type
    if isinstance(sql_type, Double):
        return np.array(values, dtype=float)
    if isinstance(sql_type, BigInteger):
        return pd.array(values, dtype="Int64")
    return pd.array(values, dtype="boolean" if isinstance(sql_type, Boolean) else "string")
