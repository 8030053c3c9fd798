"""Pinned variants as models of the pages that measure, from the entrypoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer.benchmark.plan import Plan
from explorer.models.model_ref import ModelRef
from explorer.records.store import Store
from explorer.ui.measure.job_manager import record_destination
from explorer.ui.pins import Pin
from hrformer import preset
from tests.explorer.records.examples import example_record
from tests.pages.entrypoint import SMALL, open_app
from tests.pages.texts import errors

K9 = preset("tiny", window_sizes=(9, 9, 9, 9))
MINE = Pin("mine, K 9", K9)
#: Called like one of timm's models.
HRNET = Pin("hrnet_w18", preset("small"))
BUILD = "pages/explore/architecture.py"
BENCHMARK, TIME, COMPARISON = (f"pages/measure/{name}.py" for name in ("benchmark", "time", "comparison"))


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("HRFORMER_RESULTS_URL", url)
    record_destination.clear()
    yield url
    record_destination.clear()
    st.cache_data.clear()


def open_pinned(page: str, *pins: Pin, **query: list[str]) -> AppTest:
    app = open_app(query={**SMALL, "pin": [pin.link for pin in pins], **query})
    app.switch_page(page).run()
    assert not app.exception
    return app


def test_one_click_adds_all_pinned_variants_to_a_plan_under_their_names() -> None:
    app = open_pinned(BENCHMARK, MINE, HRNET, bench_models=["this variant", "hrnet_w18"])
    app.button(key="add_pinned").click().run()
    app.toggle(key="show_plan").set_value(True).run()
    assert not app.exception
    assert not errors(app)
    assert app.multiselect(key="bench_models").value == ["this variant", "hrnet_w18", MINE.key, HRNET.key]
    assert {"mine, K 9", "hrnet_w18 (pinned)"} < set(app.multiselect(key="bench_models").options)
    assert "add_pinned" not in [button.key for button in app.button]
    jobs = next(table.value for table in app.dataframe if "GMACs" in table.value).set_index("model")
    assert set(jobs.index) >= {"hrnet_w18", "mine, K 9", "hrnet_w18 (pinned)"}
    assert jobs.loc["hrnet_w18", "GMACs"] != jobs.loc["hrnet_w18 (pinned)", "GMACs"]


def test_a_plan_of_a_pinned_variant_comes_back_to_it() -> None:
    app = open_pinned(BENCHMARK, MINE)
    plan = Plan(models=(ModelRef(name="mine, K 9", config=K9),))
    app.file_uploader(key="bench_plan_file").upload("plan.yaml", plan.to_yaml().encode(), "application/yaml").run()
    assert app.multiselect(key="bench_models").value == [MINE.key]


def test_a_plan_and_a_profile_follow_a_renamed_pin_and_go_on_without_a_removed_one() -> None:
    chosen = {"bench_models": [MINE.key, HRNET.key], "profile_model": [MINE.key]}
    app = open_pinned(BENCHMARK, MINE, HRNET, architecture_section=["Variants"], **chosen)
    app.switch_page(TIME).run()
    app.switch_page(BUILD).run()
    app.text_input(key=f"pin_name_{MINE.name}").set_value("wide").run()
    app.button(key=f"remove_{HRNET.name}").click().run()
    app.switch_page(BENCHMARK).run()
    assert app.multiselect(key="bench_models").value == ["pin:wide"]
    assert not errors(app)
    app.switch_page(TIME).run()
    assert app.selectbox(key="profile_model").value == "pin:wide"
    app.switch_page(BUILD).run()
    app.button(key="remove_wide").click().run()
    app.switch_page(TIME).run()
    assert app.selectbox(key="profile_model").value == "this variant"


def test_two_pinned_variants_can_be_profiled_beside_each_other() -> None:
    app = open_pinned(TIME, MINE, Pin("none", preset("small")))
    app.selectbox(key="profile_model").set_value("pin:mine, K 9").run()
    app.selectbox(key="profile_second").set_value("pin:none").run()
    assert not app.exception
    assert not errors(app)
    assert app.button(key="start_profiles").label == "Profile mine, K 9 and none (pinned) here"


def test_records_of_pinned_variants_are_compared_under_their_names(store: str) -> None:
    records = [
        example_record(model_name=name, config=config, img_height=224, img_width=224, latency_ms_p50=latency)
        for name, config, latency in (
            (f"hrformer_{K9.config_id}", K9.to_dict(), 40.0),
            ("hrnet_w48", {"model": "hrnet_w48"}, 20.0),
        )
    ]
    with Store(store) as opened:
        opened.add_all(records)
    app = open_pinned(COMPARISON, MINE)
    assert set(app.dataframe[0].value["model"]) == {"mine, K 9", "HRNet-W48"}
    titles = [json.loads(chart.proto.spec)["layout"]["title"]["text"] for chart in app.get("plotly_chart")]
    assert "mine, K 9 takes 2.00 times as long as HRNet-W48" in " ".join(titles).replace("<br>", " ")
    app.multiselect(key="models").set_value(["mine, K 9"]).run()
    assert set(app.dataframe[0].value["model"]) == {"mine, K 9"}
