"""The Attribution page, from the entrypoint: methods, classes, and long work that can be stopped and is kept."""

import io
import json
import time

import pytest
import torch
from streamlit.testing.v1 import AppTest

import explorer.ui.explore.attribution
from explorer.inspection.attribution import Attribution
from hrformer import create_model, preset
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


def test_a_task_without_classes_gets_one_sentence_and_a_button_that_helps() -> None:
    app = open_app("pages/explore/attribution.py", {"preset": "tiny", "task": "pose", "img_size": "64,64"})
    assert "a pose model has none" in app.info[0].value
    assert charts(app) == []
    app.button(key="use_classification").click().run()
    assert app.session_state["variant"] == preset("tiny")
    run_to_its_map(app)


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
