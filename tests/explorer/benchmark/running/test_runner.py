"""The runner with real processes: tiny models, cancelled and killed runs, full memory, and what is left behind."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from explorer.benchmark.method import Method
from explorer.benchmark.plan import Job, Plan
from explorer.benchmark.running import runner as runner_module
from explorer.benchmark.running.runner import Runner
from explorer.models.model_ref import model_by_name
from explorer.records.record import FIGURES
from tests.explorer.benchmark.examples import ENDLESS, TINY

pytestmark = pytest.mark.alone

QUICK = Method(min_iterations=12, min_seconds=0.2, max_seconds=5, warmup_max_seconds=1, round_seconds=0.05)
_START_S = 90


def plan(method=QUICK, **changes):
    return Plan(**{"models": (TINY,), "threads": (1,), "method": method, **changes})


def wait_for(condition):
    deadline = time.monotonic() + _START_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def phases(run):
    return {now.phase for now in run.progress().current}


@pytest.fixture
def saved():
    return []


@pytest.fixture
def runner(saved):
    return Runner(saved.append)


@pytest.fixture(scope="module")
def pair():
    """Two models measured interleaved: the saved records, and everything that was to be seen on the way."""
    saved, seen = [], []
    run = Runner(saved.append).submit(plan(models=(TINY, model_by_name("resnet10t")), img_sizes=((64, 64),)), "ana")
    while not run.wait(0.005):
        seen.append((run.progress(), run.worker_pids))
    return run, saved, seen


def test_a_pair_is_measured_and_saved(pair):
    run, saved, _ = pair
    assert [(record.status, record.status_reason) for record in saved] == [("ok", None)] * 2
    assert run.records == tuple(saved)
    assert [record.model_name for record in saved] == [TINY.name, "resnet10t"]
    assert run.error is None


def test_every_figure_is_there_or_has_a_reason(pair):
    _, saved, _ = pair
    for record in saved:
        assert all((getattr(record, name) is None) == (name in record.reasons) for name in FIGURES)
        assert record.samples_count == len(record.samples_ms) >= 6
        assert 0 < record.latency_ms_p50 < 5000
        assert 0 < record.peak_flop_share < 1
        assert record.threads == 1
        assert record.environment["threads"]["intra_op"] == 1
        assert record.ran_beside is not None
        assert record.runnable_threads is not None or "count" in record.reasons["runnable_threads"]


def test_progress_is_live(pair):
    run, _, seen = pair
    assert seen[0][0].jobs_done == 0
    assert run.progress().state == "finished"
    assert run.progress().jobs_done == run.progress().jobs_total == 2
    current = [now for progress, _ in seen for now in progress.current]
    assert {"building", "measuring"} <= {now.phase for now in current}
    measuring = [now for now in current if now.phase == "measuring"]
    assert len({now.job.model.name for now in measuring}) == 2  # turn by turn
    assert all(now.samples > 0 and now.p50_ms > 0 for now in measuring)


def test_work_done_grows_with_passes_and_samples_up_to_all_jobs(pair):
    run, _, seen = pair
    done = [progress.work_done for progress, _ in seen]
    assert done == sorted(done)
    assert done[0] == 0
    assert run.progress().work_done == 2
    assert all(progress.reported_s <= progress.elapsed_s for progress, _ in seen)
    assert {progress.reported_s > 0 for progress, _ in seen if progress.work_done} == {True}
    samples = {now.samples: now.share for progress, _ in seen for now in progress.current if now.phase == "measuring"}
    assert len(set(samples.values())) > 1  # within a pass it goes on
    assert all(0.5 < share <= 1 for share in samples.values())  # the pass for the memory is over by then


def test_each_model_had_a_process_of_its_own_for_its_memory_and_none_is_left(pair):
    _, _, seen = pair
    pids = {pid for _, pids in seen for pid in pids}
    assert len(pids) == 3
    assert not any(map(is_alive, pids))


def test_cancel_ends_a_call_of_many_seconds_and_leaves_nothing_behind(runner, saved):
    # A first call of many seconds: the process is deep inside torch when it is told to stop.
    slow = plan(batch_sizes=(64,), img_sizes=((1024, 1024),))
    first, second = runner.submit(slow, "ana"), runner.submit(plan(), "ben")
    assert [run.owner for run in runner.queue.works()] == ["ana", "ben"]
    assert second.progress().state == "waiting"
    wait_for(lambda: "building" in phases(first))
    time.sleep(0.5)
    (pid,) = first.worker_pids
    second.cancel()
    assert second.wait(0)
    assert [run.owner for run in runner.queue.works()] == ["ana"]
    first.cancel()
    assert first.wait(_START_S)
    assert not is_alive(pid)
    assert [(record.status, record.model_name) for record in saved] == [("cancelled", TINY.name)]
    assert first.progress().state == second.progress().state == "cancelled"
    assert runner.queue.works() == ()


def test_a_killed_process_is_a_failed_record_and_the_next_run_goes_on(runner, saved):
    run = runner.submit(plan(ENDLESS))
    wait_for(lambda: run.worker_pids)
    os.kill(run.worker_pids[0], signal.SIGKILL)
    assert run.wait(_START_S)
    assert saved[0].status == "failed"
    assert "SIGKILL" in saved[0].status_reason
    profile_run = runner.submit_profile([Job(model=TINY, img_size=(64, 64), threads=1)])
    assert profile_run.wait(_START_S)
    assert profile_run.profiles[0].macs > 0
    assert profile_run.error is None


def test_full_memory_and_a_full_disk_spare_this_process(monkeypatch):
    def full_disk(record):
        raise OSError("No space left on device")

    runner = Runner(full_disk)
    greedy = plan(batch_sizes=(2**16,), img_sizes=((4096, 4096),))
    with pytest.raises(ValueError, match=r"needs about .* are free"):
        runner.submit(greedy)
    monkeypatch.setattr(runner_module, "available_mib", lambda device: None)
    run = runner.submit(greedy)
    assert run.wait(_START_S)
    (record,) = run.records
    assert record.status == "out_of_memory"
    assert "can't allocate memory" in record.status_reason
    assert run.error == "A record could not be saved: OSError: No space left on device"


@pytest.mark.parametrize("device", ["cuda:7", "mps"])
def test_a_missing_device_is_said_before_anything_starts(runner, device):
    with pytest.raises(ValueError, match=f"This machine has no device {device}"):
        runner.submit(plan(devices=(device,), threads=(None,)))


def test_a_profile_of_a_training_step_is_refused(runner):
    with pytest.raises(ValueError, match="use kind inference and the engine eager"):
        runner.submit_profile([Job(model=TINY, img_size=(64, 64), kind="training_step")])


def test_a_killed_parent_takes_its_process_along():
    job = Job(model=TINY, img_size=(64, 64), threads=1, method=ENDLESS)
    request = {
        "pass": "together",
        "jobs": [job.to_dict()],
        "alone": [{"batch_size": 1, "figures": {"values": {}, "reasons": {}}}],
    }
    parent_code = (
        "import json, sys, time\n"
        "from explorer.benchmark.measuring.messages import TOGETHER_WORKER\n"
        "from explorer.processes.process import WorkerProcess\n"
        "worker = WorkerProcess(TOGETHER_WORKER, json.loads(sys.argv[1]), {})\n"
        "next(worker.messages())\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", parent_code, json.dumps(request)], stdout=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not is_alive(pid))
