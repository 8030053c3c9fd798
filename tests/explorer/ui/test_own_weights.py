"""The page says what it assumed of an uploaded checkpoint, and decides otherwise at a click."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from hrformer import create_model, save_checkpoint
from tests.checkpoint_forms import write_mmpose
from tests.pages.entrypoint import open_app
from tests.variants import tiny

PAGE = "pages/explore/feature_maps.py"


def saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def uploaded(contents: bytes, name: str = "mine.pth") -> AppTest:
    app = open_app(PAGE)
    app.file_uploader(key="checkpoint_file").upload(name, contents, "application/octet-stream").run()
    assert not app.exception
    assert [error.value for error in app.error] == []
    return app


def said(app: AppTest) -> str:
    """What the sidebar's captions show, without the signs that keep Markdown from reading names."""
    return " ".join(caption.value for caption in app.sidebar.caption).replace("\\", "")


@pytest.fixture
def of_mmpose(tmp_path: Path) -> bytes:
    write_mmpose(tmp_path / "mmpose.pth", tiny("pose", relative_position_bias=True))
    return (tmp_path / "mmpose.pth").read_bytes()


def test_what_was_assumed_of_mmposes_weights_is_shown_and_can_be_switched(of_mmpose: bytes) -> None:
    app = uploaded(of_mmpose)
    assert app.session_state["variant"] == tiny("pose", relative_position_bias=True, img_size=(224, 224))
    bias = app.segmented_control(key="assumed_relative_position_bias")
    assert (bias.label, bias.value, bias.options) == ("Relative position bias (assumed)", True, ["added", "left out"])
    assert "mmpose's code adds it and its keys are mmpose's." in bias.help
    assert "Weights of mmpose's form" in said(app)
    bias.set_value(False).run()
    assert not app.exception
    assert app.session_state["variant"] == tiny("pose", img_size=(224, 224))
    assert not app.session_state["uploaded_model"].model.config.relative_position_bias
    bias = app.segmented_control(key="assumed_relative_position_bias")
    assert (bias.label, bias.value) == ("Relative position bias (chosen)", False)
    app.segmented_control(key="assumed_fusion_upsample").set_value("nearest").run()
    config = app.session_state["uploaded_model"].model.config
    assert (config.relative_position_bias, config.fusion_upsample) == (False, "nearest")


def test_there_is_no_seed_to_choose_beside_weights_that_have_none(of_mmpose: bytes) -> None:
    app = uploaded(of_mmpose)
    assert "seed" not in {field.key for field in app.number_input}
    app.session_state["variant"] = tiny(num_blocks=(1, 2, 1, 1))
    app.run()
    assert "fits another variant; random weights are shown" in " ".join(info.value for info in app.sidebar.info)
    assert app.number_input(key="seed").value == 0


def test_of_an_average_and_raw_weights_either_can_be_seen() -> None:
    weights = create_model(tiny()).state_dict()
    average = {key: value * 1.01 for key, value in weights.items()}
    app = uploaded(saved({"model": weights, "model_ema": average, "optimizer": {}}))
    sets = app.segmented_control(key="checkpoint_set")
    assert (sets.value, sets.options) == ("ema", ["averaged (EMA)", "raw"])
    assert "Took the weights 'ema'; the file also holds raw." in said(app)
    assert "Left out what is no weight of the network: optimizer." in said(app)
    before = app.session_state["uploaded_model"]
    torch.testing.assert_close(before.model.conv1.weight.data, average["conv1.weight"])
    sets.set_value("raw").run()
    assert not app.exception
    after = app.session_state["uploaded_model"]
    torch.testing.assert_close(after.model.conv1.weight.data, weights["conv1.weight"])
    assert before.digest != after.digest


def test_a_fresh_head_is_said_and_its_task_can_be_chosen() -> None:
    weights = {key: value for key, value in create_model(tiny()).state_dict().items() if not key.startswith("head.")}
    app = uploaded(saved(weights))
    assert "Made a fresh classification head: the file holds none." in said(app)
    app.segmented_control(key="assumed_task").set_value("segmentation").run()
    assert not app.exception
    assert app.session_state["variant"].task == "segmentation"
    assert "Made a fresh segmentation head: the file holds none." in said(app)


def test_a_file_that_says_its_variant_leaves_nothing_to_choose(tmp_path: Path) -> None:
    config = tiny(relative_position_bias=False, fusion_upsample="bilinear")
    save_checkpoint(create_model(config), tmp_path / "mine.safetensors")
    app = uploaded((tmp_path / "mine.safetensors").read_bytes(), "mine.safetensors")
    assert app.session_state["variant"] == config
    assert "The file says its variant." in said(app)
    assert not [each for each in app.segmented_control if str(each.key).startswith(("assumed_", "checkpoint_set"))]
