"""Profiles a model in this process: times of observed calls by part of the network, beside its MACs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.profiler import ProfilerActivity

from explorer.benchmark.measuring.device import Device
from explorer.benchmark.measuring.step import build_step
from explorer.benchmark.parts import Part, nearest_ancestor, operator_kind, part_of, ranges
from explorer.benchmark.plan import Job, parse_device
from explorer.benchmark.profile import LAUNCH, Profile, ProfileRow
from explorer.engines.registry import EAGER
from explorer.models.counting import build_meta_model, meta_images
from explorer.models.flops import flops_by_module
from explorer.models.model_ref import ModelRef, Size

#: Observed calls of a model in one process.
ROUNDS = 5
#: Rounds before these: the profiler's own memory, too, is first asked of the system.
_WARMUP_ROUNDS = 2
#: A part and a kind of operator in it.
_Key = tuple[Part, str]


def profile_calls(job: Job, device: Device, rounds: int = ROUNDS, trace_path: Path | None = None) -> Iterator[Profile]:
    """Profile a model's inference in this process, a call at a time, in turn with calls that nothing observes.

    Args:
        job: An eager inference job.
        device: Where to run it.
        rounds: Observed calls.
        trace_path: Where to write a trace of the last call, which chrome://tracing and Perfetto open; ranges bear the
            parts' names.

    Yields:
        A profile of each observed call.

    Raises:
        ValueError: If the job is not an eager inference, or nothing can tell its operators' times.
    """
    check_profilable(job)
    built = build_step(job, device.torch_device, job.batch_size, device.synchronize)
    if built.model is None:
        raise ValueError("Only what runs as it was built can be split into its parts.")
    macs = macs_by_part(job.model, job.img_size)
    whole = part_of("", is_hrformer=job.model.config is not None)
    on_card = device.kind == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_card else [])]
    for done in range(-_WARMUP_ROUNDS, rounds):
        *_, unobserved_ms = device.time_calls(built.run, 2)  # the first one after the profiler finds cold caches
        with named_ranges(built.model) as parts, torch.profiler.profile(activities=activities) as profiler:
            (observed_ms,) = device.time_calls(built.run, 1)
        if trace_path is not None and done == rounds - 1:
            profiler.export_chrome_trace(str(trace_path))
        if done >= 0:
            times_ms = _times_ms(profiler.events() or (), parts, on_card=on_card)
            times_ms[whole, LAUNCH] += max(0.0, observed_ms - sum(times_ms.values()))
            rows = tuple(_rows(times_ms, macs, job.batch_size))
            yield Profile(job.model.name, job.batch_size, job.img_size, unobserved_ms, rows)


def check_profilable(job: Job) -> None:
    """Make sure that a job can be split into its parts.

    Raises:
        ValueError: If it is not an eager inference, or on a device whose operators nobody times.
    """
    if job.kind != "inference" or job.engine != EAGER:
        raise ValueError(
            f"A profile of {job.kind} under the engine {job.engine} can't be split into the network's parts: "
            "use kind inference and the engine eager."
        )
    if parse_device(job.device)[0] == "mps":
        raise ValueError("PyTorch's profiler does not see what runs on MPS: profile on the CPU or a CUDA card.")


@contextmanager
def named_ranges(model: nn.Module) -> Iterator[dict[str, Part]]:
    """Let the profiler see which part of the network runs, as long as the context lasts.

    Yields:
        The part of each range name.
    """
    parts: dict[str, Part] = {}
    stack = _RangeStack()
    handles = []
    for module, owner, part in ranges(model):
        parts[part.label] = part
        handles += stack.attach(module, owner, part.label)
    try:
        yield parts
    finally:
        for handle in handles:
            handle.remove()


class _RangeStack:
    """Open profiler ranges, innermost last: the module at whose end each closes, its label, the range."""

    def __init__(self) -> None:
        self._open: list[tuple[nn.Module, str, torch.profiler.record_function]] = []

    def attach(self, module: nn.Module, owner: nn.Module | None, label: str) -> list[Any]:
        """Open a range at a module's start, after closing the one that a sibling left open in the same owner."""
        until = owner or module

        def start(*_: object) -> None:
            if owner is not None:
                self._close(owner)
            if self._open and self._open[-1][1] == label:
                return
            range_ = torch.profiler.record_function(label)
            range_.__enter__()  # type: ignore[no-untyped-call]
            self._open.append((until, label, range_))

        return [
            module.register_forward_pre_hook(start),
            until.register_forward_hook(lambda *_: self._close(until)),
        ]

    def _close(self, until: nn.Module) -> None:
        if self._open and self._open[-1][0] is until:
            self._open.pop()[-1].__exit__(None, None, None)


def macs_by_part(ref: ModelRef, img_size: Size) -> dict[_Key, int]:
    """Multiply-adds of one image by part and kind of operator, counted on the meta device."""
    counts = flops_by_module(build_meta_model(ref, img_size), meta_images(ref, img_size))
    macs: defaultdict[_Key, int] = defaultdict(int)
    for path, by_operator in counts.items():
        part = part_of(path, is_hrformer=ref.config is not None)
        outer_part = part_of(nearest_ancestor(path, counts), is_hrformer=ref.config is not None)
        for operator, flops in by_operator.items():
            kind = operator_kind(str(operator))
            macs[part, kind] += flops // 2
            if path:  # a module's count holds those of its children
                macs[outer_part, kind] -= flops // 2
    return {key: count for key, count in macs.items() if count}


def _times_ms(events: Iterable[Any], parts: Mapping[str, Part], *, on_card: bool) -> defaultdict[_Key, float]:
    """A call's time by the innermost range around each operator, its own time without that of the operators inside.

    On the CPU a range's own time is `LAUNCH`; on a card, which runs behind, that is what its kernels leave of the call.
    """
    times_ms: defaultdict[_Key, float] = defaultdict(float)
    for event in events:
        part = _part_around(event, parts)  # none around what other threads do meanwhile
        if event.device_type != DeviceType.CPU or part is None:
            continue
        operator = LAUNCH if event.name in parts else operator_kind(event.name)
        if not on_card:
            times_ms[part, operator] += event.self_cpu_time_total / 1e3
        elif operator != LAUNCH:
            times_ms[part, operator] += event.self_device_time_total / 1e3
    return times_ms


def _part_around(event: Any, parts: Mapping[str, Part]) -> Part | None:
    while event is not None and event.name not in parts:
        event = event.cpu_parent
    return None if event is None else parts[event.name]


def _rows(times_ms: Mapping[_Key, float], macs: Mapping[_Key, int], batch_size: int) -> Iterator[ProfileRow]:
    for part, operator in {**macs, **times_ms}:
        time_ms, work = times_ms.get((part, operator), 0.0), macs.get((part, operator), 0) * batch_size
        if time_ms or work:
            yield ProfileRow(part.stage, part.branch, part.kind or operator, operator, time_ms, work)
