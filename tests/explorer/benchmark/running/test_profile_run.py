"""How the processes of profiles become results, with scripted processes in place of real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from explorer.benchmark.measuring.messages import Placed, Profiled
from explorer.benchmark.measuring.profile_measurement import ROUNDS
from explorer.benchmark.outcome import Place
from explorer.benchmark.plan import Job
from explorer.benchmark.profile import Profile, ProfileRow
from explorer.benchmark.running.profile_run import ProfileRun
from explorer.models.model_ref import model_by_name
from explorer.processes import process
from explorer.processes.messages import Failed, Message

JOBS = tuple(Job(model=model_by_name(name), img_size=(64, 64)) for name in ("resnet10t", "resnet18"))
Script = Callable[[str], Iterator[Message]]


def call(name: str) -> Profiled:
    return Profiled(Profile(name, 1, (64, 64), 2.0, (ProfileRow("all", None, "all", "convolution", 3.0, 60),)))


def succeed(name: str) -> Iterator[Message]:
    yield Placed(Place.here(JOBS[0], f"where {name} ran"))
    for _ in range(ROUNDS):
        yield call(name)


def profiled(script: Script, monkeypatch: pytest.MonkeyPatch, sweeps: int = 1) -> tuple[ProfileRun, list[str]]:
    """A run at its end, and the models of its processes in turn."""
    started: list[str] = []

    class Scripted:
        pid = 1

        def __init__(self, worker: object, request: dict[str, list[dict[str, dict[str, str]]]], _: object) -> None:
            self._name = request["jobs"][0]["model"]["name"]
            started.append(self._name)

        def messages(self) -> Iterator[Message]:
            yield from script(self._name)

        def close(self) -> str:
            return "the measuring process was killed (SIGKILL)"

    monkeypatch.setattr(process, "WorkerProcess", Scripted)
    run = ProfileRun(JOBS, None, "ana", sweeps)
    run.work_on("cpu")
    return run, started


def test_each_model_has_a_process_of_its_own_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    run, started = profiled(succeed, monkeypatch, sweeps=2)
    assert started == ["resnet10t", "resnet18"] * 2
    assert [profile.model_name for profile in run.profiles] == ["resnet10t", "resnet18"]
    assert (run.state, run.error, run.share_done) == ("finished", None, 1.0)
    assert run.place is not None
    assert run.place.device_name == "where resnet18 ran"


def test_a_process_that_ends_early_or_fails_is_the_reason_and_no_more_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    run, started = profiled(lambda name: iter([call(name)]), monkeypatch)
    assert run.error == "resnet10t: the measuring process was killed (SIGKILL)"
    run, started = profiled(lambda name: iter([*succeed(name), Failed("boom")]), monkeypatch)
    assert run.error == "resnet10t: boom"
    assert started == ["resnet10t"]
    assert run.profiles == ()


def test_what_is_stopped_before_its_turn_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = ProfileRun(JOBS, None, "ana")
    run.cancel()
    assert run.wait(0)
    assert run.error == "cancelled"
    monkeypatch.setattr(process, "WorkerProcess", None)  # which nobody may call
    run.work_on("cpu")
    assert run.was_cancelled


def test_what_it_says_of_itself_in_the_queue() -> None:
    run = ProfileRun(JOBS, None, "ana")
    assert run.description == "profile of resnet10t and resnet18"
    assert (run.devices, run.kind, run.doing) == (("cpu",), "profile", "profiling")
