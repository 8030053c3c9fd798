"""Plans on a cluster of two nodes on this machine, one of them killed while it measures."""

import time
from collections import Counter

import pytest

from explorer.benchmark.method import Method
from explorer.benchmark.plan import Job, Plan
from explorer.models.model_ref import model_by_name
from explorer.records.store import Store

pytest.importorskip("ray", reason="Ray is not installed (extra: ray)")

from ray.cluster_utils import Cluster

from explorer.benchmark.running.ray_cluster import demand
from explorer.benchmark.running.ray_runner import RayRunner
from tests.explorer.benchmark.examples import ENDLESS, TINY

QUICK = Method(min_iterations=6, min_seconds=0.1, max_seconds=2, warmup_max_seconds=0.5, round_seconds=0.05)
#: Long, for a busy machine: each node and each measuring process loads torch.
_PATIENCE_S = 240


def wait_for(condition):
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def plan(method=QUICK, **changes):
    return Plan(**{"models": (TINY,), "threads": (1,), "img_sizes": ((64, 64),), "method": method, **changes})


@pytest.fixture(scope="module")
def cluster():
    """A head that measures nothing, and one node that does."""
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'records.sqlite'}") as opened:
        yield opened


def test_a_cancelled_run_says_so_and_an_impossible_one_is_refused(cluster):
    saved = []
    with RayRunner(saved.append, cluster.address) as runner:
        with pytest.raises(ValueError, match=r"No node of the Ray cluster offers .*GPU, as cuda:0 needs"):
            runner.submit(plan(devices=("cuda:0",), threads=(None,)))
        with pytest.raises(ValueError, match=r"needs about .* are free"):
            runner.submit(plan(batch_sizes=(2**16,), img_sizes=((4096, 4096),)))
        run = runner.submit(plan(ENDLESS, batch_sizes=(1, 2)))
        wait_for(lambda: any(now.phase == "measuring" for now in run.progress().current))
        run.cancel()
        assert run.wait(1)
        assert run.progress().state == "cancelled"
    assert [(record.status, record.batch_size) for record in saved] == [("cancelled", 1)]


def test_a_node_killed_in_the_middle_of_a_plan_loses_nothing_and_doubles_nothing(cluster, store):
    (doomed,) = cluster.worker_nodes
    added = []

    def save(record):
        added.append((record.record_id, store.add(record)))

    pair = plan(models=(TINY, model_by_name("test_resnet")), batch_sizes=(1, 2))
    with RayRunner(save, cluster.address) as runner:
        run = runner.submit(pair, "ana")
        wait_for(lambda: run.progress().current)
        cluster.add_node(num_cpus=1)
        cluster.remove_node(doomed, allow_graceful=False)
        assert run.wait(_PATIENCE_S)
        assert run.error is None
        assert run.progress().state == "finished"
    stored = list(store.records())
    assert [(record.status, record.status_reason) for record in stored] == [("ok", None)] * 4
    assert Counter((record.model_name, record.batch_size) for record in stored) == Counter(
        (job.model.name, job.batch_size) for job in pair.jobs()
    )
    assert all(new for _, new in added)
    assert len({record_id for record_id, _ in added}) == len(added) == 4
    assert doomed.node_id not in {record.environment["cluster"]["node_id"] for record in stored}


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:10001"])
def test_an_address_without_a_cluster_is_one_sentence(address):
    with pytest.raises(ValueError, match=f"{address}.*ray"):
        RayRunner(print, address)


def node(**resources):
    return {"Resources": resources}


@pytest.mark.parametrize(
    ("device", "nodes", "accelerator_type", "expected"),
    [
        ("cpu", [node(CPU=4.0), node(CPU=16.0)], None, {"num_cpus": 16}),
        ("cpu", [node(CPU=4.0, benchmark=1.0), node(CPU=16.0)], None, {"num_cpus": 1, "resources": {"benchmark": 1}}),
        ("cuda:0", [node(CPU=4.0, GPU=2.0)], None, {"num_cpus": 1, "num_gpus": 1}),
        (
            "cuda:0",
            [node(CPU=4.0, GPU=2.0, **{"accelerator_type:A100": 1.0})],
            "A100",
            {"num_cpus": 1, "num_gpus": 1, "accelerator_type": "A100"},
        ),
    ],
)
def test_a_job_asks_for_its_device_alone(device, nodes, accelerator_type, expected):
    assert demand(Job(model=TINY, img_size=(64, 64), device=device), nodes, accelerator_type) == expected


@pytest.mark.parametrize(
    ("device", "nodes", "accelerator_type", "message"),
    [
        ("cuda:1", [node(CPU=4.0, GPU=2.0)], None, "use cuda:0"),
        ("cuda:0", [node(CPU=4.0, GPU=1.0)], "H100", "accelerator_type:H100"),
        ("cuda:0", [node(GPU=1.0), node(CPU=8.0)], None, "1 CPU, 1 GPU"),
        ("mps", [node(CPU=4.0)], None, "1 mps"),
    ],
)
def test_a_device_that_no_node_has_is_named(device, nodes, accelerator_type, message):
    with pytest.raises(ValueError, match=message):
        demand(Job(model=TINY, img_size=(64, 64), device=device), nodes, accelerator_type)
