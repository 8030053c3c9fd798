"""Records for the Comparison page: read from the store and kept until it changes, exported, imported."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from explorer.comparison.tables import (
    CONDITIONS,
    FIGURES,
    IDENTITY,
    SETUP,
    comparison_table,
    newest_records,
    published_series,
)
from explorer.file_times import modified_ns
from explorer.models.accuracy import published_accuracy
from explorer.reading.uploads import ReadTable, table_from_upload
from explorer.records.exchange import (
    Imported,
    import_table,
    write_csv,
    write_timm_csv,
)
from explorer.records.reference import fill_with_reference, origin_of
from explorer.records.selection import Between
from explorer.records.store import Store
from explorer.ui.measure.page_store import page_store

#: The columns of the table of all records.
LISTED = (
    "model_name",
    "batch_size",
    "latency_ms_p50",
    "latency_ms_p95",
    "throughput_img_s",
    "status",
    "status_reason",
    "kind",
    "engine",
    "measured_at",
    "runnable_threads",
    "ran_beside",
    "img_height",
    "img_width",
    "device_name",
    "threads",
    "precision",
    "compile_mode",
    "hostname",
)
_SERVER_REFRESH_S = 30
#: Records that can be compared at all; an empty latency lies between no two numbers.
_TIMED = {"status": "ok", "latency_ms_p50": Between(0)}


class State(NamedTuple):
    """What a store holds at a moment; another as soon as its records change.

    Attributes:
        location: File or URL of the store.
        records: How many it holds.
        changed: When it was changed last, as far as that is known.
    """

    location: str
    records: int
    changed: Any = None


#: The records that come with the explorer, in a store of their own.
REFERENCE = State("the reference run", 0)
Setup = tuple[Any, ...]
#: `Filters` in a form that caches can tell apart.
ChosenFilters = tuple[tuple[str, Any], ...]


def store_state() -> State:
    """Of the user's store; on a server, equally many other records are noticed within half a minute."""
    with page_store() as store:
        location, count = store.location, store.count()
    path = Path(location)
    files = [path, path.with_name(f"{path.name}-wal")]
    times = tuple(map(modified_ns, files))  # SQLite deletes its log as soon as nobody has the store open
    return State(location, count, times if any(times) else int(time.time() // _SERVER_REFRESH_S))


def state_to_compare(own: State) -> State:
    """The user's store, or the reference run until it holds a record that can be compared."""
    return REFERENCE if measured_conditions(own).empty else own


@st.cache_data(max_entries=4, show_spinner="Reading the records")
def measured_conditions(state: State) -> pd.DataFrame:
    """What was measured under which conditions, see `Store.groups`."""
    with _opened(state) as store:
        return store.groups([*CONDITIONS, "model_name"], _TIMED)


@st.cache_data(max_entries=32, show_spinner=False)
def measured_table(state: State, setup: Setup) -> pd.DataFrame:
    """The newest record of each model and batch size under a setup, see `comparison_table`."""
    filters = {**dict(zip(SETUP, setup, strict=True)), **_TIMED}
    with _opened(state) as store:
        records = store.query(filters, columns=["status", *CONDITIONS, *IDENTITY, *FIGURES])
    return comparison_table(newest_records(records), published_accuracy())


@st.cache_data(max_entries=8, show_spinner="Reading the records")
def listed_records(state: State, filters: ChosenFilters) -> pd.DataFrame:
    """Records for the table, newest first."""
    with _opened(state) as store:
        listed = store.query(dict(filters), columns=LISTED)
    return listed.drop(columns="origin").iloc[::-1].reset_index(drop=True)


@st.cache_data(max_entries=32, show_spinner=False)
def filter_options(state: State, column: str) -> list[Any]:
    """What occurs in a column."""
    with _opened(state) as store:
        return store.distinct(column)


@st.cache_data(max_entries=8, show_spinner=False)
def reference_origin(setup: Setup) -> str:
    """Which machine measured the reference run under a setup, and when."""
    with _opened(REFERENCE) as store:
        return origin_of(next(store.records(dict(zip(SETUP, setup, strict=True)))))


@st.cache_data(max_entries=1, show_spinner=False)
def all_published() -> pd.DataFrame:
    """The published speeds, see `published_series`."""
    return published_series(published_accuracy())


def export_data(state: State, filters: Mapping[str, Any], timm_kind: str | None = None) -> Callable[[], bytes]:
    """What writes records as a file, in the explorer's own columns or in timm's for a kind of job."""

    def data() -> bytes:
        buffer = io.StringIO(newline="")
        with _opened(state) as store:
            if timm_kind is None:
                write_csv(store.records(filters), buffer)
            else:
                write_timm_csv(store.records(filters), buffer, timm_kind)
        return buffer.getvalue().encode()

    return data


def import_file(data: bytes, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> Imported:
    """Add an uploaded CSV's records to the store, all or none.

    Raises:
        ValueError: If the file is not an export of records.
        StoreError: If the store cannot be written.
    """
    with table_from_upload(data) as table, page_store() as store:
        return import_table(store, _WatchedTable(table, on_progress, should_stop))


def _opened(state: State) -> AbstractContextManager[Store]:
    return Store(f"sqlite:///{_reference_folder().name}/reference.sqlite") if state == REFERENCE else page_store()


@st.cache_resource(show_spinner=False)
def _reference_folder() -> tempfile.TemporaryDirectory[str]:
    """Holds the reference run as a store, so that it is read as any other; it goes with the server."""
    folder = tempfile.TemporaryDirectory(prefix="hrformer-reference-")
    with Store(f"sqlite:///{folder.name}/reference.sqlite") as store:
        fill_with_reference(store)
    return folder


class _WatchedTable:
    """A table that tells how far it was taken, and breaks off when asked to."""

    def __init__(
        self, table: ReadTable, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]
    ) -> None:
        self._table = table
        self.header = table.header
        self.delimiter = table.delimiter
        self._on_progress = on_progress
        self._should_stop = should_stop

    def __iter__(self) -> Iterator[tuple[int, Sequence[str]]]:
        for done, row in enumerate(self._table, 1):
            if self._should_stop():
                raise ValueError("The import was stopped: nothing was stored.")
            yield row
            self._on_progress(done * 100 // self._table.count, 100)
