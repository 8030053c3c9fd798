"""The guided tour, from the entrypoint."""

import base64
import json
from typing import Any

import numpy as np
import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from explorer.cost import capacity
from explorer.cost.complexity import estimate_complexity
from explorer.models.variants import from_query
from explorer.ui.explore.tour import STEPS
from explorer.units import with_prefix
from hrformer import preset
from tests.pages.entrypoint import open_app

PAGE = "pages/explore/tour.py"


def open_step(step: int, **query: str) -> AppTest:
    return open_app(PAGE, {"step": str(step), **query})


def figure(app: AppTest) -> dict[str, Any]:
    (chart,) = app.get("plotly_chart")
    spec: dict[str, Any] = json.loads(chart.proto.spec)
    return spec


def title(app: AppTest) -> str:
    text: str = figure(app)["layout"]["title"]["text"]
    return text.replace("<br>", " ")


def link(app: AppTest) -> Any:
    """The link below the figure; the other one changes the variant."""
    (found,) = (item.proto for item in app.get("page_link") if item.proto.label != "Change the variant")
    return found


def linked_query(app: AppTest) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in link(app).query_string.split("&"))


def heading(app: AppTest) -> str:
    return next(text.value for text in app.markdown if text.value.startswith("## "))


def test_next_and_previous_walk_the_five_steps_and_the_address_follows() -> None:
    app = open_app(PAGE)
    for number, step in enumerate(STEPS, start=1):
        assert heading(app) == f"## {number} of 5 · {step.title}"
        assert int(app.query_params.get("step", ["1"])[0]) == number
        assert figure(app)["data"]
        assert app.button(key="tour_previous").disabled == (number == 1)
        assert app.button(key="tour_next").disabled == (number == 5)
        if number < 5:
            app.button(key="tour_next").click().run()
            assert not app.exception
    app.button(key="tour_previous").click().run()
    assert heading(app).startswith("## 4 of 5")


@pytest.mark.parametrize(("asked", "shown"), [("3", 3), ("5", 5), ("0", 1), ("99", 1), ("three", 1), ("²", 1)])
def test_a_link_opens_its_step_and_a_wrong_one_the_first(asked: str, shown: int) -> None:
    app = open_app(PAGE, {"step": asked})
    assert heading(app).startswith(f"## {shown} of 5")
    assert app.segmented_control(key="step").value == shown


def test_a_smaller_picture_leaves_fewer_positions() -> None:
    app = open_step(1)
    assert title(app) == "3,136 positions to tell things apart at 1/4, 49 at 1/32"
    app.slider(key="tour_side").set_value(64).run()
    assert title(app) == "256 positions to tell things apart at 1/4, 4 at 1/32"
    assert linked_query(app)["img_size"] == "64%2C64"


def test_larger_windows_narrow_the_gap_to_global_attention() -> None:
    app = open_step(2)
    small = title(app)
    app.slider(key="tour_window").set_value(15).run()
    assert title(app) != small
    assert link(app).page == ""  # Architecture, the default page
    assert linked_query(app)["window_sizes"] == "15%2C15%2C15%2C15"


def test_nothing_leaves_a_window_without_the_convolution_and_one_ring_a_block_with_it() -> None:
    app = open_step(3)
    app.slider(key="tour_blocks").set_value(3).run()
    assert title(app) == "After 3 blocks without the convolution, exactly nothing is outside the window"
    assert linked_query(app) | {"dw_conv": "false", "num_blocks": "2%2C3%2C2%2C2"} == linked_query(app)
    app.button(key="tour_next").click().run()
    assert app.slider(key="tour_blocks").value == 3  # the same test
    assert "3 blocks with the convolution" in title(app)
    farthest = []
    for trace in _leaks(app):
        rows, columns = np.nonzero(np.isfinite(_values(trace)))
        farthest.append(max(abs(rows - 4).max(), abs(columns - 4).max()))  # the middle of 8 x 8 windows
    assert farthest == [1, 2, 3]


def _leaks(app: AppTest) -> list[dict[str, Any]]:
    return [trace for trace in figure(app)["data"] if trace["type"] == "heatmap" and "coloraxis" in trace]


def _values(trace: dict[str, Any]) -> np.ndarray:
    """The colours of a heat map, as Plotly packs them."""
    packed = trace["z"]
    shape = [int(side) for side in packed["shape"].split(",")]
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"]).reshape(shape)


@pytest.mark.parametrize("task", ["classification", "pose", "segmentation"])
def test_each_head_is_drawn_with_its_own_cost(task: str) -> None:
    app = open_step(5)
    app.segmented_control(key="tour_task").set_value(task).run()
    head = estimate_complexity(preset("tiny", task)).by_stage()["head"]
    assert title(app).startswith(f"The {task} head: {with_prefix(head.params, 'parameters')}")
    assert linked_query(app)["task"] == task


@pytest.mark.parametrize("step", range(1, 6))
def test_every_link_names_a_legal_variant_and_keeps_the_readers_own(step: int) -> None:
    app = open_step(step, preset="small")
    assert from_query({key: value.replace("%2C", ",") for key, value in linked_query(app).items()})
    assert app.query_params["preset"] == "small"


def test_a_machine_too_small_for_the_test_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    streamlit.cache_data.clear()
    streamlit.cache_resource.clear()
    monkeypatch.setattr(capacity, "available_ram_mib", lambda: 50.0)
    assert "costed but not built" in open_step(4).error[0].value
