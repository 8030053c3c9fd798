"""CSV files by which records travel: export of any selection, import from another machine, and timm's columns.

Files are as RFC 4180 says (UTF-8, lines end with CR LF); with other line ends a lone CR within a text would be lost.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, TextIO

from explorer.reading.csv_rows import Rows, Table
from explorer.records.csv_cells import (
    from_cell,
    neutralise,
    to_cell,
    with_decimal_point,
)
from explorer.records.migrations import LATER_FIGURES, engine_before
from explorer.records.record import Record, columns
from explorer.records.store import Store
from hrformer.wording import shown

#: Follows from `config`; for readers of the file, and to notice where one of the two was changed.
_CONFIG_ID = "config_id"
HEADER = (*(column.name for column in columns()), _CONFIG_ID)
#: Files from before there were engines lack it: it follows from other columns then.
_ENGINE = "engine"
#: Columns that files of earlier versions lack.
_LATER = (_ENGINE, "product_macs", *LATER_FIGURES, "ran_beside")

_TIMM_PREFIXES = {"inference": "infer", "training_step": "train"}


class Imported(NamedTuple):
    """What an import did.

    Attributes:
        added: Records that are new in the store.
        known: Records whose id the store had already; they stay as they were.
    """

    added: int
    known: int


def write_csv(records: Iterable[Record], file: TextIO) -> int:
    """Write one row a record, so that `read_csv` returns equal records.

    Args:
        records: Such as `Store.records(...)`.
        file: Opened with `newline=""` and UTF-8.

    Returns:
        How many there were.
    """
    writer = csv.writer(file)
    writer.writerow(HEADER)
    count = 0
    for record in records:
        writer.writerow([*(to_cell(column, getattr(record, column.name)) for column in columns()), record.config_id])
        count += 1
    return count


def read_csv(file: BinaryIO) -> Iterator[Record]:
    """Read what `write_csv` wrote, also after a spreadsheet has saved it with semicolons or tabs and decimal commas.

    Args:
        file: Opened as binary.

    Raises:
        ValueError: As `read_table`, or one sentence that names a limit of `csv_rows`.
    """
    return read_table(Rows(file))


def read_table(table: Table) -> Iterator[Record]:
    """Make records of the rows of what `write_csv` wrote.

    Raises:
        ValueError: One sentence that names the row (the header is row 1) and the column.
    """
    _check_header(table.header)
    for number, cells in table:
        yield _record(number, table.header, cells, has_decimal_commas=table.delimiter != ",")


def import_csv(store: Store, file: BinaryIO) -> Imported:
    """Add a file's records to a store: all of them, or none if anything in the file is wrong.

    Raises:
        ValueError: As `read_csv`.
        StoreError: If the store cannot be written.
    """
    return import_table(store, Rows(file))


def import_table(store: Store, table: Table) -> Imported:
    """Add a table's records to a store: all of them, or none if anything in the table is wrong.

    Raises:
        ValueError: As `read_table`.
        StoreError: If the store cannot be written.
    """
    read = 0

    def counted() -> Iterator[Record]:
        nonlocal read
        for record in read_table(table):
            read += 1
            yield record

    added = store.add_all(counted())
    return Imported(added, read - added)


def write_timm_csv(records: Iterable[Record], file: TextIO, kind: str = "inference") -> int:
    """Write one row a record as timm's `benchmark.py` does, fastest first, for tools that read its results folder.

    timm's times are means and these medians; its image size is the width; its activation count is not measured here
    and stays empty. Records that failed or are of another kind are left out. timm runs models as they are: under
    another engine a model's name says so.

    Args:
        records: Any records.
        file: Opened with `newline=""` and UTF-8.
        kind: "inference" or "training_step".

    Returns:
        How many rows there are.

    Raises:
        ValueError: If timm has no columns for the kind.
    """
    if kind not in _TIMM_PREFIXES:
        raise ValueError(f"timm has no columns for {kind!r}: use one of {', '.join(_TIMM_PREFIXES)}.")
    rows = [_timm_row(record, _TIMM_PREFIXES[kind]) for record in records if record.kind == kind and _is_timed(record)]
    rows.sort(key=lambda row: row[1], reverse=True)
    writer = csv.writer(file)
    writer.writerow(_timm_header(_TIMM_PREFIXES[kind]))
    writer.writerows(rows)
    return len(rows)


def _check_header(header: Sequence[str]) -> None:
    wrong = {
        "lacks": [name for name in HEADER if name not in header and name not in _LATER],
        "has unknown": [name for name in header if name not in HEADER],
        "repeats": [name for name in HEADER if header.count(name) > 1],
    }
    found = [f"{verb} {', '.join(map(shown, names[:5]))}" for verb, names in wrong.items() if names]
    if found:
        raise ValueError(
            f"The columns are not those of an export of records: the file {' and '.join(found)}. "
            "Export the records again with this version of the explorer."
        )


def _record(number: int, header: Sequence[str], cells: Sequence[str], *, has_decimal_commas: bool) -> Record:
    by_name = dict(zip(header, cells, strict=True))
    config_id = by_name.pop(_CONFIG_ID)
    if _ENGINE not in by_name:
        by_name[_ENGINE] = engine_before(by_name["model_source"], by_name["kind"], by_name["compile_mode"])
    try:
        if has_decimal_commas:
            by_name |= {
                column.name: with_decimal_point(by_name[column.name])
                for column in columns()
                if column.type is float and column.name in by_name
            }
        values = {column.name: from_cell(column, by_name.get(column.name, "")) for column in columns()}
        later = {name: reason for name, reason in LATER_FIGURES.items() if name not in by_name}
        record = Record(**{**values, "reasons": {**later, **values["reasons"]}})
    except ValueError as error:
        raise ValueError(f"Row {number}: {error}") from error
    if record.config_id != config_id:
        raise ValueError(
            f"Row {number}: config_id = {shown(config_id)} does not go with config, whose id is {record.config_id}."
        )
    return record


def _is_timed(record: Record) -> bool:
    return record.status == "ok" and record.throughput_img_s is not None and record.latency_ms_p50 is not None


def _timm_header(prefix: str) -> list[str]:
    measured = ("samples_per_sec", "step_time", "batch_size", "img_size")
    counted = ("infer_gmacs", "infer_macts") if prefix == "infer" else ()
    return ["model", *(f"{prefix}_{name}" for name in measured), *counted, "param_count"]


def _timm_row(record: Record, prefix: str) -> list[Any]:
    gmacs = "" if record.macs is None else round(record.macs / 1e9, 2)
    name = record.model_name if record.engine == "eager" else f"{record.model_name} ({record.engine})"
    return [
        neutralise(name),
        round(record.throughput_img_s or 0, 2),
        round(record.latency_ms_p50 or 0, 3),
        record.batch_size,
        record.img_width,
        *((gmacs, "") if prefix == "infer" else ()),
        "" if record.params is None else round(record.params / 1e6, 2),
    ]
