"""Pages whose results store can only be read: they show its records, and say in one sentence that they can't store."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from explorer.records.exchange import write_csv
from explorer.records.store import Store
from tests.explorer.records.examples import example_record
from tests.pages.entrypoint import open_app


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "records.sqlite"
    with Store(f"sqlite:///{path}") as opened:
        opened.add(example_record(model_name="our_own_model"))
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///file:{path}?mode=ro&uri=true")
    st.cache_data.clear()
    yield path
    st.cache_data.clear()


@pytest.mark.usefixtures("store")
def test_records_are_compared_as_ever() -> None:
    app = open_app("pages/measure/comparison.py")
    assert not [*app.error, *app.warning]
    assert any("our_own_model" in str(table.value) for table in app.dataframe)


@pytest.mark.usefixtures("store")
def test_the_benchmark_says_before_it_measures_that_nothing_will_be_stored() -> None:
    app = open_app("pages/measure/benchmark.py")
    (warning,) = [warning.value for warning in app.warning if "read-only" in warning.value]
    assert warning.startswith("The store records.sqlite is read-only: leave out mode=ro, or set HRFORMER_RESULTS_URL")
    assert not app.error
    assert not app.button(key="start_run").disabled  # its records can be downloaded


@pytest.mark.usefixtures("store")
def test_a_training_that_could_not_be_kept_does_not_begin() -> None:
    app = open_app("pages/measure/ablation.py")
    assert not app.error
    app.button(key="start_training").click().run()
    assert not app.exception
    (error,) = app.error
    assert error.value.startswith("The store records.sqlite is read-only")


def test_an_import_is_refused_and_leaves_the_store_alone(store: Path) -> None:
    file = io.StringIO(newline="")
    write_csv([example_record()], file)
    before = store.read_bytes()
    app = open_app("pages/measure/comparison.py")
    app.file_uploader(key="import_csv").upload("gpu.csv", file.getvalue().encode(), "text/csv").run()
    assert not app.exception
    (error,) = app.error
    assert error.value.startswith("The store records.sqlite is read-only")
    assert store.read_bytes() == before
