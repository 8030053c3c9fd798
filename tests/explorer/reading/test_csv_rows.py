"""Files within the limits are read as they are; beyond them no work is done that the limits do not bound."""

import io

import pytest

from explorer.reading import csv_rows
from explorer.reading.csv_rows import Rows

MIB = 2**20
#: The first row and one more, as long as they may be.
MOST_BYTES = 64 * 1024 + 4 * MIB
#: As many rows as may be, each in a line, and the header.
MOST_LINES = 20_000 + 3


class CountedFile(io.BytesIO):
    """Knows how much of it was read: the work that reading it is."""

    lines = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        self.lines += 1
        return super().readline(size)


def rows_of(content: bytes) -> list[tuple[int, list[str]]]:
    return list(Rows(io.BytesIO(content)))


def test_rows_keep_their_numbers_and_blank_lines_are_none() -> None:
    rows = Rows(io.BytesIO(b'a,b\r\n1,"x\ny,z"\r\n\r\n3,4'))
    assert rows.header == ["a", "b"]
    assert list(rows) == [(2, ["1", "x\ny,z"]), (4, ["3", "4"])]


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [(b"a,b;c,d\n", ","), (b"a;b;c,d\n", ";"), (b"a\tb\n", "\t"), (b"sep=\t\na,b,c\n", "\t"), (b"a\n", ",")],
)
def test_the_header_tells_the_separator(content: bytes, delimiter: str) -> None:
    assert Rows(io.BytesIO(content)).delimiter == delimiter


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"," * 32 * MIB, "The first row has more than 64 KiB"),
        (b"\xc3\xa4" * 16 * MIB, "The first row has more than 64 KiB"),
        (b"a,b\n" + b"," * 32 * MIB, "The row that ends in line 2 has more than 4 MiB"),
        (b'a,b\n"x' + b"," * 32 * MIB, "The row that ends in line 2 has more than 4 MiB"),
        (b'a,b\nx"' + b"," * 32 * MIB, "The row that ends in line 2 has more than 4 MiB"),
        (b"a,b\n" + (b'"\n"' + b"," * MIB) * 32, "The row that ends in line 6 has more than 4 MiB"),
        (b"a,b\n" + b"\n" * 32 * MIB, "The file has more than 20,000 rows"),
        (b'a,b\n"' + b"\n" * 32 * MIB, "The row that ends in line 10002 has more than 10,000 lines"),
        (b"sep=" + b";" * 32 * MIB, "The first row has more than 64 KiB"),
        (b"sep=|\na|b\n", "The line sep= names no separator that is read"),
        (b"sep=;", "The file is empty"),
        (b"a,b\n" + b"x" * 64 * MIB, "The file has 64 MiB, and at most 64 MiB"),
        (b"x" * 65 * MIB, "The file has 65 MiB, and at most 64 MiB are read: export fewer records"),
        ("\ufeffa,b\n1,2".encode("utf-16-le"), "The file is UTF-16 text"),
        ("a,b\n1,\xe4".encode("latin-1"), "Line 2 is not UTF-8 text, but perhaps Latin-1"),
    ],
)
def test_what_would_be_much_work_is_refused_at_once(content: bytes, message: str) -> None:
    file = CountedFile(content)
    with pytest.raises(ValueError, match=message):
        list(Rows(file))
    assert file.tell() <= MOST_BYTES + 2
    assert file.lines <= MOST_LINES


def test_a_wide_table_is_refused_by_as_much_of_its_header_as_no_record_has() -> None:
    file = CountedFile(b"a," * 2 * 10**6)
    with pytest.raises(ValueError, match="The first row has more than 64 KiB"):
        Rows(file)
    assert (file.tell(), file.lines) == (64 * 1024 + 1, 1)


def test_reading_stops_after_its_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MAX_SECONDS", -1.0)
    with pytest.raises(ValueError, match=r"Reading stopped after .* of processor time, at row 2"):
        rows_of(b"a,b\n1,2\n")


def test_as_many_rows_as_allowed_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MAX_ROWS", 3)
    assert len(rows_of(b"a\n1\n2\n3\n")) == 3
    with pytest.raises(ValueError, match="The file has more than 3 rows"):
        rows_of(b"a\n1\n2\n3\n4\n")
