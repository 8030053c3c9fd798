"""Records for the Comparison page: read from the store and kept until it changes, exported, imported."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from explorer.benchmark.comparison import (
    CONDITIONS,
    FIGURES,
    IDENTITY,
    SETUP,
    comparison_table,
    newest_records,
    published_accuracy,
    published_series,
)
from explorer.benchmark.exchange import Imported, import_csv, write_csv, write_timm_csv
from explorer.benchmark.reference import reference_files
from explorer.benchmark.selection import Between
from explorer.benchmark.store import Store

#: The columns of the table of all records.
LISTED = (
    "status",
    "status_reason",
    "kind",
    "model_name",
    "batch_size",
    "latency_ms_p50",
    "latency_ms_p95",
    "throughput_img_s",
    "img_height",
    "img_width",
    "device_name",
    "threads",
    "precision",
    "engine",
    "compile_mode",
    "hostname",
)
_SERVER_REFRESH_S = 30
#: Records that can be compared at all; an empty latency lies between no two numbers.
_TIMED = {"status": "ok", "latency_ms_p50": Between(0)}

State = tuple[Any, ...]
Setup = tuple[Any, ...]
#: `Filters` in a form that caches can tell apart.
ChosenFilters = tuple[tuple[str, Any], ...]


def store_state() -> State:
    """Changes whenever the store's records do; on a server, equally many others are noticed within half a minute."""
    with Store() as store:
        location, count = store.location, store.count()
    path = Path(location)
    files = [path, path.with_name(f"{path.name}-wal")]
    times = tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)
    return location, count, times if any(times) else int(time.time() // _SERVER_REFRESH_S)


@st.cache_data(max_entries=4, show_spinner="Reading the records")
def measured_conditions(state: State) -> pd.DataFrame:
    """What was measured under which conditions, see `Store.groups`."""
    with Store() as store:
        return store.groups([*CONDITIONS, "model_name"], _TIMED)


@st.cache_data(max_entries=32, show_spinner=False)
def measured_table(state: State, setup: Setup) -> pd.DataFrame:
    """The newest record of each model and batch size under a setup, see `comparison_table`."""
    filters = {**dict(zip(SETUP, setup, strict=True)), **_TIMED}
    with Store() as store:
        records = store.query(filters, columns=["status", *CONDITIONS, *IDENTITY, *FIGURES])
    return comparison_table(newest_records(records), published_accuracy())


@st.cache_data(max_entries=8, show_spinner="Reading the records")
def listed_records(state: State, filters: ChosenFilters) -> pd.DataFrame:
    """Records for the table, newest first."""
    with Store() as store:
        listed = store.query(dict(filters), columns=LISTED)
    return listed.drop(columns="origin").iloc[::-1].reset_index(drop=True)


@st.cache_data(max_entries=32, show_spinner=False)
def filter_options(state: State, column: str) -> list[Any]:
    """What occurs in a column."""
    with Store() as store:
        return store.distinct(column)


@st.cache_data(max_entries=1, show_spinner=False)
def all_published() -> pd.DataFrame:
    """The published speeds, see `published_series`."""
    return published_series(published_accuracy())


def export_data(filters: Mapping[str, Any], timm_kind: str | None = None) -> Callable[[], bytes]:
    """What writes records as a file, in the explorer's own columns or in timm's for a kind of job."""

    def data() -> bytes:
        buffer = io.StringIO(newline="")
        with Store() as store:
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
    with Store() as store:
        return import_csv(store, _WatchedFile(data, on_progress, should_stop))


def import_reference() -> Imported:
    """Add the measurements that come with the explorer; errors as `import_file`."""
    added = known = 0
    with Store() as store:
        for path in reference_files():
            with path.open("rb") as file:
                imported = import_csv(store, file)
            added, known = added + imported.added, known + imported.known
    return Imported(added, known)


class _WatchedFile(io.BytesIO):
    """A file that tells how far it was read, and breaks off when asked to."""

    def __init__(self, data: bytes, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]) -> None:
        super().__init__(data)
        self._size = len(data)
        self._on_progress = on_progress
        self._should_stop = should_stop

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            if self._should_stop():
                raise ValueError("The import was stopped: nothing was stored.")
            self._on_progress(self.tell() * 100 // self._size, 100)
            yield line
