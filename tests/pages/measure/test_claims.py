"""The Paper claims page, from the entrypoint, on a store of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer.claims import speed
from explorer.claims.catalogue import CLAIMS
from explorer.processes.device_lock import device_lock
from explorer.records.reference import reference_files
from explorer.records.store import Store
from explorer.ui import progress
from tests.explorer.records.examples import example_record
from tests.pages.entrypoint import open_app

PAGE = "pages/measure/claims.py"


@pytest.fixture(autouse=True)
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    address = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("HRFORMER_RESULTS_URL", address)
    monkeypatch.setattr(speed, "reference_files", list)  # what comes with the explorer changes
    yield address
    st.cache_data.clear()


def open_claims(query: dict[str, str] | None = None) -> AppTest:
    return open_app(PAGE, query)


def shown(app: AppTest) -> pd.DataFrame:
    return app.dataframe[0].value.set_index("claim")


def texts(app: AppTest) -> str:
    return " ".join(element.value for element in (*app.markdown, *app.caption))


def test_every_claim_has_a_verdict_and_the_headline_counts_them() -> None:
    app = open_claims()
    counts = {metric.label.rpartition(" ")[2]: int(metric.value) for metric in app.metric}
    assert sum(counts.values()) == len(CLAIMS) == len(shown(app))
    verdicts = shown(app)["verdict"].map(lambda cell: cell[0]).value_counts()
    assert verdicts["reproduced"] == counts["reproduced"]
    assert len(app.get("plotly_chart")) == 3  # deviations, growth counted, growth of the reference run
    sentence = next(element.value for element in app.markdown if "claims are reproduced" in element.value)
    assert sentence.startswith(f"**{counts['reproduced']} of {len(CLAIMS)} claims are reproduced")


def test_each_row_opens_as_it_was_printed_and_says_how_it_was_counted() -> None:
    table = shown(open_claims())
    printed = {
        "HRFormer-T takes 1.83 GFLOPs at 224x224": (1.83, "GFLOPs (HRFormer)"),
        "HRNet-W48 pose takes 14.6 GFLOPs at 256x192": (14.6, "G (HRNet)"),
        "HRFormer-B takes 20 % fewer FLOPs than DeiT-B": (20, "% fewer GMACs"),
        "HRFormer-B has 50.3 M parameters": (50.3, "M parameters"),
    }
    for claim, expected in printed.items():
        assert tuple(table.loc[claim, ["published", "unit"]]) == expected
    tiny = table.loc["HRFormer-T takes 1.83 GFLOPs at 224x224"]
    assert tiny["ours"] == pytest.approx(1.83, abs=0.005)


def test_a_fresh_checkout_answers_by_the_reference_run_and_marks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "reference_files", reference_files)
    app = open_claims()
    table = shown(app).reset_index()
    verdicts = table["verdict"].map(lambda cell: cell[0])
    assert list(dict.fromkeys(verdicts)) == ["differs", "not checkable here", "reproduced"]
    off = (table["ratio"] - 1).abs()
    for verdict in ("differs", "reproduced"):
        assert off[verdicts == verdict].is_monotonic_decreasing
    timed = table[table["unit"].isin(["times the latency"]) | table["claim"].str.endswith(": time")]
    assert len(timed) == 6
    assert set(timed["origin"]) == {"reference run"}
    assert set(table.loc[table["unit"] == "M parameters", "origin"]) == {"counted"}
    assert "Times are from the reference run that comes with the explorer" in texts(app)
    assert app.selectbox(key="claim").value == "speed-deit"  # what is farthest off
    assert "nothing of your own yet" in texts(app)
    sentence = next(element.value for element in app.markdown if "claims are reproduced" in element.value)
    assert "differ, all of them speeds published for an A100" in sentence
    assert "cannot be checked here, all of them accuracies" in sentence


def test_one_switch_changes_every_figure_and_no_verdict() -> None:
    app = open_claims()
    claim = "HRFormer-B takes 19 % fewer FLOPs than HRNet-W48 for pose at 384x288"
    app.radio(key="convention").set_value("MACs").run()
    macs = shown(app)
    assert macs.loc[claim, "unit"] == "% fewer GMACs"
    assert macs.loc[claim, "ours"] == pytest.approx(13.7, abs=0.1)
    app.radio(key="convention").set_value("HRNet's count").run()
    hrnet = shown(app)
    assert hrnet.loc[claim, ["published", "unit"]].to_list() == [19, "% fewer G (HRNet)"]
    assert hrnet.loc[claim, "ours"] == pytest.approx(18.0, abs=0.1)
    assert set(hrnet["unit"].str.extract(r"(GMACs|GFLOPs)")[0].dropna()) == set()
    assert macs["verdict"].map(tuple).equals(hrnet["verdict"].map(tuple))


def test_what_a_convention_cannot_say_is_left_empty_and_explained() -> None:
    app = open_claims({"claim": "hrnet-w48-params"})
    app.selectbox(key="claim").set_value("hrnet-w48-flops-256").run()
    app.radio(key="convention").set_value("HRFormer's table").run()
    table = shown(app)
    row = table.loc["HRNet-W48 pose takes 14.6 GFLOPs at 256x192"]
    assert row[["published", "ours", "deviation"]].isna().all()
    assert table.loc["HRFormer-T takes 1.83 GFLOPs at 224x224", "published"] == 1.83
    assert "can be counted as HRFormer's table" in texts(app)


def test_details_say_how_and_why_not() -> None:
    app = open_claims()
    app.selectbox(key="claim").set_value("deit-top1").run()
    assert "Accuracy needs the authors' weights" in texts(app)
    app.selectbox(key="claim").set_value("speed-deit").run()
    assert "No record of hrformer_base and deit_base_patch16_224" in texts(app)
    assert not app.exception


def test_records_judge_the_speed(url: str) -> None:
    with Store(url) as store:
        store.add_all(
            example_record(
                model_name=model, img_height=224, img_width=224, latency_ms_p50=latency, latency_ms_p95=900.0
            )
            for model, latency in (("hrformer_base", 300.0), ("deit_base_patch16_224", 150.0))
        )
    app = open_claims()
    app.selectbox(key="claim").set_value("speed-deit").run()
    row = shown(app)[shown(app)["unit"] == "times the latency"].iloc[0]
    assert (row["ours"], row["verdict"][0], row["origin"]) == (2.0, "differs", "own records")
    assert app.dataframe[1].value["ratio"].to_list() == [2.0]


def test_a_store_that_fails_leaves_the_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", "no url")
    app = open_claims()
    assert "Your records cannot be read, so they judge no speed" in app.error[0].value
    assert int(app.metric[0].value) >= 20


def test_the_timing_of_attention_waits_for_another_program_with_a_sentence_and_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = open_claims()
    with device_lock("cpu", "training", lambda told: None, lambda: False):
        monkeypatch.setattr(progress, "GLANCE_S", 0.0)
        app.button(key="start_growth").click().run()
        end = time.monotonic() + 100
        while not any("has it for a training since" in caption.value for caption in app.caption):
            assert time.monotonic() < end
            app.run()
        app.button(key="stop_attention_growth").click().run()
    assert not app.exception
    assert "was stopped" in " ".join(info.value for info in app.info)
