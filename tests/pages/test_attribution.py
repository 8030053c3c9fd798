"""The Attribution page, from the entrypoint: methods, classes, and long work that can be stopped and is kept."""

import threading
import time

import pytest
import torch
from streamlit.testing.v1 import AppTest

import explorer.ui.attribution
from explorer.attribution import Attribution
from explorer.ui import progress
from hrformer import preset
from tests.pages.entrypoint import open_app

QUERY = {
    "channels": "4,8,8,16",
    "num_heads": "1,2,2,4",
    "num_modules": "1,1,1,1",
    "num_blocks": "1,1,1,1",
    "img_size": "64,64",
    "num_classes": "12",
}


def open_page(query: dict[str, str] | None = None) -> AppTest:
    return open_app("pages/explore/attribution.py", QUERY | (query or {}))


def charts(app: AppTest) -> list[str]:
    return [chart.proto.spec.replace("\\u002f", "/") for chart in app.get("plotly_chart")]


def run_until_there(app: AppTest) -> None:
    app.run()
    end = time.monotonic() + 60
    while not charts(app) and time.monotonic() < end:
        app.run()
    assert not app.exception
    assert len(charts(app)) == 1


@pytest.mark.parametrize("method", ["Grad-CAM", "Integrated Gradients", "Occlusion"])
def test_every_method_shows_its_map(method: str) -> None:
    app = open_page()
    app.segmented_control(key="method").set_value(method)
    run_until_there(app)
    assert method in charts(app)[0]
    assert [metric.label for metric in app.metric] == (
        ["Convergence delta"] if method == "Integrated Gradients" else []
    )


def test_grad_cam_looks_at_every_branch() -> None:
    app = open_page()
    for branch in range(4):
        app.segmented_control(key="cam_branch").set_value(branch)
        run_until_there(app)
        assert f"Grad-CAM of the 1/{4 * 2**branch} branch" in charts(app)[0]


def test_a_map_without_anything_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Attribution(torch.zeros(64, 64))
    monkeypatch.setattr(explorer.ui.attribution, "grad_cam", lambda *_, **__: nothing)
    app = open_page()
    run_until_there(app)
    assert "Nothing speaks for class" in app.info[0].value


def test_the_five_strongest_classes_are_offered_in_order_and_any_other_by_number() -> None:
    app = open_page()
    logits = [float(option.split(" · ")[1]) for option in app.radio[0].options[:-1]]
    assert len(logits) == 5
    assert logits == sorted(logits, reverse=True)
    app.radio[0].set_value(-1).run()
    app.number_input(key="class_number").set_value(7)
    run_until_there(app)
    assert "for class 7 " in charts(app)[0]


def test_the_opacity_reaches_the_overlay() -> None:
    app = open_page()
    app.slider(key="opacity").set_value(0.25).run()
    assert '"opacity":0.25' in charts(app)[0].replace(" ", "")


@pytest.mark.parametrize("task", ["pose", "segmentation"])
def test_another_task_gets_one_sentence_and_a_button_that_helps(task: str) -> None:
    app = open_app("pages/explore/attribution.py", {"preset": "tiny", "task": task, "img_size": "64,64"})
    assert f"a {task} model has none" in app.info[0].value
    assert charts(app) == []
    app.button(key="use_classification").click().run()
    assert app.session_state["variant"] == preset("tiny")
    run_until_there(app)


def work_page() -> None:
    """A page whose work waits for the test."""
    import streamlit as st

    from explorer.ui.progress import throw_away_button, with_progress
    from tests.pages.test_attribution import wait_for_gate

    key = st.session_state.get("work_key", "first")
    result = with_progress("work", key, "Waiting", wait_for_gate(key))
    st.session_state["result"] = result
    if result is not None:
        throw_away_button("work", key)


GATE = threading.Event()
STARTED: list[str] = []
ENDED: list[str] = []


def wait_for_gate(key: str) -> progress.Work[str]:
    def work(on_progress: progress.OnProgress, should_stop: progress.ShouldStop) -> str:
        STARTED.append(key)
        on_progress(1, 4)
        while not GATE.wait(0.01):
            if should_stop():
                ENDED.append(key)
                raise RuntimeError("stopped")
        return f"result of {key}"

    return work


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr(progress, "GLANCE_S", 0.05)
    GATE.clear()
    STARTED.clear()
    ENDED.clear()
    return AppTest.from_function(work_page, default_timeout=30).run()


def wait_until(happened: list[str], key: str) -> None:
    end = time.monotonic() + 10
    while key not in happened:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_work_shows_progress_then_its_result_and_is_done_once(work: AppTest) -> None:
    assert "Waiting: 1 of 4" in work.get("progress")[0].proto.text
    GATE.set()
    wait_until([job.outcome.result(10) for job in work.session_state["running_jobs"].values()], "result of first")
    assert work.run().session_state["result"] == "result of first"
    work.session_state["work_key"] = "second"
    assert work.run().run().session_state["result"] == "result of second"
    work.session_state["work_key"] = "first"
    assert work.run().session_state["result"] == "result of first"
    assert STARTED == ["first", "second"]


def test_stop_ends_the_work_until_it_is_wanted_again(work: AppTest) -> None:
    work.button(key="stop_work").click().run()
    wait_until(ENDED, "first")
    assert "Waiting was stopped after 1 of 4." in work.run().info[0].value
    assert STARTED == ["first"]
    GATE.set()
    work.button(key="compute_work").click().run()
    assert work.run().session_state["result"] == "result of first"


def test_other_work_ends_what_runs(work: AppTest) -> None:
    work.session_state["work_key"] = "second"
    work.run()
    wait_until(ENDED, "first")
    GATE.set()
    work.run()
    assert work.run().session_state["result"] == "result of second"


def test_a_result_is_thrown_away_only_when_asked(work: AppTest) -> None:
    GATE.set()
    work.run()
    work.run()
    work.button(key="throw_away_work").click().run()
    assert work.session_state["result"] is None
    assert "thrown away" in work.info[0].value
    assert work.session_state["kept_results"] == {}
