"""The Attribution page, from the entrypoint: methods, classes, and long work that can be stopped and is kept."""

import io
import json
import time

import pytest
import torch
from streamlit.testing.v1 import AppTest

import explorer.ui.explore.attribution
from explorer.inspection.attribution import Attribution
from explorer.models.trained import load_digit_sample, load_trained
from explorer.models.variants import to_query
from explorer.pictures.photographs import to_input
from hrformer import create_model
from tests.pages.entrypoint import SMALL, open_app, run_to_the_end
from tests.pages.gated_work import ENDED, GATE, STARTED
from tests.variants import tiny

QUERY = SMALL | {"num_classes": "12"}


def open_page(query: dict[str, str] | None = None) -> AppTest:
    return open_app("pages/explore/attribution.py", QUERY | (query or {}))


def charts(app: AppTest) -> list[str]:
    return [chart.proto.spec.replace("\\u002f", "/") for chart in app.get("plotly_chart")]


def run_to_its_map(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert len(charts(app)) == 1


@pytest.mark.parametrize("method", ["Grad-CAM", "Integrated Gradients", "Occlusion"])
def test_every_method_shows_its_map(method: str) -> None:
    app = open_page()
    app.segmented_control(key="method").set_value(method)
    run_to_its_map(app)
    assert method in charts(app)[0]
    assert [metric.label for metric in app.metric] == (
        ["Convergence delta"] if method == "Integrated Gradients" else []
    )


def test_grad_cam_looks_at_every_branch() -> None:
    app = open_page()
    for branch in ("1/4", "1/8", "1/16", "1/32"):
        app.segmented_control(key="cam_branch").set_value(branch)
        run_to_its_map(app)
        assert f"Grad-CAM of the {branch} branch" in charts(app)[0]


def test_a_map_without_anything_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Attribution(torch.zeros(64, 64))
    monkeypatch.setattr(explorer.ui.explore.attribution, "grad_cam", lambda *_, **__: nothing)
    app = open_page()
    run_to_its_map(app)
    assert "Nothing speaks for output" in app.info[0].value


def test_the_five_strongest_outputs_are_offered_in_order_and_any_other_by_number() -> None:
    app = open_page({"num_classes": "13"})
    logits = [float(option.split(" · ")[1]) for option in app.radio[0].options[:-1]]
    assert len(logits) == 5
    assert logits == sorted(logits, reverse=True)
    app.radio[0].set_value(-1).run()
    app.number_input(key="target_number").set_value(7)
    run_to_its_map(app)
    assert " for output 7 " in plain_title(app)
    app.run()
    assert app.query_params["target"] == "7"
    listed = app.radio[0].options[0].split(" · ")[0]
    app.radio[0].set_value(int(listed.removeprefix("output ")))
    run_to_its_map(app)
    assert f" for {listed} " in plain_title(app)


def plain_title(app: AppTest) -> str:
    """The chart's title in one line."""
    title: str = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["title"]["text"]
    return title.replace("<br>", " ")


def test_the_opacity_reaches_the_overlay() -> None:
    app = open_page()
    app.slider(key="opacity").set_value(0.25).run()
    assert '"opacity":0.25' in charts(app)[0].replace(" ", "")


def explained(app: AppTest) -> str:
    return next(text.value for text in app.markdown if "xplained is" in text.value)


def test_it_opens_on_the_trained_network_and_the_digit_that_wins_most_pixels() -> None:
    app = open_app("pages/explore/attribution.py")
    run_to_its_map(app)
    names, shares = zip(*(option.removesuffix(" %").split(" · ") for option in app.radio[0].options), strict=True)
    assert set(names) == {"background", *(f"digit {digit}" for digit in range(10))}
    assert names[:2] == ("background", "digit 2")
    assert list(map(float, shares)) == sorted(map(float, shares), reverse=True)
    assert "Explained is the mean logit of **digit 2** over the pixels where it wins, 10.2 % of the" in explained(app)
    assert "half of what speaks for digit 2 lies on" in plain_title(app)


def test_a_class_that_wins_nowhere_is_explained_over_all_pixels_and_that_is_said() -> None:
    app = open_app("pages/explore/attribution.py", {"target": "10"})  # there is no 9 in this picture
    run_to_its_map(app)
    assert "**Digit 9** wins no pixel here: explained is its mean logit over all pixels" in explained(app)
    assert app.radio[0].value == 10


@pytest.mark.parametrize(
    ("method", "setting", "value"),
    [
        ("Grad-CAM", "cam_branch", "1/16"),
        ("Integrated Gradients", "ig_steps", 16),
        ("Occlusion", "occlusion_square", 48),
    ],
)
def test_a_link_opens_class_method_and_setting_and_the_address_keeps_them(
    method: str, setting: str, value: str | int
) -> None:
    query = {"target": "7", "method": method, setting: str(value), "opacity": "0.25"}
    app = open_app("pages/explore/attribution.py", query)
    run_to_its_map(app)
    app.run()
    assert plain_title(app).startswith(method)
    assert "digit 6" in plain_title(app)
    controls = (*app.slider, *app.segmented_control)
    assert next(control for control in controls if control.key == setting).value == value
    told = query if method != "Grad-CAM" else query | {"method": ""}  # the first one need not be told
    assert {key: app.query_params.get(key, "") for key in query} == told


def test_what_a_link_cannot_choose_is_left_out_and_said() -> None:
    app = open_app("pages/explore/attribution.py", {"target": "11", "method": "Guess", "opacity": "0.3"})
    told = " ".join(info.value for info in app.info)
    assert "target='11'" in told
    assert "method='Guess'" in told
    assert app.radio[0].value == 3
    assert app.slider(key="opacity").value == 0.3


POSE = to_query(tiny("pose", img_size=(64, 48), num_classes=17))


@torch.no_grad()
def digit_logits() -> torch.Tensor:
    """Of the first picture's pixels, (11, 112, 112)."""
    logits: torch.Tensor = load_trained()(to_input(load_digit_sample("Digits 1"), 3))[0]
    return logits


def test_a_pixels_class_is_explained_and_another_one_is_chosen_by_row_and_column() -> None:
    app = open_app("pages/explore/attribution.py", {"explained": "pixel", "pixel_row": "33", "pixel_column": "27"})
    run_to_its_map(app)
    logits = digit_logits()[:, 33, 27]
    assert int(logits.argmax()) == 1  # digit 0
    said = "the logit of **digit 0** at the pixel in row 33, column 27, where it wins: "
    assert said in explained(app)
    assert float(explained(app).split(": ")[1].rstrip(".")) == pytest.approx(float(logits[1]), abs=0.01)
    app.number_input(key="pixel_column").set_value(50)
    run_to_its_map(app)
    assert "in row 33, column 50, " in explained(app)
    assert app.query_params["pixel_column"] == "50"


def test_a_box_is_explained_and_stays_in_the_picture_however_its_sides_are_moved() -> None:
    app = open_app("pages/explore/attribution.py", {"explained": "region", "region": "10,20,40,50", "target": "1"})
    run_to_its_map(app)
    logits = digit_logits()[1, 10:50, 20:70]
    assert "the mean logit of **digit 0** over the 40 x 50 pixels from row 10, column 20, of which" in explained(app)
    assert float(explained(app).split(": ")[1].rstrip(".")) == pytest.approx(float(logits.mean()), abs=0.01)
    app.number_input(key="region_top").set_value(100)
    run_to_its_map(app)
    assert app.query_params["region"] == "100,20,12,50"
    assert (app.number_input(key="region_height").value, app.number_input(key="region_height").max) == (12, 12)


def test_a_key_point_is_explained_at_its_peak_and_only_by_the_branch_that_its_head_reads() -> None:
    app = open_app("pages/explore/attribution.py", POSE | {"target": "4", "explained": "peak"})
    run_to_its_map(app)
    assert not app.info
    assert "Explained is the heat map of **output 4** at its peak, near row " in explained(app)
    assert app.segmented_control(key="cam_branch").options == ["1/4"]
    app.selectbox(key="target").set_value(9)
    run_to_its_map(app)
    assert "for output 9" in plain_title(app)
    assert app.query_params["target"] == "9"


def test_a_key_point_of_a_checkpoint_has_its_name() -> None:
    buffer = io.BytesIO()
    torch.save(create_model(tiny("pose", num_classes=17)).state_dict(), buffer)
    app = open_app("pages/explore/attribution.py", to_query(tiny("pose", num_classes=17, img_size=(64, 64))))
    app.file_uploader(key="checkpoint_file").upload("mine.pth", buffer.getvalue(), "application/octet-stream").run()
    app.selectbox(key="target").set_value(9)
    run_to_its_map(app)
    assert "the heat map of **left wrist** at its peak" in explained(app)


@pytest.mark.parametrize(
    ("query", "left_out"),
    [
        ({"explained": "peak"}, "explained='peak'"),
        ({"explained": "pixel", "pixel_row": "112"}, "pixel_row='112'"),
        ({"explained": "pixel", "pixel_column": "x"}, "pixel_column='x'"),
        ({"explained": "region", "region": "0,0,0,5"}, "region='0,0,0,5'"),
        ({"explained": "region", "region": "100,0,13,5"}, "region='100,0,13,5'"),
        ({"explained": "region", "region": "1,2,3"}, "region='1,2,3'"),
        (POSE | {"explained": "pixel"}, "explained='pixel'"),
        (POSE | {"target": "17"}, "target='17'"),
        (POSE | {"cam_branch": "1/8"}, "cam_branch='1/8'"),
        (SMALL | {"explained": "region"}, "explained='region'"),
    ],
)
def test_an_output_that_there_is_not_is_left_out_and_said(query: dict[str, str], left_out: str) -> None:
    app = open_app("pages/explore/attribution.py", query)
    assert any(left_out in info.value for info in app.info)
    run_to_its_map(app)


def test_a_checkpoint_of_a_thousand_classes_has_the_names_of_imagenet() -> None:
    buffer = io.BytesIO()
    torch.save(create_model(tiny()).state_dict(), buffer)
    app = open_page()
    app.file_uploader(key="checkpoint_file").upload("mine.pth", buffer.getvalue(), "application/octet-stream").run()
    app.radio[0].set_value(-1).run()
    app.number_input(key="target_number").set_value(285)
    run_to_its_map(app)
    assert "Explained is the logit of **class 285, Egyptian cat**" in explained(app)


def work_page() -> None:
    """A page whose work waits for the test."""
    import streamlit as st

    from explorer.ui.progress import throw_away_button, with_progress
    from tests.pages.gated_work import wait_for_gate

    key = st.session_state.get("work_key", "first")
    result = with_progress("work", key, "Waiting", wait_for_gate(key))
    st.session_state["result"] = result
    if result is not None:
        throw_away_button("work", key)


@pytest.fixture
def work(work_runs_on: None) -> AppTest:
    GATE.clear()
    STARTED.clear()
    ENDED.clear()
    app = AppTest.from_function(work_page, default_timeout=120).run()
    wait_until(STARTED, "first")
    return app.run()


def wait_until(happened: list[str], key: str) -> None:
    end = time.monotonic() + 100
    while key not in happened:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_work_shows_progress_then_its_result_and_is_done_once(work: AppTest) -> None:
    assert "Waiting: 1 of 4" in work.get("progress")[0].proto.text
    GATE.set()
    assert run_to_the_end(work).session_state["result"] == "result of first"
    work.session_state["work_key"] = "second"
    assert run_to_the_end(work).session_state["result"] == "result of second"
    work.session_state["work_key"] = "first"
    assert work.run().session_state["result"] == "result of first"
    assert STARTED == ["first", "second"]


def test_stop_ends_the_work_until_it_is_wanted_again(work: AppTest) -> None:
    work.button(key="stop_work").click().run()
    wait_until(ENDED, "first")
    assert "Waiting was stopped after 1 of 4." in work.run().info[0].value
    assert STARTED == ["first"]
    GATE.set()
    work.button(key="compute_work").click()
    assert run_to_the_end(work).session_state["result"] == "result of first"


def test_other_work_ends_what_runs(work: AppTest) -> None:
    work.session_state["work_key"] = "second"
    work.run()
    wait_until(ENDED, "first")
    GATE.set()
    assert run_to_the_end(work).session_state["result"] == "result of second"


def test_a_result_is_thrown_away_only_when_asked(work: AppTest) -> None:
    GATE.set()
    run_to_the_end(work)
    work.button(key="throw_away_work").click().run()
    assert work.session_state["result"] is None
    assert "thrown away" in work.info[0].value
    assert work.session_state["kept_results"] == {}
