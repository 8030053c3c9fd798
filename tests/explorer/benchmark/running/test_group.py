"""How a group's processes become records, with scripted processes in place of real ones."""

from dataclasses import replace

import pytest

from explorer.benchmark.measuring.messages import Alone, Doing, Placed, Recorded
from explorer.benchmark.outcome import Place, finished_record
from explorer.benchmark.plan import Job, Plan
from explorer.benchmark.running.group import GroupMeasurement
from explorer.models.model_ref import model_by_name
from explorer.processes import process
from explorer.processes.messages import Failed
from explorer.records.figures import Figures
from explorer.records.record import FIGURES

NAMES = ("hrformer_tiny", "hrformer_small", "hrformer_base")
GROUP = Plan(models=tuple(model_by_name(name) for name in NAMES)).groups()[0]
FOUND = Alone(1, Figures())


def record_message(index, job):
    figures = Figures(reasons=dict.fromkeys(FIGURES, "not measured here"))
    record = finished_record(job, Place.here(job), [1.0] * 6, figures)
    return Recorded(index, record)


def doing(index, phase="measuring", share=0.5):
    return Doing(index, phase, share)


class ScriptedProcess:
    """Takes what it does from `script`, by pass and the names of the models in it."""

    script = None
    requests = None

    pid = 1

    def __init__(self, worker, request, variables):
        self.requests.append((request["pass"], [job["model"]["name"] for job in request["jobs"]], variables))
        self._request = request

    def messages(self):
        jobs = [Job.from_dict(values) for values in self._request["jobs"]]
        yield from self.script(self._request["pass"], jobs)

    def kill(self):
        pass

    def close(self):
        return "the measuring process was killed (SIGKILL)"


def succeed(what, jobs):
    if what == "alone":
        yield doing(0, "measuring memory")
        yield FOUND
    else:
        for index, job in enumerate(jobs):
            yield doing(index)
            yield record_message(index, job)


@pytest.fixture
def measure(monkeypatch):
    def run(script, cancel_at=None):
        ScriptedProcess.script, ScriptedProcess.requests = staticmethod(script), []
        monkeypatch.setattr(process, "WorkerProcess", ScriptedProcess)
        measurement = GroupMeasurement(GROUP, lambda now: measurement.cancel() if now.phase == cancel_at else None)
        measured = list(measurement.measure())
        assert [job.model.name for job, _ in measured] == [record.model_name for _, record in measured]
        assert sorted(GROUP.index(job) for job, _ in measured) == list(range(len(GROUP)))
        return [record for _, record in measured], ScriptedProcess.requests

    return run


def outcomes(records):
    return {record.model_name: (record.status, record.status_reason) for record in records}


def test_each_job_runs_alone_and_then_all_together(measure):
    records, requests = measure(succeed)
    assert [record.model_name for record in records] == list(NAMES)
    assert all(record.status == "ok" for record in records)
    assert [(what, names) for what, names, _ in requests] == [
        *(("alone", [name]) for name in NAMES),
        ("together", list(NAMES)),
    ]


def test_all_passes_share_one_compile_cache_that_was_empty(measure):
    _, requests = measure(succeed)
    assert len({variables["TORCHINDUCTOR_CACHE_DIR"] for _, _, variables in requests}) == 1


def test_a_job_that_fails_alone_is_left_out_of_the_rest(measure):
    def script(what, jobs):
        if what == "alone" and jobs[0].model.name == NAMES[1]:
            yield doing(0)
            yield Failed("MemoryError", out_of_memory=True)
        else:
            yield from succeed(what, jobs)

    records, requests = measure(script)
    assert outcomes(records)[NAMES[1]] == ("out_of_memory", "MemoryError")
    assert requests[-1][:2] == ("together", [NAMES[0], NAMES[2]])
    assert len(records) == 3


def test_a_job_that_takes_the_process_with_it_costs_the_others_nothing(measure):
    def script(what, jobs):
        if what == "together" and len(jobs) == 3:
            yield doing(0)
            yield doing(1)  # and dies
        else:
            yield from succeed(what, jobs)

    records, requests = measure(script)
    assert outcomes(records)[NAMES[1]] == ("failed", "the measuring process was killed (SIGKILL)")
    assert requests[-1][:2] == ("together", [NAMES[0], NAMES[2]])
    assert sorted(record.status for record in records) == ["failed", "ok", "ok"]


def test_records_that_came_before_a_crash_are_kept(measure):
    def script(what, jobs):
        if what == "together" and len(jobs) == 3:
            yield doing(0)
            yield record_message(0, jobs[0])
            yield doing(1)
        else:
            yield from succeed(what, jobs)

    records, requests = measure(script)
    assert outcomes(records) == {
        NAMES[0]: ("ok", None),
        NAMES[1]: ("failed", "the measuring process was killed (SIGKILL)"),
        NAMES[2]: ("ok", None),
    }
    assert requests[-1][:2] == ("together", [NAMES[2]])


@pytest.mark.parametrize("phase", ["measuring memory", "measuring"])
def test_a_cancelled_group_has_one_record_for_each_job(measure, phase):
    def script(what, jobs):
        for message in succeed(what, jobs):
            yield message
            if isinstance(message, Doing) and message.phase == phase:
                return

    records, _ = measure(script, cancel_at=phase)
    assert {record.status for record in records} == {"cancelled"}
    assert sorted(record.model_name for record in records) == sorted(NAMES)


def test_the_place_that_the_process_reports_is_kept_for_its_failures(measure):
    place = replace(Place.here(GROUP[0]), hostname="elsewhere", device_name="Some card")

    def script(what, jobs):
        yield Placed(place)
        yield Failed("boom")

    records, _ = measure(script)
    assert {(record.hostname, record.device_name) for record in records} == {("elsewhere", "Some card")}


def test_each_job_is_told_as_done_once_before_its_record(monkeypatch):
    def script(what, jobs):
        if what == "alone" and jobs[0].model.name == NAMES[1]:
            yield Failed("boom")
        else:
            yield from succeed(what, jobs)

    ScriptedProcess.script, ScriptedProcess.requests = staticmethod(script), []
    monkeypatch.setattr(process, "WorkerProcess", ScriptedProcess)
    told = []
    for job, _ in GroupMeasurement(GROUP, told.append).measure():
        assert (told[-1].phase, told[-1].share, told[-1].job) == ("done", 1, job)
    assert [now.job.model.name for now in told if now.phase == "done"] == [NAMES[1], NAMES[0], NAMES[2]]
    assert {now.share for now in told if now.phase == "measuring"} == {0.5}
