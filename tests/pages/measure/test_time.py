"""The page Where the time goes: it opens on the run that ships, and shows the session's own profiles the same way."""

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from explorer.benchmark.measuring.messages import PROFILE_WORKER
from explorer.benchmark.profile import Profile, ProfileRow
from explorer.benchmark.profile_file import reference_profiles
from explorer.processes.device_lock import device_lock
from explorer.ui.measure.time_results import costliest_finding, share_table
from tests.pages.entrypoint import SMALL, hold, open_app
from tests.pages.texts import captions

PAGE = "pages/measure/time.py"
BY_HAND = Profile(
    "by hand",
    1,
    (224, 224),
    9.0,
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
    assert title == "FFN 3x3 depth-wise: 10 % of MACs, 50 % of time"


def answer(app: AppTest) -> str:
    """The sentence that the page opens with."""
    (sentence,) = [text.value for text in app.markdown if text.value.startswith("## ") and ":" in text.value]
    return sentence


def is_reference(app: AppTest) -> bool:
    return any("Reference run that ships" in text.value for text in app.markdown)


def profiled(app: AppTest) -> AppTest:
    app.button(key="start_profiles").click().run()
    assert not app.exception
    assert app.session_state["profile_run"].wait(150)
    app.run()
    assert not app.exception
    return app


def beside(second: str) -> AppTest:
    app = open_app(query=SMALL)
    hold(app, profile_second=second)
    hold(app, profile_size="32x32")
    return app.switch_page(PAGE).run()


def test_it_opens_with_the_answer_of_the_run_that_ships() -> None:
    app = open_app(PAGE)
    assert answer(app).startswith("## HRFormer-B: 0.76 of DeiT-B's MACs, ")
    assert is_reference(app)
    assert "2 threads, torch 2." in captions(app)
    assert "November 2026, one image of 224x224 a call" in captions(app)
    assert "without, taken in turn" in captions(app)
    assert len(app.get("plotly_chart")) == 3  # the two side by side, and each by itself
    assert len(app.dataframe) == 2


def test_the_pair_is_a_choice() -> None:
    app = open_app(PAGE)
    app.segmented_control(key="reference_second").set_value("HRNet-W48").run()
    assert not app.exception
    assert answer(app).startswith("## HRFormer-B: 0.77 of HRNet-W48's MACs, ")
    assert "; HRNet-W48 219 ms with the profiler" in captions(app)
    assert is_reference(app)


def test_a_run_of_several_batches_is_shown_at_the_largest_until_another_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = reference_profiles()
    assert run is not None
    of_eight = tuple(replace(profile, batch_size=8) for profile in run.profiles)
    both = replace(run, profiles=(*run.profiles, *of_eight))
    monkeypatch.setattr("explorer.ui.measure.time_results.reference_profiles", lambda: both)
    app = open_app(PAGE)
    assert "8 images of 224x224 a call" in captions(app)
    app.segmented_control(key="reference_batch").set_value(1).run()
    assert not app.exception
    assert "one image of 224x224 a call" in captions(app)


def test_own_profiles_take_its_place_and_are_shown_the_same_way() -> None:
    app = profiled(beside("test_resnet"))
    run = app.session_state["profile_run"]
    assert [profile.model_name for profile in run.profiles] == [run.jobs[0].model.name, "test_resnet"]
    assert "of test_resnet's MACs" in answer(app)
    assert not is_reference(app)
    assert "Your own profiles" in captions(app)
    assert len(app.get("plotly_chart")) == 3
    for table in app.dataframe:
        assert table.value["time_share"].sum() == pytest.approx(1)
        assert table.value["macs_share"].sum() == pytest.approx(1)
    assert all(json.loads(path.read_text())["traceEvents"] for path in run.trace_paths)
    app.segmented_control(key="profile_split").set_value("Stage").run()
    assert "stage 4" in app.dataframe[0].value["part"].to_list()
    app.switch_page("pages/explore/architecture.py").run()
    app.switch_page(PAGE).run()
    assert "Your own profiles" in captions(app)
    app.button(key="throw_profiles_away").click().run()
    assert is_reference(app)
    assert not any(path.exists() for path in run.trace_paths)


def test_one_model_alone_is_answered_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.processes.neighbours.busy_groups", lambda own: [(1, "benchmark")])
    app = profiled(beside("none"))
    assert "Not taken alone: beside 1 benchmark." in captions(app)
    assert " of MACs, " in answer(app)
    assert "Choose a second model under **Beside it**" in captions(app)
    assert len(app.dataframe) == 1


def test_stop_ends_it_with_a_sentence_and_the_reference_stays() -> None:
    app = open_app(PAGE, SMALL)
    with device_lock("cpu", "benchmark", lambda told: None, lambda: False):  # so that it doesn't end before
        app.button(key="start_profiles").click().run()
        assert is_reference(app)
        app.button(key="stop_profile").click().run()
        assert app.session_state["profile_run"].wait(100)
    app.run()
    assert not app.error
    assert "was cancelled" in app.info[-1].value
    assert is_reference(app)


def test_a_process_that_fails_is_said_and_the_reference_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(PROFILE_WORKER, module="explorer.no_such_module")
    monkeypatch.setattr("explorer.benchmark.running.profile_run.PROFILE_WORKER", broken)
    app = profiled(open_app(PAGE))
    assert "There is no profile: hrformer_tiny: the measuring process ended with code 1" in app.error[0].value
    assert is_reference(app)


def test_an_unknown_name_gets_the_nearest() -> None:
    app = open_app(query=SMALL)
    hold(app, profile_model="hrnet_w19")
    app.switch_page(PAGE).run()
    assert not app.exception
    assert "hrnet_w18" in app.error[0].value
    assert app.button(key="start_profiles").disabled


def test_without_the_file_that_ships_the_page_says_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.ui.measure.time_results.reference_profiles", lambda: None)
    app = open_app(PAGE)
    assert not app.get("plotly_chart")
    assert "beside its multiply-adds" in app.info[0].value
