"""The one runner of a server: what the app's visitors compute meanwhile is told in a measurement's records."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from explorer.benchmark.outcome import Measured
from explorer.benchmark.plan import Group, Plan
from explorer.benchmark.running.group import JobProgress
from explorer.models.model_ref import model_by_name
from explorer.processes import neighbours
from explorer.records.record import Record
from explorer.sharing.memory_budget import memory_budget
from explorer.ui.measure import job_manager
from tests.explorer.records.examples import example_record


class Instant:
    """In place of a measurement: progress, and one record."""

    worker_pids = (10,)

    def __init__(self, group: Group, on_progress: Callable[[JobProgress], None]) -> None:
        self._job, self._on_progress = group[0], on_progress

    def measure(self) -> Iterator[Measured]:
        self._on_progress(JobProgress(self._job, "measuring"))
        yield Measured(self._job, example_record())


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    records: list[Record] = []
    monkeypatch.setattr(job_manager, "_store_record", records.append)
    monkeypatch.setattr("explorer.benchmark.running.runner.GroupMeasurement", Instant)
    return records


def measured(stored: list[Record]) -> Record:
    run = job_manager.JobManager().submit(Plan(models=(model_by_name("resnet10t"),)), "visitor 1")
    assert run.wait(100)
    assert run.error is None
    assert run.records == tuple(stored)
    return stored[-1]


def test_what_ran_beside_is_stored_with_the_record(stored: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {10: "benchmark", 11: "benchmark", 12: "training"}
    monkeypatch.setattr(neighbours, "busy_groups", lambda own: [each for each in groups.items() if each[0] not in own])
    with memory_budget().admitted(1.0), memory_budget().admitted(1.0, long=True):
        assert measured(stored).ran_beside == "1 benchmark, 1 training, 2 app computations"


def test_what_ran_alone_says_so(stored: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "busy_groups", lambda own: ())
    assert measured(stored).ran_beside == "nothing"
