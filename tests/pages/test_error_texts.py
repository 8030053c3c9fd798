"""What a visitor is told when something fails: no password, and no path of the machine."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from explorer.benchmark.outcome import Measured, Place, reason_of, unfinished_record
from explorer.benchmark.plan import Plan
from explorer.benchmark.running.runner import Run
from explorer.models.model_ref import model_by_name
from explorer.records.store import Store
from tests.pages.entrypoint import SMALL, open_app
from tests.pages.texts import assert_discreet, told

STORES = {
    "no folder can be made": "sqlite:////proc/nowhere/records.sqlite",
    "damaged": "sqlite:///{folder}/damaged.sqlite",
    "a folder in its place": "sqlite:///{folder}",
    "of a newer version": "sqlite:///{folder}/newer.sqlite",
    "to be read only, and missing": "sqlite:///{folder}/missing.sqlite?mode=ro",
    "out of reach": "postgresql://someone:pa55word@127.0.0.1:1/records",
    "a password among the options": "postgresql://someone@127.0.0.1:1/records?password=pa55word",
    "no socket": "postgresql://someone:pa55word@/records?host={folder}",
    "an @ in the password": "postgresql://someone:x@pa55word@127.0.0.1:1/records",
    "no host": "postgresql://someone:pa55word/records",
    "no such kind": "nosuch://someone:pa55word@host/records",
    "a password for a file": "sqlite://someone:pa55word@host/records.sqlite",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "our own results"  # blanks end a path for a pattern
    folder.mkdir()
    (folder / "damaged.sqlite").write_bytes(b"not a database" * 999)
    Store(f"sqlite:///{folder / 'newer.sqlite'}").close()
    with sqlite3.connect(folder / "newer.sqlite") as connection:
        connection.execute("UPDATE benchmark_schema SET version = 999")
    connection.close()
    st.cache_data.clear()
    yield folder
    st.cache_data.clear()


@pytest.mark.parametrize(
    ("page", "store"),
    [("comparison", store) for store in STORES]
    + [(page, store) for page in ("benchmark", "ablation", "claims") for store in ("damaged", "no socket")],
)
def test_a_store_that_fails(page: str, store: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", STORES[store].format(folder=folder))
    app = open_app(f"pages/measure/{page}.py", SMALL)
    texts = told(app)
    assert any("store" in text or "HRFORMER_RESULTS_URL" in text for text in texts)
    assert app.error or app.warning
    assert_discreet(texts, folder.parent.name, f"{folder.name}/")


def test_the_place_of_a_store_that_works_is_told_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{folder}/records.sqlite")
    texts = told(open_app("pages/measure/benchmark.py", SMALL))
    assert any("in `records.sqlite`" in text for text in texts)
    assert_discreet(texts, folder.parent.name, f"{folder.name}/")


def refused(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv/hrformer/our own/record.part")


def test_a_record_that_cannot_be_saved(folder: Path) -> None:
    run = Run(Plan(models=(model_by_name("hrformer_tiny"),)), "visitor 1", refused)
    job = run.plan.jobs()[0]
    reason = reason_of(FileNotFoundError(2, "No", "/srv/a b.so"))
    run._keep(Measured(job, unfinished_record(job, Place.here(job), "failed", reason)))
    assert_discreet([run.error or "", run.records[0].status_reason or ""], "our own/", "hrformer/")
    assert "'record.part'" in (run.error or "")
    assert "'a b.so'" in (run.records[0].status_reason or "")


@pytest.mark.parametrize(("key", "name"), [("picture_file", "a.png"), ("checkpoint_file", "a.pth")])
def test_an_upload_that_the_machine_cannot_keep(key: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_bytes", refused)
    app = open_app("pages/explore/feature_maps.py", SMALL)
    app.file_uploader(key=key).upload(name, b"anything", "application/octet-stream").run()
    (error,) = app.error
    assert "No space left on device" in error.value
    assert_discreet(told(app), "our own/")


def test_an_export_that_the_machine_cannot_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(request: dict[str, Any], *_: object) -> None:
        file = Path(request["path"]).with_name("x.onnx")
        raise ValueError(f"{file} cannot be read or written: No space left on device.")

    monkeypatch.setattr(
        "explorer.engines.export_limits.find_spec", lambda name: object()
    )  # as if its packages were there
    monkeypatch.setattr("explorer.engines.export_run._run", fail)
    app = open_app("pages/explore/architecture.py", SMALL)
    app.toggle(key="save_onnx").set_value(True).run()
    app.button(key="write_onnx").click().run()
    (error,) = app.error
    assert error.value.startswith("There is no ONNX file. x.onnx cannot be read or written")
    assert_discreet(told(app))
