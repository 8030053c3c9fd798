"""What a plan will take, said before it starts: time, and whether it fits the memory."""

from __future__ import annotations

import os
from collections.abc import Callable

from explorer.benchmark.footprint import Footprint, footprint
from explorer.benchmark.plan import Group, Job, Plan, parse_device
from explorer.cost.capacity import optimised_mib
from explorer.cost.complexity import estimate_complexity
from explorer.engines.registry import COMPILED, EAGER
from explorer.models.counting import model_cost

#: Speeds that networks of many small operators typically reach, for the forecast only, FLOP/s; on the CPU per thread.
_TYPICAL_FLOP_S = {"cpu": 3e10, "cuda": 1e13, "mps": 2e12}
#: A training step does the forward's work about three times (one forward, two products for its gradients).
TRAINING_FACTOR = 3
_PROCESS_START_S = 5.0
#: What engines take to make a model ready, once for its memory and once for its times, s; of a network of some hundred
#: layers, as HRFormer-B is one.
_PREPARING_S = {COMPILED: 120.0, "ONNX Runtime": 60.0, "OpenVINO": 60.0}
#: Calls of a memory pass and of a warm-up.
_UNTIMED_CALLS = 10
#: A largest-batch search does about as much work as this many calls at the batch found.
_SEARCH_CALLS = 8
#: Interpreter, libraries and their workspaces on the CPU, context and kernels on a card, MiB. With it the forecast came
#: within 10 % of the measured peak of HRFormer-T, HRNet-W18 and DeiT-T, in inference and training (torch 2.14, CPU).
_OVERHEAD_MIB = {"cpu": 900.0, "cuda": 700.0, "mps": 900.0}


def estimate_seconds(plan: Plan) -> float:
    """Rough duration of a plan, s: within a factor of two or three on a machine of today.

    Jobs that can't be counted are left out.

    Raises:
        ValueError: If none can be counted, with the reason.
    """
    return sum(_group_seconds(group) for group in _counted_groups(plan))


def uncounted(plan: Plan) -> tuple[str, ...]:
    """Why some of a plan's jobs can't be counted before they run, one sentence each; they fail or succeed alone."""
    return tuple(dict.fromkeys(reason for job in plan.jobs() if (reason := _uncounted(job))))


def check_memory(plan: Plan, available_mib: Callable[[str], float | None]) -> None:
    """Refuse a plan that can't fit.

    Args:
        plan: The plan; of jobs that can't be counted nobody knows, which refuses nothing.
        available_mib: Free memory of a device by name, MiB; None where nobody knows, which refuses nothing.

    Raises:
        ValueError: Naming the first job that does not fit, what it needs, what there is and what would fit; or, if no
            job can be counted, why.
    """
    available = {device: available_mib(device) for device in plan.devices}
    for group in _counted_groups(plan):
        free_mib = available[group[0].device]
        if free_mib is not None:
            _check_group(group, free_mib)


def needed_mib(job: Job) -> float:
    """Memory that a job needs on its own, MiB.

    Raises:
        ValueError: If it can't be counted.
    """
    device, _ = parse_device(job.device)
    return _OVERHEAD_MIB[device] + _resident_mib(job) + _step_mib(job)


def _counted_groups(plan: Plan) -> list[Group]:
    groups = [tuple(job for job in group if not _uncounted(job)) for group in plan.groups()]
    counted = [group for group in groups if group]
    if not counted:
        raise ValueError(uncounted(plan)[0])
    return counted


def _uncounted(job: Job) -> str:
    """Why a job's work or memory can't be counted; empty where they can."""
    try:
        _footprint(job)
    except ValueError as error:
        return str(error)
    return ""


def _check_group(group: Group, free_mib: float) -> None:
    for job in group:
        if needed_mib(job) > free_mib:
            raise ValueError(_does_not_fit(job, free_mib))
    together = sum(_resident_mib(job) for job in group) + max(needed_mib(job) - _resident_mib(job) for job in group)
    if together > free_mib:
        raise ValueError(
            f"{len(group)} models measured together on {group[0].device} need about {together:,.0f} MiB, "
            f"{free_mib:,.0f} MiB are free: measure them in smaller plans."
        )


def _does_not_fit(job: Job, free_mib: float) -> str:
    per_img = _step_mib(job) / job.batch_size
    fits = int((free_mib - (needed_mib(job) - _step_mib(job))) / per_img)
    advice = f"a batch of {fits} would fit" if fits >= 1 else "use a smaller model or image, or another device"
    return (
        f"{job.model.name} with a batch of {job.batch_size} at {job.img_size[0]}x{job.img_size[1]} needs about "
        f"{needed_mib(job):,.0f} MiB on {job.device}, {free_mib:,.0f} MiB are free: {advice}."
    )


def _step_mib(job: Job) -> float:
    # A search for the largest batch finds its own size.
    batch_size = 1 if job.kind == "largest_batch" else job.batch_size
    return _footprint(job).step_mib(batch_size) * _bytes_factor(job)


def _resident_mib(job: Job) -> float:
    return (_footprint(job).resident_mib + _written_out_mib(job)) * _bytes_factor(job)


def _written_out_mib(job: Job) -> float:
    """Position biases, which every engine but the eager one keeps written out; of large windows more than all else."""
    config = job.model.config
    if config is None or job.engine == EAGER:
        return 0.0
    return optimised_mib(config) - estimate_complexity(config).weights_mib


def _footprint(job: Job) -> Footprint:
    return footprint(job.model, job.img_size, training=job.kind == "training_step")


def _bytes_factor(job: Job) -> float:
    return 0.5 if job.precision in ("bf16", "fp16") else 1.0


def _group_seconds(group: Group) -> float:
    """The models take turns until the slowest has enough, so all take as long as that one."""
    starts = _PROCESS_START_S * (len(group) + 1)
    preparing = sum(_PREPARING_S.get(job.engine, 0.0) for job in group)
    untimed = sum(_call_seconds(job) * _untimed_calls(job) for job in group)
    timed = max(_timed_seconds(job) for job in group) * len(group)
    return starts + preparing + untimed + timed


def _timed_seconds(job: Job) -> float:
    method = job.method
    return min(max(method.min_iterations * _call_seconds(job), method.min_seconds), method.max_seconds)


def _untimed_calls(job: Job) -> int:
    return _UNTIMED_CALLS + (_SEARCH_CALLS if job.kind == "largest_batch" else 0)


def _call_seconds(job: Job) -> float:
    device, _ = parse_device(job.device)
    factor = TRAINING_FACTOR if job.kind == "training_step" else 1
    flops = 2 * model_cost(job.model, job.img_size).macs * job.batch_size * factor
    workers = (job.threads or os.cpu_count() or 1) if device == "cpu" else 1
    return flops / (_TYPICAL_FLOP_S[device] * workers)
