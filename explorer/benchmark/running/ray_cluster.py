"""A Ray cluster as benchmarks see it: which nodes there are, and what a job must ask for to have a device alone."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ray

from explorer.benchmark.plan import Job, parse_device
from explorer.units import MIB

#: A node that offers one of these (`ray start --resources '{"benchmark": 1}'`) measures one CPU job at a time with it.
CPU_RESOURCE = "benchmark"
_CONNECT_S = 5.0

_nodes: Callable[[], list[Mapping[str, Any]]] = ray.nodes


def connect(address: str) -> None:
    """Connect this process to a cluster.

    Raises:
        ValueError: If none answers there.
    """
    if address.startswith("ray://"):
        raise ValueError(
            f"{address} is Ray's client port, over which no progress comes back: run on a machine of the cluster with "
            "--ray auto, or hand the command to `ray job submit`."
        )
    try:
        _check_answers(address)
        with _own_sigterm():
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (OSError, RuntimeError, ValueError) as error:
        cause = " ".join(str(error).split()).rstrip(".")
        raise ValueError(
            f"No Ray cluster could be joined at {address} ({cause}): start one with `ray start --head`."
        ) from error


def _check_answers(address: str) -> None:
    """Ray itself would try for most of a minute."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Ray puts its own handler in place, which would end this process without cancelling the run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


def alive_nodes() -> list[Mapping[str, Any]]:
    """The nodes that answer, as `ray.nodes` describes them."""
    return [node for node in _nodes() if node["Alive"]]


def demand(job: Job, nodes: Sequence[Mapping[str, Any]], accelerator_type: str | None) -> dict[str, Any]:
    """Options of the task that measures a job, so that nothing else is measured on its device meanwhile.

    A card is asked for as such. A CPU job asks for a node's `CPU_RESOURCE` where nodes offer it; else for as many
    CPUs as the largest node has, so that no second task fits beside it.

    Args:
        job: Any job of the group.
        nodes: From `alive_nodes`.
        accelerator_type: Type of card, such as "A100"; None for any.

    Raises:
        ValueError: If no node offers what is needed.
    """
    device, index = parse_device(job.device)
    if index:
        raise ValueError(f"{job.device} is one card of one machine: on a cluster Ray picks the card, use cuda:0.")
    match device:
        case "cuda":
            wanted: dict[str, Any] = {"num_gpus": 1, "num_cpus": 1}
            if accelerator_type is not None:
                wanted["accelerator_type"] = accelerator_type
        case "cpu" if _most(nodes, CPU_RESOURCE) < 1:
            wanted = {"num_cpus": max(1.0, _most(nodes, "CPU"))}
        case "cpu":
            wanted = {"num_cpus": 1, "resources": {CPU_RESOURCE: 1}}
        case _:
            wanted = {"num_cpus": 1, "resources": {device: 1}}
    if not any(_offers(node, wanted) for node in nodes):
        raise ValueError(f"No node of the Ray cluster offers {_shown(wanted)}, as {job.device} needs: add such a node.")
    return wanted


def available_mib(device: str) -> float | None:
    """Memory that the largest node leaves to tasks, MiB; None for cards, which only their node can ask."""
    if device != "cpu":
        return None
    return _most(alive_nodes(), "memory") / MIB or None


def _offers(node: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(node["Resources"].get(name, 0) >= amount for name, amount in _amounts(wanted).items())


def _amounts(wanted: Mapping[str, Any]) -> dict[str, float]:
    """Task options under the names of a node's resources."""
    amounts = {"CPU": wanted["num_cpus"], **wanted.get("resources", {})}
    if "num_gpus" in wanted:
        amounts["GPU"] = wanted["num_gpus"]
    if "accelerator_type" in wanted:
        amounts[f"accelerator_type:{wanted['accelerator_type']}"] = 0.001  # as much as Ray itself asks for
    return amounts


def _shown(wanted: Mapping[str, Any]) -> str:
    return ", ".join(f"{amount:g} {name}" for name, amount in _amounts(wanted).items())


def _most(nodes: Sequence[Mapping[str, Any]], resource: str) -> float:
    return max((float(node["Resources"].get(resource, 0)) for node in nodes), default=0.0)
