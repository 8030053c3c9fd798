from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.comparison.tables import comparison_table
from explorer.models.accuracy import published_accuracy
from explorer.records.exchange import (
    HEADER,
    import_csv,
    read_csv,
    write_csv,
    write_timm_csv,
)
from explorer.records.record import Record
from explorer.records.store import Store
from tests.explorer.records.examples import (
    as_before_load,
    example_record,
    failed_record,
    records,
)


def exported(*rows: Record) -> bytes:
    text = io.StringIO(newline="")
    assert write_csv(rows, text) == len(rows)
    return text.getvalue().encode()


def changed(content: bytes, row: int, column: str, cell: str) -> bytes:
    """The same file with one cell changed; the header is row 1."""
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    rows[row - 1][HEADER.index(column)] = cell
    return as_csv(rows)


def as_csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def read(content: bytes) -> list[Record]:
    return list(read_csv(io.BytesIO(content)))


@settings(deadline=None, max_examples=60)
@given(st.lists(records, max_size=3))
def test_records_return_exactly_as_they_left(originals: list[Record]) -> None:
    assert read(exported(*originals)) == originals


def test_one_row_a_record_with_units_in_the_names() -> None:
    rows = list(csv.DictReader(io.StringIO(exported(example_record(), failed_record()).decode())))
    assert len(rows) == 2
    assert rows[0]["latency_ms_p50"] == "2.0"
    assert rows[0]["throughput_img_s"] == "4000.0"
    assert rows[0]["config_id"] == example_record().config_id
    assert rows[0]["power_w"] == ""  # empty, never zero
    assert rows[1]["status"] == "out_of_memory"


def test_no_text_cell_starts_a_formula() -> None:
    attack = '=HYPERLINK("http://example.org",A1)'
    record = failed_record(model_name=attack, hostname="@SUM(A1)", device_name="-1", status_reason="\t=1")
    cells = list(csv.reader(io.StringIO(exported(record).decode(), newline="")))[1]
    numbers = {"temperature_c"}
    dangerous = [name for name, cell in zip(HEADER, cells, strict=True) if cell[:1] in tuple("=+-@\t\r") and cell]
    assert set(dangerous) <= numbers
    assert read(exported(record)) == [record]


def test_spreadsheets_byte_order_mark_line_ends_and_blank_lines_do_no_harm() -> None:
    content = exported(example_record(record_id="6ba7b810-9dad-11d1-80b4-00c04fd430c8"))
    saved = b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n") + b"\r\n"
    assert read(saved) == read(content)


def test_columns_may_come_in_any_order() -> None:
    rows = list(csv.reader(io.StringIO(exported(example_record()).decode())))
    assert read(as_csv([row[::-1] for row in rows])) == read(as_csv(rows))


def test_files_of_earlier_versions_are_read() -> None:
    original = example_record(product_macs=None)
    later = ("engine", "product_macs", "runnable_threads", "load_average_1min", "ran_beside")
    rows = list(csv.reader(io.StringIO(exported(original).decode(), newline="")))
    kept = [column for column, name in enumerate(HEADER) if name not in later]
    assert read(as_csv([[row[column] for column in kept] for row in rows])) == [as_before_load(original)]


def test_an_import_adds_what_is_new_and_nothing_twice(store: Store) -> None:
    first, second, third = (example_record(hostname=f"bench-{number}") for number in range(3))
    store.add(first)
    assert import_csv(store, io.BytesIO(exported(first, second))) == (1, 1)
    assert import_csv(store, io.BytesIO(exported(first, second, third))) == (1, 2)
    assert import_csv(store, io.BytesIO(exported(third, third))) == (0, 2)
    assert [store.get(record.record_id) for record in (first, second, third)] == [first, second, third]
    assert store.count() == 3


def test_what_ran_beside_travels_and_is_marked_where_it_arrives(store: Store) -> None:
    records = [
        example_record(model_name=name, ran_beside=beside)
        for name, beside in (("resnet18", "1 benchmark, 2 trainings"), ("resnet34", "nothing"), ("resnet50", None))
    ]
    import_csv(store, io.BytesIO(exported(*records)))
    assert [store.get(record.record_id) for record in records] == records
    table = comparison_table(store.query(), published_accuracy()).set_index("model")
    assert table["ran_beside"].dropna().to_dict() == {"resnet18": "1 benchmark, 2 trainings"}


def test_an_exported_store_is_the_same_store_elsewhere(store: Store, tmp_path: Path) -> None:
    store.add_all([example_record(), failed_record()])
    path = tmp_path / "records.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        write_csv(store.records(), file)
    with Store(f"sqlite:///{tmp_path / 'other.sqlite'}") as other, path.open("rb") as file:
        import_csv(other, file)
        assert list(other.records()) == list(store.records())


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("batch_size", "many", "Row 502: batch_size = 'many' cannot be read"),
        ("batch_size", "", "Row 502: batch_size is empty: give a whole number"),
        ("latency_ms_p50", "-2.0", "Row 502: latency_ms_p50 = -2.0 is not legal"),
        ("status", "super", "Row 502: status = 'super' is not legal: give one of"),
        ("measured_at", "22.11.2026", "Row 502: measured_at = '22.11.2026' is not legal"),
        ("power_w", "12", "Row 502: reasons names power_w, which has a value"),
        ("config", "{}", "Row 502: config_id = .* does not go with config"),
    ],
)
def test_a_wrong_cell_names_row_and_column_and_nothing_is_imported(
    store: Store, column: str, cell: str, message: str
) -> None:
    # The last of more rows than are inserted at once.
    content = changed(exported(*(example_record() for _ in range(501))), 502, column, cell)
    with pytest.raises(ValueError, match=message):
        import_csv(store, io.BytesIO(content))
    assert store.count() == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The file is empty: its first row names the columns"),
        (b"model,top1\nhrnet,80\n", "lacks 'record_id', .* and has unknown 'model', 'top1'"),
        (as_csv([[*HEADER[:-1]]]), "The columns .* lacks 'config_id'"),
        (as_csv([[*HEADER, "status"]]), "repeats 'status'"),
        (as_csv([[*HEADER], ["a", "b"]]), "Row 2 has 2 cells for"),
        (b"PK\x03\x04\xff\xfe", "Line 1 is not UTF-8 text, but perhaps Latin-1 or Windows-1252: save"),
        ("record_id;modèle\n".encode("latin-1"), "Line 1 is not UTF-8 text, but perhaps Latin-1 or Windows-1252"),
        ("record_id".encode("utf-16"), "The file is UTF-16 text"),
        (exported(example_record()) + b'"open', "Row 3 is not CSV"),
        (exported(example_record())[:-40], "Row 2"),
    ],
)
def test_a_file_that_is_no_export_is_refused_in_one_sentence(sqlite_store: Store, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        import_csv(sqlite_store, io.BytesIO(content))
    assert "\n" not in str(refused.value)
    assert sqlite_store.count() == 0


def test_a_writer_gets_its_record_in_while_an_import_is_parsed(sqlite_store: Store, tmp_path: Path) -> None:
    benchmark = Store(f"sqlite:///{sqlite_store.location}", lock_timeout_s=0.2)
    own = example_record(hostname="benchmark")

    class Watched(io.BytesIO):
        lines = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.lines += 1
            if self.lines == 900:  # the first rows have been parsed long ago
                assert benchmark.add(own)
            return super().readline(size)

    content = exported(*(example_record() for _ in range(1000)))
    assert import_csv(sqlite_store, Watched(content)) == (1000, 0)
    assert benchmark.get(own.record_id) == own
    assert benchmark.count() == 1001


@pytest.mark.parametrize(("delimiter", "first"), [(";", ""), ("\t", ""), (",", "sep=,\r\n"), (";", "SEP=;\r\n")])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_other_separators_and_decimal_commas_are_read(delimiter: str, first: str, mark: bytes) -> None:
    original = example_record(latency_ms_p99=4.25e-3 + 4, latency_ms_iqr=1.5)
    rows = list(csv.reader(io.StringIO(exported(original).decode(), newline="")))
    if delimiter != ",":
        place = HEADER.index("latency_ms_p99")
        assert rows[1][place] == "4.00425"
        rows[1][place] = "4,00425"
        rows[1][HEADER.index("latency_ms_iqr")] = "15,0E-1"
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    assert read(mark + (first + text.getvalue()).encode()) == [original]


def test_a_comma_within_a_number_is_named_where_commas_separate() -> None:
    content = changed(exported(example_record()), 2, "latency_ms_p50", "1,234")
    with pytest.raises(ValueError, match="Row 2: latency_ms_p50 = '1,234' cannot be read: write it with a decimal po"):
        read(content)


def test_many_samples_fit_into_a_cell() -> None:
    record = example_record(samples_ms=tuple(number / 7 for number in range(20_000)), samples_count=20_000)
    assert read(exported(record)) == [record]


def test_timms_columns_and_numbers() -> None:
    slow = example_record(model_name="deit_tiny_patch16_224", img_height=224, img_width=224, throughput_img_s=158.256)
    fast = example_record(model_name="hrnet_w48", params=77_470_000, macs=17_340_000_000)
    training = example_record(kind="training_step")
    text = io.StringIO(newline="")
    assert write_timm_csv([slow, fast, training, failed_record()], text) == 2
    assert text.getvalue().splitlines() == [
        "model,infer_samples_per_sec,infer_step_time,infer_batch_size,infer_img_size,infer_gmacs,infer_macts,param_count",
        "hrnet_w48,4000.0,2.0,8,192,17.34,,77.47",
        "deit_tiny_patch16_224,158.26,2.0,8,224,1.83,,8.04",
    ]


def test_timms_training_columns() -> None:
    text = io.StringIO(newline="")
    assert write_timm_csv([example_record(kind="training_step"), example_record()], text, "training_step") == 1
    assert text.getvalue().splitlines() == [
        "model,train_samples_per_sec,train_step_time,train_batch_size,train_img_size,param_count",
        "hrformer_tiny,4000.0,2.0,8,192,8.04",
    ]
    with pytest.raises(
        ValueError, match="timm has no columns for 'largest_batch': use one of inference, training_step"
    ):
        write_timm_csv([], text, "largest_batch")
