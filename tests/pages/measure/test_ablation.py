"""The Ablation page, from the entrypoint."""

import pytest
from streamlit.testing.v1 import AppTest

from explorer.ablation.arms import arms_of
from explorer.ablation.switches import switch_named
from explorer.cost.complexity import estimate_complexity
from explorer.models.variants import to_query
from explorer.ui.measure.job_manager import job_manager
from tests.explorer.ablation.examples import TINY
from tests.pages.entrypoint import open_app
from tests.pages.measure.runs import SHORT

PAGE = "pages/measure/ablation.py"


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")


def open_cost(query: dict[str, str]) -> AppTest:
    """The view of what networks cost and see; the page opens with the other one."""
    app = open_app(PAGE, query)
    return app.segmented_control(key="ablation_view").set_value("Cost and reach").run()


def test_the_first_look_compares_with_and_without_the_convolution() -> None:
    app = open_cost(to_query(TINY))
    table = app.dataframe[0].value
    assert not app.exception
    assert table["network"].tolist() == ["reference", "without DW conv"]
    arms = arms_of(TINY, [switch_named("dw_conv")])
    assert table["MACs"].tolist() == [estimate_complexity(arm.config).macs for arm in arms]
    assert table["Leak between windows"].iloc[0] > 0
    assert table["Leak between windows"].iloc[1] == 0
    assert not app.error
    answer = next(element.value for element in app.markdown if element.value.startswith("**Without DW conv: "))
    assert "leak between windows −100.0 %" in answer


def test_switches_and_axes_add_networks_and_none_says_what_to_do() -> None:
    app = open_cost(to_query(TINY))
    app.multiselect(key="ablation_switches").set_value(["dw_conv", "fusion"]).run()
    app.text_input(key="ablation_window_sizes").set_value("7, 15").run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 2 * 3
    app.multiselect(key="ablation_switches").set_value([]).run()
    assert not app.exception
    assert any("Choose in the sidebar what to take out" in info.value for info in app.info)


def test_latency_is_measured_beside_the_page_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.ui.measure.ablation.Method", lambda min_seconds: SHORT)
    app = open_cost(to_query(TINY))
    app.number_input(key="ablation_threads").set_value(1).run()
    app.button(key="start_ablation").click().run()
    assert not app.exception
    run = job_manager().find(app.session_state["ablation_run"])
    assert run is not None
    assert run.wait(250)
    app.run()
    assert not app.exception
    assert app.dataframe[0].value["Latency"].notna().all()
    app.switch_page("pages/explore/architecture.py").run()
    app.switch_page(PAGE).run()
    assert app.dataframe[0].value["Latency"].notna().all()


@pytest.mark.parametrize(
    ("query", "switches", "words"),
    [
        ({"img_size": "1024,1024"}, ["windows"], "at most 512 pixels a side"),
        ({"window_sizes": "16,8,4,2"}, ["windows"], "no windows to take out"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_sentence(query: dict, switches: list[str], words: str) -> None:
    choice = {"ablation_view": "Cost and reach", "ablation_switches": switches[0]}
    app = open_app(PAGE, to_query(TINY) | query | choice)
    assert words in app.error[0].value


def test_a_reference_that_had_to_be_completed_says_so() -> None:
    app = open_cost(to_query(TINY) | {"dw_conv": "false"})
    assert not app.exception
    assert any("lacks: 3x3 depth-wise convolution" in info.value for info in app.info)
