"""The Comparison page, from the entrypoint, on stores of its own."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer.records.exchange import write_csv
from explorer.records.record import Record
from explorer.records.store import Store
from explorer.ui.measure import comparison_data
from tests.explorer.records.examples import example_record, failed_record
from tests.pages.entrypoint import open_app
from tests.pages.texts import errors, notes, titles

PAGE = "pages/measure/comparison.py"
SECTIONS = ("Latency", "Batch size", "Accuracy", "Work and peak", "Roofline", "Records")
LATENCIES_MS = {"hrformer_tiny": 160.0, "hrformer_base": 671.0, "hrnet_w48": 335.5, "deit_base_patch16_224": 333.0}


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    address = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("HRFORMER_RESULTS_URL", address)
    yield address
    st.cache_data.clear()


def measured() -> list[Record]:
    return [
        example_record(
            model_name=model,
            batch_size=batch,
            img_height=224,
            img_width=224,
            latency_ms_p50=latency * batch,
            latency_ms_p95=latency * batch * 1.1,
            throughput_img_s=1e3 / latency,
        )
        for model, latency in LATENCIES_MS.items()
        for batch in (1, 8)
    ]


@pytest.fixture
def filled(url: str) -> str:
    with Store(url) as store:
        store.add_all([*measured(), failed_record()])
    return url


def test_an_empty_store_opens_on_the_reference_run_and_stays_empty(url: str) -> None:
    app = open_app(PAGE)
    assert "**Reference run**" in notes(app)
    assert "AMD EPYC, 2 cores" in notes(app)
    assert "24 November 2026" in notes(app)
    # results/reference/README.md: 2,700 and 1,610 ms at batch 8
    assert "HRFormer-B takes 1.67 times as long as HRNet-W48" in titles(app)
    assert "HRFormer-B has 0.24 times HRNet-W48's throughput" in titles(app).replace("\\u003cbr\\u003e", " ")
    assert list(app.dataframe[0].value["batch_size"]) == [8] * 8
    for section in SECTIONS[1:]:
        app.segmented_control(key="comparison_section").set_value(section).run()
        assert not app.exception, section
        assert not app.error, section
    assert len(app.dataframe[0].value) == 16  # of the setup with most models; four are of pose networks
    app.toggle(key="only_this_setup").set_value(False).run()
    assert len(app.dataframe[0].value) == 20
    with Store(url) as store:
        assert store.count() == 0


def test_the_reference_run_leaves_with_the_first_own_record(url: str) -> None:
    app = open_app(PAGE)
    with Store(url) as store:
        store.add(failed_record())  # nothing that could be compared
    app.run()
    assert "**Reference run**" in notes(app)
    app.segmented_control(key="comparison_section").set_value("Records").run()
    assert list(app.dataframe[0].value["status"]) == ["out_of_memory"]  # but something that can be listed
    with Store(url) as store:
        store.add(example_record())
    app.segmented_control(key="comparison_section").set_value("Latency").run()
    assert "**Reference run**" not in notes(app)
    assert list(app.dataframe[0].value["model"]) == ["HRFormer-T"]
    assert "Xeon" in app.selectbox(key="setup").value


@pytest.fixture
def without_reference(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installation that lacks the folder of results."""
    monkeypatch.setattr(comparison_data, "fill_with_reference", lambda store: None)
    comparison_data._reference_folder.clear()
    st.cache_data.clear()
    yield
    comparison_data._reference_folder.clear()


def test_without_any_record_the_page_says_what_to_do(without_reference: None) -> None:
    app = open_app(PAGE)
    assert "No record has been measured yet" in notes(app)
    assert "HRFormer-B has 0.24 times" in titles(app)
    assert not app.error


@pytest.mark.parametrize("section", ["Latency", "Accuracy", "Work and peak", "Roofline"])
@pytest.mark.parametrize("batch", [1, 8])
def test_nothing_measured_is_drawn_at_another_batch_than_the_chosen_one(filled: str, section: str, batch: int) -> None:
    app = open_app(PAGE)
    app.selectbox(key="batch_size").set_value(batch).run()
    app.segmented_control(key="comparison_section").set_value(section).run()
    measured = [
        trace
        for chart in app.get("plotly_chart")
        for trace in json.loads(chart.proto.spec)["data"]
        if "<extra>measured</extra>" in trace.get("hovertemplate", "")
    ]
    models = [name for trace in measured for name in written(trace)]
    assert len(models) == len(LATENCIES_MS) == len(set(models))
    assert set(app.dataframe[0].value["batch_size"]) == {batch}


def written(trace: dict) -> list[str]:
    """The models of a trace: a bar's labels, or the first of what a point tells when hovered."""
    return trace["y"] if trace["type"] == "bar" else [row[0] for row in trace["customdata"]]


def test_the_batch_whose_medians_can_be_trusted_is_shown_first(url: str) -> None:
    with Store(url) as store:
        store.add_all(
            example_record(model_name=model, batch_size=batch, wide_spread=wide)
            for model, batch, wide in (
                ("hrnet_w18", 1, True),
                ("hrformer_tiny", 1, False),
                ("hrnet_w18", 4, False),
                ("hrformer_tiny", 4, False),
                ("hrformer_tiny", 8, False),
            )
        )
    assert open_app(PAGE).selectbox(key="batch_size").value == 4


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_opens(filled: str, section: str) -> None:
    app = open_app(PAGE)
    app.segmented_control(key="comparison_section").set_value(section).run()
    assert not app.exception
    assert not app.error
    assert app.get("plotly_chart") or section == "Records"


def test_the_title_says_the_ratio_to_the_chosen_baseline(filled: str) -> None:
    app = open_app(PAGE)
    assert "HRFormer-B takes 2.00 times as long as HRNet-W48" in titles(app)
    app.selectbox(key="baseline").set_value("DeiT-B").run()
    assert f"HRFormer-B takes {671 / 333:.2f} times as long as DeiT-B" in titles(app)


def test_engines_are_named_and_can_be_chosen(filled: str) -> None:
    faster = example_record(
        model_name="hrformer_base",
        batch_size=8,
        img_height=224,
        img_width=224,
        latency_ms_p50=1342.0,
        latency_ms_p95=1400.0,
        throughput_img_s=6.0,
        engine="ONNX Runtime",
    )
    app = open_app(PAGE)
    assert "engines" not in [choice.key for choice in app.multiselect]  # there is one only
    with Store(filled) as store:
        store.add(faster)
    app.run()
    app.selectbox(key="batch_size").set_value(8).run()
    assert "HRFormer-B \\u00b7 ONNX Runtime" in titles(app) or "HRFormer-B · ONNX Runtime" in titles(app)
    app.multiselect(key="engines").set_value(["ONNX Runtime"]).run()
    assert not app.exception
    assert app.selectbox(key="batch_size").options == ["8"]


@pytest.mark.parametrize("cost", ["Latency", "Peak memory", "Work", "Parameters"])
def test_accuracy_against_every_cost(filled: str, cost: str) -> None:
    app = open_app(PAGE)
    app.segmented_control(key="comparison_section").set_value("Accuracy").run()
    app.segmented_control(key="accuracy_cost").set_value(cost).run()
    assert not app.exception
    assert "Pareto front, measured" in titles(app)
    assert ("Work per image, GMACs" in titles(app)) == (cost == "Work")


def test_a_filter_on_models_leaves_the_others_out(filled: str) -> None:
    app = open_app(PAGE)
    app.multiselect(key="models").set_value(["HRFormer-T", "HRNet-W48"]).run()
    assert set(app.dataframe[0].value["model"]) == {"HRFormer-T", "HRNet-W48"}
    assert "HRFormer-T takes 0.48 times as long" in titles(app)


LATER_MODEL = "swin_tiny_patch4_window7_224"


@pytest.fixture
def several_setups(filled: str) -> str:
    """Beside the setup with all models one at 256x192 with three, of which one is its own, and a card with one."""
    at_256 = {"img_height": 256, "img_width": 192, "batch_size": 1}
    on_card = {"device": "cuda", "device_name": "H100", "threads": None, "img_height": 224, "img_width": 224}
    with Store(filled) as store:
        store.add_all(example_record(model_name=name, **at_256) for name in ("hrformer_tiny", "hrnet_w48", LATER_MODEL))
        store.add(example_record(model_name="deit_base_patch16_224", batch_size=1, **on_card))
    return filled


def choose_setup(app: AppTest, words: str) -> None:
    (label,) = (option for option in app.selectbox(key="setup").options if words in option)
    app.selectbox(key="setup").set_value(label).run()
    assert not app.exception
    assert not app.error


def compared(app: AppTest) -> set[str]:
    """The models of the table; none where there is no table."""
    return set(app.dataframe[0].value["model"]) if app.dataframe else set()


def test_a_filter_on_models_outlives_the_setup(several_setups: str) -> None:
    app = open_app(PAGE)
    app.multiselect(key="models").set_value(["HRFormer-T", "HRFormer-B"]).run()
    choose_setup(app, "256x192")
    assert compared(app) == {"HRFormer-T"}  # and not Swin-T, which nobody chose
    assert app.multiselect(key="models").value == ["HRFormer-T", "HRFormer-B"]
    assert set(app.multiselect(key="models").options) == {
        "HRFormer-T",
        "HRFormer-B (not measured here)",
        "HRNet-W48",
        "Swin-T",
    }
    choose_setup(app, "Xeon, 2 threads · fp32 · 224x224")
    assert compared(app) == {"HRFormer-T", "HRFormer-B"}
    app.selectbox(key="batch_size").set_value(8).run()
    assert compared(app) == {"HRFormer-T", "HRFormer-B"}


def test_a_model_added_to_the_filter_under_another_setup_joins_those_that_are_missing_there(
    several_setups: str,
) -> None:
    app = open_app(PAGE)
    app.multiselect(key="models").set_value(["HRFormer-T", "HRFormer-B"]).run()
    choose_setup(app, "256x192")
    app.multiselect(key="models").set_value(["HRFormer-T", "HRFormer-B", "HRNet-W48"]).run()
    assert compared(app) == {"HRFormer-T", "HRNet-W48"}
    choose_setup(app, "Xeon, 2 threads · fp32 · 224x224")
    assert compared(app) == {"HRFormer-T", "HRFormer-B", "HRNet-W48"}
    choose_setup(app, "256x192")
    app.multiselect(key="models").set_value(["HRFormer-T", "HRNet-W48"]).run()  # the missing one is taken out
    choose_setup(app, "Xeon, 2 threads · fp32 · 224x224")
    assert compared(app) == {"HRFormer-T", "HRNet-W48"}


@pytest.mark.parametrize("section", SECTIONS[:-1])
def test_a_setup_without_any_chosen_model_shows_none_and_says_so(section: str, several_setups: str) -> None:
    app = open_app(PAGE)
    app.segmented_control(key="comparison_section").set_value(section).run()
    app.multiselect(key="models").set_value(["HRFormer-T", "HRFormer-B"]).run()
    choose_setup(app, "H100")
    assert compared(app) == set()
    assert "Nothing that the filters in the sidebar let through was measured under this setup" in notes(app)
    assert "<extra>measured</extra>" not in titles(app)
    app.multiselect(key="models").set_value([]).run()
    assert compared(app) == {"DeiT-B"}
    choose_setup(app, "256x192")
    assert compared(app) == {"HRFormer-T", "HRNet-W48", "Swin-T"}


def test_a_link_and_a_reload_keep_the_filter_with_what_is_missing(several_setups: str) -> None:
    app = open_app(PAGE)
    app.multiselect(key="models").set_value(["HRFormer-T", "HRFormer-B"]).run()
    choose_setup(app, "256x192")
    assert app.query_params["models"] == ["HRFormer-T", "HRFormer-B"]
    reloaded = open_app(PAGE, app.query_params)
    assert "256x192" in reloaded.selectbox(key="setup").value
    assert compared(reloaded) == {"HRFormer-T"}
    assert "Left out of the link" not in notes(reloaded)
    choose_setup(reloaded, "Xeon, 2 threads · fp32 · 224x224")
    assert compared(reloaded) == {"HRFormer-T", "HRFormer-B"}


def test_a_new_model_does_not_join_a_filter(several_setups: str) -> None:
    app = open_app(PAGE)
    app.multiselect(key="models").set_value(["HRFormer-T"]).run()
    with Store(several_setups) as store:
        store.add(example_record(model_name=LATER_MODEL, batch_size=1, img_height=224, img_width=224))
    app.run()
    assert "Swin-T" in app.multiselect(key="models").options
    assert compared(app) == {"HRFormer-T"}


def test_the_filters_on_models_and_engines_outlive_each_other(several_setups: str) -> None:
    with Store(several_setups) as store:
        store.add_all(
            example_record(model_name=name, batch_size=1, img_height=224, img_width=224, engine="ONNX Runtime")
            for name in ("hrformer_base", "hrnet_w48")
        )
    app = open_app(PAGE)
    app.multiselect(key="models").set_value(["HRFormer-B"]).run()
    assert compared(app) == {"HRFormer-B", "HRFormer-B · ONNX Runtime"}
    app.multiselect(key="engines").set_value(["ONNX Runtime"]).run()
    assert compared(app) == {"HRFormer-B · ONNX Runtime"}
    choose_setup(app, "256x192")  # nothing ran under ONNX Runtime there
    assert compared(app) == set()
    assert app.multiselect(key="engines").value == ["ONNX Runtime"]
    reloaded = open_app(PAGE, app.query_params)
    assert compared(reloaded) == set()
    for opened in (app, reloaded):
        choose_setup(opened, "Xeon, 2 threads · fp32 · 224x224")
        assert compared(opened) == {"HRFormer-B · ONNX Runtime"}
        opened.multiselect(key="engines").set_value([]).run()
        assert compared(opened) == {"HRFormer-B", "HRFormer-B · ONNX Runtime"}


def test_records_can_be_filtered_by_setup_and_status(filled: str) -> None:
    app = open_app(PAGE)
    app.segmented_control(key="comparison_section").set_value("Records").run()
    assert len(app.dataframe[0].value) == 8
    app.toggle(key="only_this_setup").set_value(False).run()
    assert len(app.dataframe[0].value) == 9
    app.multiselect(key="filter_status").set_value(["out_of_memory"]).run()
    assert list(app.dataframe[0].value["status"]) == ["out_of_memory"]


def test_new_records_are_shown_on_the_next_run(filled: str) -> None:
    app = open_app(PAGE)
    assert len(app.dataframe[0].value) == 4
    with Store(filled) as store:
        swin = "swin_tiny_patch4_window7_224"
        store.add(example_record(model_name=swin, batch_size=1, img_height=224, img_width=224))
    app.run()
    assert "Swin-T" in set(app.dataframe[0].value["model"])


def test_an_import_adds_what_is_new_and_says_what_was_known(filled: str) -> None:
    with Store(filled) as store:
        known = next(store.records())
    text = io.StringIO(newline="")
    write_csv([known, example_record(hostname="elsewhere")], text)
    app = open_app(PAGE)
    app.file_uploader(key="import_csv").upload("other.csv", text.getvalue().encode(), "text/csv").run()
    assert not app.exception
    assert app.success[0].value == "1 record added. 1 were there already."
    with Store(filled) as store:
        assert store.count() == 10


def test_a_wrong_file_is_one_sentence_and_stores_nothing(filled: str) -> None:
    app = open_app(PAGE)
    app.file_uploader(key="import_csv").upload("wrong.csv", b"a,b\r\n1,2\r\n", "text/csv").run()
    assert not app.exception
    assert "wrong.csv was not imported. The columns are not those of an export" in errors(app)
    with Store(filled) as store:
        assert store.count() == 9


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("no url", "is not a database URL"),
        ("postgresql://nobody@localhost:1/records", "cannot be reached"),
        ("sqlite:///{folder}/damaged.sqlite", "is damaged or not a database"),
        ("sqlite:///{folder}/newer.sqlite", "newer version"),
    ],
)
def test_a_store_that_fails_is_one_sentence(
    address: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "damaged.sqlite").write_bytes(b"not a database" * 999)
    make_newer_store(tmp_path / "newer.sqlite")
    monkeypatch.setenv("HRFORMER_RESULTS_URL", address.format(folder=tmp_path))
    app = open_app(PAGE)
    assert len(app.error) == 1
    assert words in errors(app)
    assert "HRFormer-B has" in titles(app)  # the published figures are shown all the same


def make_newer_store(path: Path) -> None:
    Store(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE benchmark_schema SET version = 999")
    connection.commit()
    connection.close()
