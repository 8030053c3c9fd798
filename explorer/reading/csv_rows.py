"""The rows of a CSV file that a user supplies, read within stated limits, however a spreadsheet has saved it.

A limit on the file alone bounds no work: 32 MiB of commas are 32 million cells. What is counted here are rows, the
characters of a row (so that no row has more cells than that), its lines, and the reader's own processor time.
"""

from __future__ import annotations

import codecs
import csv
import os
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from explorer.units import KIB, MIB

#: Largest file that is read; about 20,000 records with fifty samples each.
MAX_FILE_MIB = 64
MAX_ROWS = 20_000
#: A record with 200,000 samples has less.
MAX_ROW_MIB = 4
#: A quoted cell may go over many lines; a record's texts hardly do.
MAX_ROW_LINES = 10_000
#: The names of a record's columns take 1 KiB.
MAX_HEADER_KIB = 64
#: Of processor time of the thread that reads, for reading and for what is made of the rows meanwhile.
MAX_SECONDS = 30.0

_DELIMITERS = ",;\t"
_SEPARATOR_LINE = "sep="
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ENCODINGS = "save the file as CSV in UTF-8"


class Table(Protocol):
    """Numbered rows of cells, each with as many as the header, which is row 1."""

    @property
    def header(self) -> Sequence[str]:
        """The first row's cells."""

    @property
    def delimiter(self) -> str:
        """What separated the cells: a comma, a semicolon or a tab."""

    def __iter__(self) -> Iterator[tuple[int, Sequence[str]]]: ...


class Rows:
    """The table in a file.

    Args:
        file: Opened as binary, or an upload.

    Attributes:
        header: The first row's cells.
        delimiter: What separates the cells: a comma, a semicolon or a tab.

    Raises:
        ValueError: One sentence, here and while rows are read, if the file is no CSV or beyond the limits.
    """

    def __init__(self, file: BinaryIO) -> None:
        _check_size(file)
        self._file = file
        self._lines_read = 0
        self._row_size = self._row_lines = 0
        self._until = time.thread_time() + MAX_SECONDS
        first = self._header_line()
        if first.lower().startswith(_SEPARATOR_LINE):
            self.delimiter = _separator(first)
            first = self._header_line()
        else:
            self.delimiter = max(_DELIMITERS, key=first.count)
        # The module's limit is for the whole process: it is only ever raised.
        csv.field_size_limit(max(MAX_ROW_MIB * MIB, csv.field_size_limit()))
        self._reader = csv.reader(self._lines(first), delimiter=self.delimiter, strict=True)
        self.header = self._next(1) or []
        if not self.header:
            raise ValueError("The file is empty: its first row names the columns.")

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """The rows after the header; blank lines are no rows, but count."""
        number = 1
        while (cells := self._next(number := number + 1)) is not None:
            if number > MAX_ROWS + 1:
                raise ValueError(
                    f"The file has more than {MAX_ROWS:,} rows, and at most so many are read: export fewer records "
                    "at once."
                )
            if time.thread_time() > self._until:
                raise ValueError(
                    f"Reading stopped after {MAX_SECONDS:.0f} s of processor time, at row {number}: export fewer "
                    "records at once."
                )
            if not cells:
                continue
            if len(cells) != len(self.header):
                raise ValueError(
                    f"Row {number} has {len(cells)} cells for {len(self.header)} columns: each needs one, even if "
                    "empty."
                )
            yield number, cells

    def _next(self, number: int) -> list[str] | None:
        self._row_size = self._row_lines = 0
        try:
            return next(self._reader, None)
        except csv.Error as error:
            raise ValueError(
                f"Row {number} is not CSV ({error}): separate with commas, quote with double quotes."
            ) from None

    def _lines(self, first: str) -> Iterator[str]:
        line = first
        while line:
            self._row_size += len(line)
            self._row_lines += 1
            if self._row_size > MAX_ROW_MIB * MIB:
                raise _too_long(f"The row that ends in line {self._lines_read}", f"{MAX_ROW_MIB} MiB")
            if self._row_lines > MAX_ROW_LINES:
                raise _too_long(f"The row that ends in line {self._lines_read}", f"{MAX_ROW_LINES:,} lines")
            yield line
            line = self._line(MAX_ROW_MIB * MIB)

    def _header_line(self) -> str:
        line = self._line(MAX_HEADER_KIB * KIB)
        if len(line) > MAX_HEADER_KIB * KIB:
            raise _too_long("The first row", f"{MAX_HEADER_KIB} KiB")
        return line

    def _line(self, limit: int) -> str:
        """The next line, or as much of it as shows that it is too long."""
        raw = self._file.readline(limit + 1)
        self._lines_read += 1
        if self._lines_read == 1 and raw.startswith(_UTF16_MARKS):
            raise ValueError(f"The file is UTF-16 text, as spreadsheets save “Unicode text”: {_ENCODINGS}.")
        try:
            # Spreadsheets put a byte-order mark in front of the first line.
            return raw.decode("utf-8-sig" if self._lines_read == 1 else "utf-8")
        except UnicodeDecodeError:
            if len(raw) > limit:  # cut within a character
                return "x" * len(raw)
            raise ValueError(
                f"Line {self._lines_read} is not UTF-8 text, but perhaps Latin-1 or Windows-1252: {_ENCODINGS}."
            ) from None


def _check_size(file: BinaryIO) -> None:
    size_mib = file.seek(0, os.SEEK_END) / MIB
    file.seek(0)
    if size_mib > MAX_FILE_MIB:
        raise ValueError(
            f"The file has {size_mib:.0f} MiB, and at most {MAX_FILE_MIB} MiB are read: export fewer records at once."
        )


def _separator(line: str) -> str:
    """What the line `sep=;`, which Excel understands, names."""
    separator = line[len(_SEPARATOR_LINE) :].rstrip("\r\n")
    if len(separator) != 1 or separator not in _DELIMITERS:
        raise ValueError("The line sep= names no separator that is read: use a comma, a semicolon or a tab.")
    return separator


def _too_long(what: str, limit: str) -> ValueError:
    return ValueError(f"{what} has more than {limit}, which no record has: export the records again.")
