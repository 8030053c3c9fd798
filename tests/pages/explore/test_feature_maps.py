"""The Feature maps page, from the entrypoint."""

import io
import json
import re
import threading
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer.cost import capacity
from explorer.models.variants import to_query
from explorer.ui import heavy_work, progress
from hrformer import create_model
from tests.pages.entrypoint import open_app
from tests.variants import tiny

SMALL = tiny(num_modules=(1, 1, 2, 1))
QUERY = to_query(SMALL)


def open_page(query: dict[str, str] = QUERY) -> AppTest:
    return open_app("pages/explore/feature_maps.py", query)


def charts(app: AppTest) -> list:
    return app.get("plotly_chart")


def png(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_long_way_through_the_network_shows_progress_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    heavy_work._cache.cache_clear()
    monkeypatch.setattr(heavy_work, "QUICK_MACS", 0)
    monkeypatch.setattr(progress, "GLANCE_S", 0.0)
    let_go, watched = threading.Event(), heavy_work.watched

    def held(*arguments: Any) -> AbstractContextManager[None]:
        let_go.wait(100)
        return watched(*arguments)

    monkeypatch.setattr(heavy_work, "watched", held)
    app = open_page()
    assert charts(app) == []
    app.button(key="stop_module maps").click().run()
    let_go.set()
    assert "Running the picture through the network: blocks was stopped" in app.info[-1].value
    monkeypatch.setattr(progress, "GLANCE_S", 100.0)
    app.button(key="compute_module maps").click().run()
    assert not app.exception
    assert len(charts(app)) == 2


@pytest.mark.parametrize("view", ["Channel mean", "Strongest channels", "One channel", "Principal components"])
def test_every_view_of_every_stage_opens(view: str) -> None:
    app = open_page()
    app.segmented_control(key="view").set_value(view)
    for stage in (2, 3, 4):
        app.segmented_control(key="stage").set_value(stage).run()
        assert not app.exception
        assert len(charts(app)) == (2 * stage if view == "Strongest channels" else 2)


def test_the_variant_follows_from_page_to_page() -> None:
    app = open_page()
    assert app.session_state["variant"] == SMALL
    assert any("DW conv on" in text.value for text in app.sidebar.markdown)


def test_a_picture_of_ones_own_is_shown_and_a_broken_one_is_not_taken() -> None:
    app = open_page()
    app.file_uploader(key="picture_file").upload("red.png", png(), "image/png").run()
    assert not app.exception
    assert app.selectbox(key="picture").value == "own"
    assert any("red.png at 224x224 pixels" in caption.value for caption in app.caption)
    app.file_uploader(key="picture_file").upload("broken.png", png()[:50], "image/png").run()
    assert not app.exception
    assert "broken.png was not taken" in app.sidebar.error[0].value
    assert app.selectbox(key="picture").value == "own"


def test_a_checkpoint_brings_its_variant_and_a_malicious_one_changes_nothing() -> None:
    app = open_page({})
    buffer = io.BytesIO()
    torch.save(create_model(SMALL).state_dict(), buffer)
    app.file_uploader(key="checkpoint_file").upload("mine.pth", buffer.getvalue(), "application/octet-stream").run()
    assert not app.exception
    assert app.session_state["variant"] == SMALL
    assert any("mine.pth" in caption.value for caption in app.caption)
    buffer = io.BytesIO()
    torch.save({"conv1.weight": print}, buffer)
    app.file_uploader(key="checkpoint_file").upload("evil.pth", buffer.getvalue(), "application/octet-stream").run()
    assert not app.exception
    assert "evil.pth" in app.sidebar.error[0].value
    assert app.session_state["variant"] == SMALL


def test_a_variant_too_large_for_the_machine_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "available_ram_mib", lambda: 50.0)
    app = open_page(QUERY | {"num_blocks": "1,1,1,2"})
    assert "costed but not built" in app.error[0].value
    assert charts(app) == []


@pytest.mark.parametrize(("view", "channel"), [("One channel", "5"), ("Principal components", "0")])
def test_a_link_opens_view_and_channel_and_the_address_keeps_them(view: str, channel: str) -> None:
    app = open_page(QUERY | {"view": view, "channel": channel})
    app.run()
    assert app.segmented_control(key="view").value == view
    assert app.query_params["view"] == view
    assert app.query_params.get("channel", "0") == channel


def test_the_first_sentence_says_what_the_fusion_does() -> None:
    app = open_page(QUERY | {"stage": "3"})
    sentence = next(text.value for text in app.main.markdown if text.value.startswith("Fusing"))
    most, least = map(float, re.findall(r"by (\d+) %", sentence))
    assert most >= least > 0
    assert len(set(re.findall(r"1/\d+", sentence))) == 2


def test_a_channel_that_a_branch_lacks_falls_back_to_its_last() -> None:
    app = open_page()
    app.segmented_control(key="view").set_value("One channel").run()
    app.number_input(key="channel").set_value(15).run()
    assert not app.exception
    assert "channel 3" in charts(app)[0].proto.spec


def test_weights_that_produce_nan_are_traced_to_their_layer() -> None:
    app = open_page({})
    state = create_model(SMALL).state_dict()
    state["stage2.0.branches.1.0.attn.q_proj.weight"][0, 0] = float("nan")
    buffer = io.BytesIO()
    torch.save(state, buffer)
    app.file_uploader(key="checkpoint_file").upload("nan.pth", buffer.getvalue(), "application/octet-stream").run()
    assert not app.exception
    assert "stage2.0.branches.1.0.attn" in app.error[0].value
    assert charts(app) == []


def test_the_menu_enlarges_one_map_on_the_scale_of_all() -> None:
    app = open_page()
    before = json.loads(charts(app)[0].proto.spec)["layout"]["coloraxis"]
    app.menu_button(key="enlarge_before_channel_mean").click(2).run()
    assert not app.exception
    (enlarged,) = (chart for chart in charts(app) if chart.proto.id.endswith("before_channel_mean_enlarged"))
    spec = json.loads(enlarged.proto.spec)
    assert [trace["type"] for trace in spec["data"]] == ["heatmap"]
    assert spec["layout"]["annotations"][0]["text"].startswith("1/8 branch")
    assert (spec["layout"]["coloraxis"]["cmin"], spec["layout"]["coloraxis"]["cmax"]) == (
        before["cmin"],
        before["cmax"],
    )
    app.run()
    assert len(charts(app)) == 2  # closed again
