"""The section "Train it" of the Ablation page, from the entrypoint."""

from __future__ import annotations

import io
import json
import re
import time
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from explorer.ablation.checkpoints import (
    checkpoint_folder,
    checkpoint_path,
    read_checkpoint,
    resumable,
    save_checkpoint,
)
from explorer.ablation.recipe import Recipe, TrainingPlan
from explorer.processes.device_lock import device_lock
from explorer.records.store import Store
from explorer.records.training_exchange import read_trainings
from explorer.records.training_record import TrainingRecord
from explorer.ui.measure import ablation_training
from explorer.ui.measure.ablation_training_results import trainings_csv
from explorer.ui.measure.job_manager import job_manager
from tests.explorer.ablation.tiny import RECIPE, VARIANT, example_training
from tests.pages.entrypoint import open_app


@pytest.fixture(autouse=True)
def store_url(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("HRFORMER_RESULTS_URL", url)
    job_manager.clear()
    return url


def open_section() -> AppTest:
    return open_app("pages/measure/ablation.py")


def text(app: AppTest) -> str:
    return " ".join(element.value for kind in (app.markdown, app.info, app.caption, app.error) for element in kind)


def charts(app: AppTest) -> list[str]:
    return [chart.key.removeprefix("chart_ablation_") for chart in app.get("plotly_chart")]


def pictures(app: AppTest) -> list[str]:
    """What stands above the pictures, without the score."""
    annotations = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["annotations"]
    return [annotation["text"].partition("<br>")[0] for annotation in annotations]


def shows_the_reference(app: AppTest) -> bool:
    """Its number and its pictures, and the details below."""
    return [metric.value for metric in app.metric] == ["+0.077"] and charts(app)[0] == "predictions"


def own_records(plan: TrainingPlan, *jobs: int, miou: float = 0.5) -> list[TrainingRecord]:
    """Results of some of a plan's trainings; the arm with the convolution is 0.1 better."""
    return [
        example_training(
            job.arm,
            job.seed,
            miou + 0.1 * (job.arm == "3x3"),
            variant=job.variant.to_dict(),
            recipe=job.recipe.to_dict(),
        )
        for job in (plan.jobs()[index] for index in jobs)
    ]


def store_all(url: str, records: list[TrainingRecord]) -> None:
    with Store(url) as store:
        for record in records:
            store.add_training(record)


def test_the_page_opens_with_one_number_and_one_picture_as_three_networks_see_it() -> None:
    app = open_section()
    assert [metric.value for metric in app.metric] == ["+0.077"]
    assert "95 % interval +0.066 to +0.088, 3 seeds" in app.metric[0].delta
    assert charts(app) == [
        "predictions",
        "training_curves",
        "training_differences",
        "published",
    ]
    assert pictures(app) == ["what is there", "with", "without", "1x1 control"]
    means = "0.534 with the 3x3 depth-wise convolution, 0.457 with no convolution, 0.457 with the 1x1 control"
    assert means in text(app)


def test_another_picture_is_one_click_away() -> None:
    app = open_section()
    typical = app.get("plotly_chart")[0].proto.spec
    app.segmented_control(key="ablation_picture").set_value(90).run()
    assert not app.exception
    assert app.get("plotly_chart")[0].proto.spec != typical
    assert "90 % gain less than this one" in text(app)


def test_who_has_trained_nothing_sees_the_run_that_comes_with_the_explorer() -> None:
    app = open_section()
    assert "Nothing is trained here yet. Shown is the run that comes with the explorer, of 9 trainings" in text(app)
    assert "9 trainings, about" in text(app)
    assert "at equal steps (600)" in text(app)
    assert "Published gains in accuracy" in app.get("plotly_chart")[-1].proto.spec


def test_the_reference_stays_until_one_seed_has_all_its_networks(store_url: str) -> None:
    plan = TrainingPlan()
    store_all(store_url, own_records(plan, 0, 1))  # of three
    app = open_section()
    assert shows_the_reference(app)
    assert "Shown until every network of one seed is trained here: the run that comes with the explorer" in text(app)
    assert "Begun earlier, and not finished. Kept: 2 of 9 trainings as finished. Resume goes" in text(app)
    store_all(store_url, own_records(plan, 2))
    app.run()
    assert [metric.value for metric in app.metric] == ["+0.100"]
    assert app.metric[0].delta == "one seed: no interval"
    assert "Trained here: 3 of 9 trainings" in text(app)
    assert "predictions" not in charts(app)  # these came without


def test_results_of_the_store_are_shown_and_exported(store_url: str) -> None:
    plan = TrainingPlan()
    records = [
        example_training(job.arm, job.seed, 0.5, variant=job.variant.to_dict(), recipe=job.recipe.to_dict())
        for job in plan.jobs()
    ]
    store_all(store_url, records)
    app = open_section()
    assert "No difference is shown" in text(app)
    assert app.metric[0].value == "+0.000"
    assert app.metric[0].delta.endswith("; zero lies within")
    assert "Nothing is trained here" not in text(app)
    assert len(app.dataframe[0].value) == 9
    assert read_trainings(io.StringIO(trainings_csv(records).decode(), newline="")) == records


def test_checkpoints_of_a_run_that_was_ended_offer_to_resume(store_url: str) -> None:
    with Store(store_url) as store:
        folder = checkpoint_folder(store.location)
    folder.mkdir()
    checkpoint_path(folder, TrainingPlan().jobs()[0]).write_bytes(b"half")
    app = open_section()
    assert app.button(key="resume_training").label == "Resume"
    assert app.button(key="start_training").label == "Train all from scratch"


def test_what_is_kept_of_other_settings_is_told(store_url: str) -> None:
    with Store(store_url) as store:
        folder = checkpoint_folder(store.location)
    folder.mkdir()
    begun = TrainingPlan(recipe=Recipe(steps=200)).jobs()[0]
    save_checkpoint(checkpoint_path(folder, begun), {"job": begun.to_dict()})
    app = open_section()
    assert "(steps 200, here 600): give their steps, arms and seeds" in app.info[0].value
    app.number_input(key="ablation_training_steps").set_value(200).run()
    assert app.button(key="resume_training").label == "Resume"


def test_finished_trainings_are_not_trained_anew_by_resuming(store_url: str) -> None:
    store_all(store_url, own_records(TrainingPlan(), 0))
    app = open_section()
    assert app.button(key="resume_training").label == "Resume"


def test_it_trains_shows_progress_and_keeps_the_result(monkeypatch: pytest.MonkeyPatch, store_url: str) -> None:
    def tiny(**chosen: object) -> TrainingPlan:
        return TrainingPlan(arms=("3x3", "none"), seeds=(0,), variant=VARIANT, recipe=replace(RECIPE, steps=6))

    monkeypatch.setattr(ablation_training, "TrainingPlan", tiny)
    app = open_section()
    with device_lock("cpu", "benchmark", lambda told: None, lambda: False):  # so that it doesn't end before
        app.button(key="start_training").click().run()
        assert not app.exception
        assert any(button.label == "Stop" for button in app.button)
        assert shows_the_reference(app)
    run = job_manager().ablation
    assert run is not None
    assert run.wait(240)
    app.run()
    assert not app.exception
    assert "One seed cannot tell an effect from chance" in text(app)
    assert not shows_the_reference(app)
    assert pictures(app) == ["what is there", "with", "without"]  # those of this run of two arms
    assert "Of 2 test pictures" in text(app)
    with Store(store_url) as store:
        assert [record.arm for record in sorted(store.trainings(), key=lambda record: record.arm)] == ["3x3", "none"]


def test_stop_ends_the_processes_and_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_section()
    monkeypatch.setattr("explorer.ablation.run.available_ram_mib", lambda: 1000.0)
    app.button(key="start_training").click().run()
    assert "2 trainings at once need about" in text(app)
    monkeypatch.setattr("explorer.ablation.run.available_ram_mib", lambda: 1e6)
    app.button(key="start_training").click().run()
    run = job_manager().ablation
    assert run is not None
    deadline = time.monotonic() + 100
    while not run.worker_pids:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    app.button(key="stop_training").click().run()
    assert run.wait(60)
    app.run()
    assert not app.exception
    assert run.was_stopped
    assert f"Stopped after {run.progress().steps_done} of 5,400 steps. Nothing is kept" in text(app)
    assert shows_the_reference(app)


def test_after_stop_it_is_said_how_far_it_came_and_what_is_kept(
    monkeypatch: pytest.MonkeyPatch, store_url: str
) -> None:
    def long(**chosen: object) -> TrainingPlan:
        return TrainingPlan(arms=("3x3", "none"), seeds=(0,), variant=VARIANT, recipe=replace(RECIPE, steps=5000))

    monkeypatch.setattr(ablation_training, "TrainingPlan", long)
    app = open_section()
    app.button(key="start_training").click().run()
    run = job_manager().ablation
    assert run is not None
    with Store(store_url) as store:
        folder = checkpoint_folder(store.location)
    deadline = time.monotonic() + 120
    while resumable(run.plan, folder) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    app.run()
    assert shows_the_reference(app)
    app.button(key="stop_training").click().run()
    assert run.wait(60)
    app.run()
    assert shows_the_reference(app)
    told = next(info.value for info in app.info if "Stopped" in info.value)
    came_to = run.progress().steps_done
    assert told.startswith(f"Stopped after {came_to:,} of 10,000 steps. Kept: 2 half-done ones at step ")
    assert told.endswith(" Resume goes on from there.")
    steps = [int(word) for word in re.findall(r"\d+", told.partition("at step ")[2])]
    assert steps == [read_checkpoint(checkpoint_path(folder, job))["step"] for job in run.plan.jobs()]
    assert app.button(key="resume_training").label == "Resume"


def test_steps_and_seeds_are_chosen_here() -> None:
    app = open_section()
    app.number_input(key="ablation_training_seeds").set_value(2).run()
    app.number_input(key="ablation_training_steps").set_value(100).run()
    assert not app.exception
    assert "6 trainings, about" in text(app)
    assert Recipe().steps == 600
