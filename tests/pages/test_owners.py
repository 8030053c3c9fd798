"""Who stops what: a run's owner at once, also after a reload; others after a question that names whose it is."""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event

import pytest
from streamlit.testing.v1 import AppTest

from explorer.benchmark.outcome import Measured, Place, finished_record
from explorer.benchmark.plan import Group, Plan
from explorer.benchmark.running.group import JobProgress
from explorer.benchmark.running.runner import Run
from explorer.models.model_ref import ModelRef, model_by_name
from explorer.processes.device_lock import device_lock
from explorer.processes.queued_work import QueuedWork
from explorer.ui.measure.job_manager import JobManager, job_manager, record_destination
from tests.explorer.benchmark.examples import NOTHING_ELSE
from tests.explorer.processes.examples import Example
from tests.pages.browsers import MINE, YOURS, load_in, send_cookies
from tests.pages.entrypoint import SMALL, open_app
from tests.pages.measure.runs import BENCHMARK, open_benchmark

TIME, ABLATION = "pages/measure/time.py", "pages/measure/ablation.py"


class OneThenWaits:
    """In place of a measurement: one record, and no end until it is cancelled."""

    def __init__(self, group: Group, on_progress: Callable[[JobProgress], None]) -> None:
        self.worker_pids = ()
        self._job = group[0]
        self._cancelled = Event()

    def measure(self) -> Iterator[Measured]:
        record = finished_record(self._job, Place.here(self._job), [10.0] * 30, NOTHING_ELSE)
        yield Measured(self._job, record)
        self._cancelled.wait(120)

    def cancel(self) -> None:
        self._cancelled.set()


@pytest.fixture(autouse=True)
def _fresh_server(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")
    send_cookies(monkeypatch)
    record_destination.clear()
    job_manager.clear()
    yield
    for run in job_manager().queue.works():
        run.cancel()
        assert run.wait(100)
    record_destination.clear()


@pytest.fixture
def holding() -> Example:
    """Keeps the CPU's queue busy, so that what comes after it waits."""
    work = Example(owner="visitor 99")
    job_manager().queue.submit(work)
    return work


def keys(app: AppTest) -> set[str]:
    return {button.key for button in app.button}


def warnings(app: AppTest) -> str:
    return " ".join(warning.value for warning in app.warning)


def click(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def started_run(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of the app's visitor that has measured one of its two jobs."""
    monkeypatch.setattr("explorer.benchmark.running.runner.GroupMeasurement", OneThenWaits)
    click(app, "start_run")
    run = job_manager().find(app.session_state["bench_run"])
    assert run is not None
    deadline = time.monotonic() + 100
    while not run.records:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return run


def asked_and_stopped(app: AppTest, key: str, run: QueuedWork) -> None:
    """The other visitor's way: asked whose it is, spared, asked again, stopped."""
    assert key not in keys(app)
    click(app, f"{key}_anyway")
    asked = app.warning[-1].value
    assert re.match(rf"{run.owner}'s \w+, asked for at \d\d:\d\d \w+: ", asked)
    assert asked.endswith("Stop it anyway?")
    assert app.button(key=f"{key}_confirmed").label.startswith(f"Stop {run.owner}'s ")
    assert not run.wait(0)
    click(app, f"{key}_spared")
    assert f"{key}_confirmed" not in keys(app)
    assert not run.wait(0)
    click(click(app, f"{key}_anyway"), f"{key}_confirmed")
    assert run.wait(100)


def test_a_run_that_another_opens_by_its_link(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = open_benchmark("this variant", "resnet10t")
    run = started_run(owner, monkeypatch)
    assert "cancel_run" in keys(owner.run())
    other = open_app(BENCHMARK, SMALL | {"run": run.id})
    assert f"{run.owner}'s benchmark, asked for at " in other.get("progress")[0].proto.text
    asked_and_stopped(other, "cancel_run", run)
    other.run()
    assert f"You stopped {run.owner}'s benchmark. What it has measured is kept: 1 record." in warnings(other)
    owner.run()
    assert not owner.exception
    stopper = job_manager().stopped_by(run)
    assert stopper != run.owner
    assert f"{stopper} stopped your benchmark. What it has measured is kept: 1 record." in warnings(owner)
    assert "download_records" in [button.key for button in owner.get("download_button")]


def test_another_visitors_words_are_shown_in_the_question_as_they_are_written(holding: Example) -> None:
    config = replace(model_by_name("hrformer_tiny").config, img_size=(32, 32))
    named = ModelRef(name="![x](https://example.org/x.png)", config=config)
    run = job_manager().submit(Plan(models=(named,)), "visitor 98")
    app = click(open_app(BENCHMARK, SMALL), f"stop_queued_{run.id}_anyway")
    assert r"\!\[x\](https\://example.org/x.png)" in app.warning[-1].value
    shown = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error]
    assert not any("![" in element.value for element in shown)


def test_the_owner_stops_a_run_at_once_after_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    load_in(MINE)
    run = started_run(open_benchmark("this variant", "resnet10t"), monkeypatch)
    load_in(MINE)  # under another mask
    again = open_app(BENCHMARK, SMALL | {"run": run.id})
    assert "cancel_run_anyway" not in keys(again)
    click(again, "cancel_run")
    assert run.wait(100)
    again.run()
    assert "stopped" not in warnings(again)
    assert job_manager().stopped_by(run) == run.owner


def test_what_waits_is_stopped_in_the_queue_by_its_owner_without_a_link(holding: Example) -> None:
    load_in(MINE)
    run = job_manager().find(click(open_benchmark("this variant"), "start_run").session_state["bench_run"])
    load_in(YOURS)
    other = open_app(BENCHMARK, SMALL)
    assert f"stop_queued_{run.id}_anyway" in keys(other)
    assert f"stop_queued_{run.id}" not in keys(other)
    load_in(MINE)
    again = open_app(TIME, SMALL)
    assert f"stop_queued_{run.id}_anyway" not in keys(again)
    click(again, f"stop_queued_{run.id}")
    assert run.wait(0)
    assert not holding.wait(0)


def test_without_the_cookie_a_reload_makes_another_visitor(holding: Example) -> None:
    """The limit that SECURITY.md states."""
    run = job_manager().find(click(open_benchmark("this variant"), "start_run").session_state["bench_run"])
    assert "cancel_run_anyway" in keys(open_app(BENCHMARK, SMALL | {"run": run.id}))


def test_a_training(holding: Example) -> None:
    owner = click(open_app(ABLATION), "start_training")
    run = job_manager().ablation
    assert "stop_training" in keys(owner)
    other = open_app(ABLATION)
    asked_and_stopped(other, "stop_training", run)
    owner.run()
    stopper = job_manager().stopped_by(run)
    told = f"{stopper} stopped your training. Finished trainings are kept, others from their last checkpoint on"
    assert told in warnings(owner)
    assert f"You stopped {run.owner}'s training." in warnings(other.run())


def test_a_training_is_its_owners_after_a_reload(holding: Example) -> None:
    load_in(MINE)
    click(open_app(ABLATION), "start_training")
    load_in(YOURS)
    assert "stop_training" not in keys(open_app(ABLATION))
    load_in(MINE)
    click(open_app(ABLATION), "stop_training")
    assert job_manager().ablation.wait(0)


def test_a_profile(holding: Example) -> None:
    owner = click(open_app(TIME, SMALL), "start_profiles")
    run = owner.session_state["profile_run"]
    assert "stop_profile" in keys(owner)
    other = open_app(TIME, SMALL)
    assert "stop_profile" not in keys(other)
    asked_and_stopped(other, f"stop_queued_{run.id}", run)
    owner.run()
    told = f"{job_manager().stopped_by(run)} stopped your profile. Of a profile that is stopped nothing is kept."
    assert told in warnings(owner)


def test_a_reloaded_page_finds_its_profile_again_and_another_browser_does_not(holding: Example) -> None:
    load_in(MINE)
    run = click(open_app(TIME, SMALL), "start_profiles").session_state["profile_run"]
    load_in(YOURS)
    assert "profile_run" not in open_app(TIME, SMALL).session_state
    load_in(MINE)
    again = open_app(TIME, SMALL)
    assert again.session_state["profile_run"] is run
    click(again, "stop_profile")
    assert run.wait(0)


@pytest.mark.parametrize(
    ("page", "start", "stop"),
    [
        (BENCHMARK, "start_run", "cancel_run"),
        (TIME, "start_profiles", "stop_profile"),
        (ABLATION, "start_training", "stop_training"),
    ],
)
def test_another_programs_turn_is_waited_for_with_a_sentence_and_the_waiting_can_be_stopped(
    page: str, start: str, stop: str
) -> None:
    with device_lock("cpu", "benchmark", lambda told: None, lambda: False):
        app = click(open_app(page, SMALL), start)
        (run,) = job_manager().queue.works()
        deadline = time.monotonic() + 100
        while run.note is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        app.run()
        assert "Waiting for another program" in app.get("progress")[0].proto.text
        sentence = f"Waiting for cpu: process {os.getpid()} has it for a benchmark since "
        assert any(caption.value.startswith(sentence) for caption in app.caption)
        click(app, stop)
        assert run.wait(100)
    assert run.was_stopped


def test_a_lock_that_cannot_be_had_is_said_and_the_run_goes_on(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_LOCK_FOLDER", str(tmp_path / "missing"))
    app = open_benchmark("this variant", "resnet10t")
    run = started_run(app, monkeypatch)
    assert run.records
    app.run()
    (note,) = [caption.value for caption in app.caption if "can't be locked" in caption.value]
    assert note.startswith("Other programs that measure on cpu are not waited for: hrformer-explorer-cpu.lock")


def test_a_run_that_has_ended_is_stopped_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(Plan(models=(model_by_name("resnet10t"),)), "visitor 1", print)
    monkeypatch.setattr("explorer.benchmark.running.runner.GroupMeasurement.measure", lambda self: iter(()))
    run.work_on("cpu")
    manager = JobManager()
    manager.stop(run, "visitor 2")
    assert manager.stopped_by(run) is None
    assert run.progress().state == "finished"
