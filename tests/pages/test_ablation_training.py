"""The section "Train it" of the Ablation page, from the entrypoint."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from explorer.ablation.checkpoints import save_checkpoint
from explorer.ablation.exchange import read_trainings
from explorer.ablation.recipe import Recipe, TrainingPlan
from explorer.ablation.run import checkpoint_folder, checkpoint_path
from explorer.benchmark.store import Store
from explorer.ui import ablation_training
from explorer.ui.ablation_training import trainings_csv
from explorer.ui.job_manager import job_manager
from tests.explorer.ablation.tiny import RECIPE, VARIANT, example_training
from tests.pages.entrypoint import open_app


@pytest.fixture(autouse=True)
def store_url(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("HRFORMER_RESULTS_URL", url)
    job_manager.clear()
    return url


def open_section() -> AppTest:
    app = open_app("pages/measure/ablation.py")
    app.segmented_control(key="ablation_view").set_value("Train it").run()
    assert not app.exception
    return app


def text(app: AppTest) -> str:
    return " ".join(element.value for kind in (app.markdown, app.info, app.caption, app.error) for element in kind)


def test_who_has_trained_nothing_sees_the_run_that_comes_with_the_explorer() -> None:
    app = open_section()
    assert "Nothing is trained here yet. Shown is the run that comes with the explorer, of 9 trainings" in text(app)
    assert "9 trainings, about" in text(app)
    assert "at equal steps (600)" in text(app)
    assert len(app.get("plotly_chart")) == 3  # curves, differences, published differences
    assert "Published gains in accuracy" in app.get("plotly_chart")[2].proto.spec


def test_results_of_the_store_are_shown_and_exported(store_url: str) -> None:
    plan = TrainingPlan()
    records = [
        example_training(job.arm, job.seed, 0.5, variant=job.variant.to_dict(), recipe=job.recipe.to_dict())
        for job in plan.jobs()
    ]
    with Store(store_url) as store:
        for record in records:
            store.add_training(record)
    app = open_section()
    assert "No difference is shown" in text(app)
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
    assert app.button(key="start_training").label == "Train all anew"


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
    job = TrainingPlan().jobs()[0]
    with Store(store_url) as store:
        store.add_training(
            example_training(job.arm, job.seed, 0.5, variant=job.variant.to_dict(), recipe=job.recipe.to_dict())
        )
    app = open_section()
    assert app.button(key="resume_training").label == "Resume"


def test_it_trains_shows_progress_and_keeps_the_result(monkeypatch: pytest.MonkeyPatch, store_url: str) -> None:
    def tiny(**chosen: object) -> TrainingPlan:
        return TrainingPlan(arms=("3x3", "none"), seeds=(0,), variant=VARIANT, recipe=replace(RECIPE, steps=6))

    monkeypatch.setattr(ablation_training, "TrainingPlan", tiny)
    app = open_section()
    app.button(key="start_training").click().run()
    assert not app.exception
    assert any(button.label == "Stop" for button in app.button)
    run = job_manager().ablation
    assert run is not None
    assert run.wait(240)
    app.run()
    assert not app.exception
    assert "One seed cannot tell an effect from chance" in text(app)
    with Store(store_url) as store:
        assert [record.arm for record in sorted(store.trainings(), key=lambda record: record.arm)] == ["3x3", "none"]


def test_stop_ends_the_processes_and_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_section()
    monkeypatch.setattr("explorer.ablation.run.available_ram_mib", lambda: 1000.0)
    app.button(key="start_training").click().run()
    assert "2 trainings at once need about" in text(app)
    monkeypatch.setattr("explorer.ablation.run.available_ram_mib", lambda: None)
    app.button(key="start_training").click().run()
    run = job_manager().ablation
    assert run is not None
    deadline = time.monotonic() + 30
    while not run.worker_pids and time.monotonic() < deadline:
        time.sleep(0.05)
    app.button(key="stop_training").click().run()
    assert run.wait(2)
    assert not app.exception
    assert run.was_stopped


def test_steps_and_seeds_are_chosen_here() -> None:
    app = open_section()
    app.number_input(key="ablation_training_seeds").set_value(2).run()
    app.number_input(key="ablation_training_steps").set_value(100).run()
    assert not app.exception
    assert "6 trainings, about" in text(app)
    assert Recipe().steps == 600
