"""The page Where the time goes: shares by hand, and a profile of a small variant from the entrypoint."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from explorer.benchmark.profile import Profile, ProfileRow
from explorer.charts.time import share_bars
from explorer.ui.time import costliest_finding, part_order, share_table
from tests.pages.entrypoint import open_app
from tests.pages.test_benchmark import TINY

PAGE = "pages/measure/time.py"
BY_HAND = Profile(
    "by hand",
    1,
    (
        ProfileRow("stem", None, "stem and stage 1", "convolution", 1.0, 60),
        ProfileRow("stage 2", 0, "FFN 3x3 depth-wise", "convolution", 5.0, 10),
        ProfileRow("stage 2", 1, "FFN 1x1", "linear", 3.0, 30),
        ProfileRow("stage 2", 1, "FFN 1x1", "activation", 1.0, 0),
    ),
)


def test_shares_and_their_ratio_by_hand() -> None:
    table = share_table(BY_HAND, "kind").set_index("part")
    assert table.loc["FFN 3x3 depth-wise", ["time_share", "macs_share", "time_over_macs"]].to_list() == [0.5, 0.1, 5.0]
    assert table.loc["stem and stage 1", "time_over_macs"] == pytest.approx(1 / 6)
    operators = share_table(BY_HAND, "operator").set_index("part")
    assert operators["time_over_macs"].isna().to_dict() == {"convolution": False, "linear": False, "activation": True}


def test_the_title_names_the_part_that_costs_more_than_its_flops_say() -> None:
    title = costliest_finding(share_table(BY_HAND, "kind"))
    assert title == "FFN 3x3 depth-wise: 10 % of the MACs, 50 % of the time"


def test_branches_keep_their_colours_and_both_shares_stand_side_by_side() -> None:
    table = share_table(BY_HAND, "branch")
    figure = share_bars(table, "title", 0.6, part_order([table]))
    assert list(figure.data[0].y) == ["no branch", "1/4 branch", "1/8 branch"]
    assert list(figure.data[0].x) == pytest.approx([60, 10, 30])  # multiply-adds
    assert list(figure.data[1].x) == pytest.approx([10, 50, 40])  # time
    assert figure.data[1].marker.color[1:] == ("#0072B2", "#E69F00")


def profiled(app: AppTest) -> AppTest:
    app.button(key="start_profiles").click().run()
    assert not app.exception
    for run in app.session_state["profile_runs"]:
        assert run.wait(150)
    app.run()
    assert not app.exception
    return app


def test_a_profile_is_split_kept_and_thrown_away() -> None:
    app = profiled(open_app(PAGE, TINY))
    (run,) = app.session_state["profile_runs"]
    assert run.profile is not None
    table = app.dataframe[0].value
    assert table["time_share"].sum() == pytest.approx(1)
    assert table["macs_share"].sum() == pytest.approx(1)
    assert json.loads(run.trace_path.read_text())["traceEvents"]
    app.segmented_control(key="profile_split").set_value("Stage").run()
    assert "stage 4" in app.dataframe[0].value["part"].to_list()
    app.switch_page("pages/explore/architecture.py").run()
    app.switch_page(PAGE).run()
    assert len(app.dataframe) == 1
    app.button(key="throw_profiles_away").click().run()
    assert not app.dataframe
    assert not run.trace_path.exists()


def test_stop_ends_it_with_a_sentence() -> None:
    app = open_app(PAGE, TINY)
    app.button(key="start_profiles").click().run()
    app.button(key="stop_profiles").click().run()
    (run,) = app.session_state["profile_runs"]
    assert run.wait(20)
    app.run()
    assert not app.error
    assert "was cancelled" in app.info[-1].value


def test_an_unknown_name_gets_the_nearest() -> None:
    app = open_app(query=TINY)
    app.session_state["profile_model"] = "hrnet_w19"
    app.switch_page(PAGE).run()
    assert not app.exception
    assert "hrnet_w18" in app.error[0].value
    assert app.button(key="start_profiles").disabled
