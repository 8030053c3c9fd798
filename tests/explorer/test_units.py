import time
from datetime import UTC, datetime

import pytest

from explorer.units import bytes_of, clock_time, counted, duration, mebibytes, signed_percent, significant, with_prefix


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1_708_032_196, "MACs", "1.71 GMACs"),
        (8_035_820, "parameters", "8.04 M parameters"),
        (999_999, "", "1 M"),
        (502, "", "502"),
        (0, "MACs", "0 MACs"),
        (2.5e15, "FLOPs", "2,500 TFLOPs"),
    ],
)
def test_counts_have_three_digits_prefix_and_unit(value: float, unit: str, text: str) -> None:
    assert with_prefix(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-2.04e-6, "-2.04e-6"), (1.2e-12, "1.2e-12"), (0.000123, "0.000123"), (-1234.5, "-1,230")],
)
def test_no_number_but_zero_is_shown_as_zero(value: float, text: str) -> None:
    assert significant(value) == text


def test_one_is_not_many() -> None:
    assert [counted(number, "branch") for number in (0, 1, 4)] == ["0 branches", "1 branch", "4 branches"]
    assert counted(1_200, "record") == "1,200 records"


@pytest.mark.parametrize(("value", "text"), [(10.72, "10.7 MiB"), (2048, "2 GiB"), (0.5, "0.5 MiB")])
def test_memory_switches_to_gibibytes(value: float, text: str) -> None:
    assert mebibytes(value) == text


@pytest.mark.parametrize(
    ("value", "reference", "text"), [(3, 2, "+50.0 %"), (1, 2, "-50.0 %"), (2, 2, "same"), (30, 2, "+1,400 %")]
)
def test_changes_are_signed(value: float, reference: float, text: str) -> None:
    assert signed_percent(value, reference) == text


def test_a_time_is_told_by_this_machines_clock_with_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "XYZ-2")  # two hours ahead
        time.tzset()
        assert clock_time(datetime(2026, 11, 26, 23, 31, tzinfo=UTC)) == "01:31 XYZ"
    time.tzset()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4GiB", 4 * 1024**3),
        ("512MiB", 512 * 1024**2),
        ("1.5 gib", 1536 * 1024**2),
        (" 2147483648 ", 2147483648),
        ("1000B", 1000),
        ("2048KiB", 2048 * 1024),
        ("1TiB", 1024**4),
    ],
)
def test_sizes_are_read_with_and_without_a_unit(text: str, value: float) -> None:
    assert bytes_of(text) == value


@pytest.mark.parametrize("text", ["", "many", "-4GiB", "4GB", "1e9", "nan", "4GiB 4GiB", "GiB"])
def test_what_is_no_size_has_no_bytes(text: str) -> None:
    assert bytes_of(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.1, "1 s"), (45, "45 s"), (89.4, "89 s"), (180, "3 min"), (3570, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations_are_read_by_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
