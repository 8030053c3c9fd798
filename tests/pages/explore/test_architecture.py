"""The Architecture page, from the entrypoint."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.cost.complexity import estimate_complexity
from explorer.engines.export_run import OnnxFile
from explorer.units import with_prefix
from hrformer import HRFormerConfig, preset
from tests.pages.entrypoint import SMALL, open_app
from tests.pages.texts import errors, notes


def variant(app: AppTest) -> HRFormerConfig:
    return app.session_state["variant"]


def test_the_first_look_is_tiny_with_its_published_figures() -> None:
    app = open_app()
    assert variant(app) == preset("tiny")
    assert [metric.value for metric in app.metric] == ["8.04 M", "1.71 G", "1.83 G", "10.7 MiB"]
    assert all("same vs. HRFormer-T" in metric.delta for metric in app.metric)


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("num_modules.2", 5, "num_modules", (1, 1, 5, 2)),
        ("num_blocks.3", 1, "num_blocks", (2, 2, 2, 1)),
        ("channels.all", 20, "channels", (20, 40, 80, 160)),
        ("num_heads.all", 3, "num_heads", (3, 6, 12, 24)),
        ("mlp_ratios.all", 2.0, "mlp_ratios", (2.0, 2.0, 2.0, 2.0)),
        ("window_sizes.all", 9, "window_sizes", (9, 9, 9, 9)),
    ],
)
def test_a_knob_changes_variant_figures_and_link(key: str, value: float, field: str, expected: tuple) -> None:
    app = open_app()
    control = {"num_modules": app.number_input, "num_blocks": app.number_input, "num_heads": app.select_slider}
    control.get(field, app.slider)(key=key).set_value(value).run()
    assert not app.exception
    assert getattr(variant(app), field) == expected
    cost = estimate_complexity(variant(app))
    assert app.metric[1].value == with_prefix(cost.macs, "")
    assert field in app.query_params


@pytest.fixture
def engines_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.engines.export_limits.find_spec", lambda name: object())


@pytest.mark.usefixtures("engines_installed")
def test_an_onnx_file_is_written_beside_the_page_and_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The export itself is tested in `tests/explorer/engines/test_export_run.py`."""
    asked = []

    def export(config: HRFormerConfig, weights: object, *_: object) -> OnnxFile:
        asked.append((config, weights))
        path = tmp_path / "folder" / "variant.onnx"
        path.parent.mkdir()
        path.write_bytes(b"onnx")
        return OnnxFile(path, "Wrote variant.onnx.")

    monkeypatch.setattr("explorer.ui.explore.onnx_download.export_in_process", export)
    app = open_app(query=SMALL)
    app.toggle(key="save_onnx").set_value(True).run()
    app.button(key="write_onnx").click().run()
    assert "random weights, seed 0" in app.button(key="write_onnx").help
    assert not app.exception
    assert "Wrote variant.onnx." in [caption.value for caption in app.caption]
    assert asked == [(variant(app), 0)]
    assert "download_onnx" in [button.key for button in app.get("download_button")]


@pytest.mark.usefixtures("engines_installed")
def test_an_onnx_file_that_cannot_be_had_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def export(*_: object) -> None:
        raise ValueError("The exporting process ended.")

    monkeypatch.setattr("explorer.ui.explore.onnx_download.export_in_process", export)
    app = open_app(query=SMALL)
    app.toggle(key="save_onnx").set_value(True).run()
    app.button(key="write_onnx").click().run()
    assert errors(app) == "There is no ONNX file. The exporting process ended."


@pytest.mark.usefixtures("engines_installed", "work_runs_on")
def test_an_onnx_export_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def export(config: object, weights: object, on_progress: object, should_stop: Callable[[], bool]) -> None:
        while not should_stop():
            time.sleep(0.01)

    monkeypatch.setattr("explorer.ui.explore.onnx_download.export_in_process", export)
    app = open_app(query=SMALL)
    app.toggle(key="save_onnx").set_value(True).run()
    app.button(key="write_onnx").click().run()
    app.button(key="stop_onnx_export").click().run()
    assert "Writing the ONNX file was stopped" in notes(app)


def test_missing_packages_are_said_and_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.engines.export_limits.find_spec", lambda name: None)
    app = open_app(query=SMALL)
    app.toggle(key="save_onnx").set_value(True).run()
    assert app.button(key="write_onnx").disabled
    assert "pip install 'hrformer-explorer[engines]'" in notes(app)


def test_every_slider_goes_to_its_ends_without_a_trace() -> None:
    app = open_app()
    for key in [slider.key for slider in app.slider]:
        for end in ("max", "min"):
            slider = app.slider(key=key)
            slider.set_value(getattr(slider, end)).run()
            assert not app.exception, (key, end)


def test_each_branch_can_have_its_own_value_and_goes_back_to_one() -> None:
    app = open_app()
    app.toggle(key="window_sizes.each").set_value(True).run()
    app.slider(key="window_sizes.2").set_value(11).run()
    assert variant(app).window_sizes == (7, 7, 11, 7)
    app.toggle(key="window_sizes.each").set_value(False).run()
    assert variant(app).window_sizes == (7, 7, 7, 7)


def test_the_convolution_switch_lowers_the_cost() -> None:
    app = open_app()
    app.toggle(key="dw_conv").set_value(False).run()
    assert not variant(app).dw_conv
    assert app.metric[0].delta.startswith("-")


def test_a_link_opens_its_variant() -> None:
    app = open_app(query={"preset": "small", "task": "pose", "window_sizes": "7,7,9,9", "dw_conv": "false"})
    assert variant(app) == preset("small", "pose", window_sizes=(7, 7, 9, 9), dw_conv=False)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"channels": "18,37,72,144"}, "nearest legal value is 36"),
        ({"window_sizes": "0,7,7,7"}, "K · window, 1/4 branch = 0"),
        ({"preset": "<script>"}, "tiny, small, base"),
        ({"fused_outputs": "highest"}, "only the pose head reads the highest resolution alone"),
    ],
)
def test_an_edited_link_keeps_its_legal_rest_and_says_what_was_left_out(query: dict[str, str], words: str) -> None:
    app = open_app(query=query | {"mlp_ratios": "2,2,2,2", "colour": "red"})
    (left_out, unknown) = (info.value for info in app.info)
    assert left_out.startswith("Left out of the link: ")
    assert words in left_out
    assert unknown == "The link's colour means nothing here and was left out."
    assert variant(app) == preset("tiny", mlp_ratios=(2.0, 2.0, 2.0, 2.0))
    app.toggle(key="dw_conv").set_value(False).run()
    assert not app.info


def test_channels_and_heads_of_a_link_are_taken_together() -> None:
    """Neither is legal with the other's value in HRFormer-T."""
    heads, channels = (5, 10, 20, 40), (25, 50, 100, 200)
    query = {"num_heads": "5,10,20,40", "channels": "25,50,100,200", "window_sizes": "0,0,0,0"}
    app = open_app(query=query)
    assert variant(app) == preset("tiny", num_heads=heads, channels=channels)


def test_heads_and_channels_can_only_be_moved_to_what_fits_the_other() -> None:
    app = open_app(query={"num_heads": "2,4,8,16"})
    assert app.select_slider(key="num_heads.all").options == ["1", "2", "3", "6", "9"]  # of 18, 36, 72, 144
    channels = app.slider(key="channels.all")
    assert (channels.min, channels.step) == (4, 2)


def test_the_last_fusion_can_only_be_narrowed_where_the_head_reads_no_more() -> None:
    app = open_app()
    for task, is_free in (("classification", False), ("pose", True), ("segmentation", False)):
        app.selectbox(key="task").set_value(task).run()
        assert app.selectbox(key="fused_outputs").disabled is not is_free
    assert variant(app).fused_outputs == "all"  # what pose had chosen went with it


def test_a_ratio_of_a_third_stays_one() -> None:
    app = open_app(query={"mlp_ratios": ",".join([repr(1 / 3)] * 4)})
    assert variant(app).mlp_ratios == (1 / 3,) * 4
    app.toggle(key="dw_conv").set_value(False).run()
    assert variant(app) == preset("tiny", mlp_ratios=(1 / 3,) * 4, dw_conv=False)
    assert app.query_params["mlp_ratios"] == ",".join([repr(1 / 3)] * 4)


def test_channels_that_have_no_other_legal_place_are_shown_and_stay() -> None:
    """Multiples of 31 and 29 heads in the upper branches: doubled thrice, 1798 would be above the limit."""
    app = open_app(query={"num_heads": "31,29,1,1", "channels": "899,1798,3596,7192"})
    slider = app.slider(key="channels.all")
    assert (slider.value, slider.disabled) == (899, True)


def test_an_illegal_change_keeps_the_last_good_variant_and_offers_the_nearest() -> None:
    app = open_app(query={"num_heads": "1,2,4,5", "channels": "18,36,72,145"})
    before = variant(app)
    app.toggle(key="channels.each").set_value(False).run()
    assert "C · channels, 1/32 branch = 144 is not divisible by H · heads, 1/32 branch = 5" in errors(app)
    assert variant(app) == before
    app.button(key="use_nearest_legal").click().run()
    assert variant(app).channels == (18, 36, 72, 145)  # the nearest multiple of five
    assert not app.error


def test_undo_and_redo_walk_through_the_changes() -> None:
    app = open_app()
    app.number_input(key="num_modules.2").set_value(5).run()
    app.slider(key="window_sizes.all").set_value(9).run()
    app.button(key="undo").click().run()
    assert variant(app) == preset("tiny", num_modules=(1, 1, 5, 2))
    app.button(key="undo").click().run()
    assert variant(app) == preset("tiny")
    assert app.button(key="undo").disabled
    app.button(key="redo").click().run()
    app.button(key="redo").click().run()
    assert variant(app) == preset("tiny", num_modules=(1, 1, 5, 2), window_sizes=(9, 9, 9, 9))
    assert app.button(key="redo").disabled


def test_five_changes_of_t_are_still_changes_of_t() -> None:
    app = open_app()
    app.segmented_control(key="preset").set_value("tiny")
    for key, value in (("channels.all", 32), ("window_sizes.all", 9), ("mlp_ratios.all", 3.0)):
        app.slider(key=key).set_value(value).run()
    app.number_input(key="num_modules.2").set_value(4).run()
    app.toggle(key="dw_conv").set_value(False).run()
    assert app.title[0].value.startswith("HRFormer-T, changed")
    assert all("vs. HRFormer-T" in metric.delta for metric in app.metric)
    assert app.query_params["preset"] == "tiny"


def test_another_task_keeps_the_backbone_and_takes_the_published_head() -> None:
    app = open_app()
    app.number_input(key="num_modules.2").set_value(4).run()
    app.selectbox(key="task").set_value("pose").run()
    assert variant(app) == preset("tiny", "pose", num_modules=(1, 1, 4, 2))


def test_json_comes_back_and_broken_json_changes_nothing() -> None:
    app = open_app()
    wanted = preset("base", "segmentation", num_classes=150)
    app.file_uploader(key="variant_json").upload("variant.json", wanted.to_json().encode(), "application/json").run()
    assert variant(app) == wanted
    broken = json.dumps({**wanted.to_dict(), "colour": "red"}).encode()
    app.file_uploader(key="variant_json").upload("broken.json", broken, "application/json").run()
    assert "broken.json was not loaded. Unknown key colour" in errors(app)
    assert variant(app) == wanted


@pytest.mark.parametrize("section", ["Cost split", "Variants", "HRNet and DeiT", "Layers"])
def test_every_section_opens(section: str) -> None:
    app = open_app()
    app.segmented_control(key="architecture_section").set_value(section).run()
    assert not app.exception


def test_an_enormous_variant_is_costed() -> None:
    app = open_app(query={"preset": "base", "num_blocks": "64,64,64,64", "img_size": "8192,8192"})
    assert app.metric[0].value.endswith("G")
    assert "costed but not built" in app.warning[0].value
    app.segmented_control(key="architecture_section").set_value("Layers").run()
    assert any("lists up to" in info.value for info in app.info)
