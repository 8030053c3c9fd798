"""What a node of a cluster streams back, with the measurement itself scripted."""

from types import SimpleNamespace

import pytest

from explorer.benchmark.outcome import Measured, Place, unfinished_record
from explorer.benchmark.plan import Plan
from explorer.models.model_ref import model_by_name

pytest.importorskip("ray", reason="Ray is not installed (extra: ray)")

from explorer.benchmark.running import ray_task

GROUP = Plan(models=(model_by_name("hrformer_tiny"), model_by_name("resnet18"))).groups()[0]
IDS = ("00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b")


class Scripted:
    """Measures a group from its end."""

    def __init__(self, group, on_progress):
        self._group = group

    def measure(self):
        for job in reversed(self._group):
            yield Measured(job, unfinished_record(job, Place.here(job), "failed", f"no {job.model.name}"))

    def cancel(self):
        pass


@pytest.fixture(autouse=True)
def node(monkeypatch):
    monkeypatch.setattr(ray_task, "GroupMeasurement", Scripted)
    context = SimpleNamespace(get_node_id=lambda: "node 1")
    monkeypatch.setattr(ray_task.ray, "get_runtime_context", lambda: context)


def test_each_job_comes_back_with_its_record_under_the_id_that_it_was_sent_with():
    place, *messages = ray_task.measure_group(dict(zip(IDS, GROUP, strict=True)))
    assert isinstance(place, Place)
    assert [(message.job, message.record.record_id) for message in messages] == [(GROUP[1], IDS[1]), (GROUP[0], IDS[0])]
    assert [message.record.status_reason for message in messages] == ["no resnet18", "no hrformer_tiny"]
    assert {message.record.environment["cluster"]["node_id"] for message in messages} == {"node 1"}


def test_what_goes_wrong_beside_the_jobs_is_raised_by_the_task(monkeypatch):
    def broken(self):
        raise RuntimeError("no such folder")
        yield

    monkeypatch.setattr(Scripted, "measure", broken)
    stream = ray_task.measure_group(dict(zip(IDS, GROUP, strict=True)))
    next(stream)
    with pytest.raises(RuntimeError, match="no such folder"):
        next(stream)
