"""Profiles models in this process, in turn: times of observed calls by part of the network, beside its MACs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn
from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.profiler import ProfilerActivity
from torch.utils.flop_counter import FlopCounterMode

from explorer.benchmark.device import Device
from explorer.benchmark.models import ModelRef, Size, build_meta_model, meta_images
from explorer.benchmark.parts import OTHER, Part, nearest_ancestor, operator_kind, part_of, ranges
from explorer.benchmark.plan import Job, parse_device
from explorer.benchmark.profile import LAUNCH, Profile, ProfileRow
from explorer.benchmark.step import BuiltStep, build_step
from explorer.engines import EAGER

#: Rounds of a first look.
ROUNDS = 3
#: Digits of a time in ms; what follows is noise.
_DIGITS = 4
#: A part and a kind of operator in it.
_Key = tuple[Part, str]
_Value = TypeVar("_Value")


class _Turn(NamedTuple):
    """One call without the profiler and one with it, ms; what was observed by part and kind of operator."""

    unobserved_ms: float
    times_ms: dict[_Key, float]

    @property
    def observed_ms(self) -> float:
        return sum(self.times_ms.values())


def profile_jobs(
    jobs: Sequence[Job],
    device: Device,
    rounds: int = ROUNDS,
    trace_paths: Sequence[Path] = (),
    on_turn: Callable[[int], None] = lambda index: None,
) -> list[Profile]:
    """Profile the inference of models in this process, round by round, so that a drifting machine hits all alike.

    Args:
        jobs: Eager inference jobs.
        device: Where to run them.
        rounds: Observed calls of each; a profile is the mean of the middle third, see `_middle`.
        trace_paths: Where to write a trace of each model's last call, which chrome://tracing and Perfetto open; ranges
            bear the parts' names.
        on_turn: Told the index of the job whose turn it is.

    Raises:
        ValueError: If a job is not an eager inference, or nothing can tell its operators' times.
    """
    steps = []
    for index, job in enumerate(jobs):
        check_profilable(job)
        on_turn(index)
        steps.append(build_step(job, device.torch_device, job.batch_size, device.synchronize))
    turns: list[list[_Turn]] = [[] for _ in jobs]
    for done in range(rounds):
        for index, step in enumerate(steps):
            on_turn(index)
            trace_path = trace_paths[index] if trace_paths and done == rounds - 1 else None
            turns[index].append(_turn(step, device, trace_path))
    return [_profile(job, taken) for job, taken in zip(jobs, turns, strict=True)]


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
    model = build_meta_model(ref, img_size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(meta_images(ref, img_size))
    root = type(model).__name__
    counts = {
        path.removeprefix(root).removeprefix("."): by_operator
        for path, by_operator in counter.get_flop_counts().items()
        if path != "Global"
    }
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


def _turn(step: BuiltStep, device: Device, trace_path: Path | None) -> _Turn:
    if step.model is None:
        raise ValueError("Only what runs as it was built can be split into its parts.")
    on_card = device.kind == "cuda"
    *_, unobserved_ms = device.time_calls(step.run, 2)  # the first one fetches the weights back into the caches
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_card else [])]
    with named_ranges(step.model) as parts, torch.profiler.profile(activities=activities) as profiler:
        (observed_ms,) = device.time_calls(step.run, 1)
    if trace_path is not None:
        profiler.export_chrome_trace(str(trace_path))
    return _Turn(unobserved_ms, _times_ms(profiler.events() or (), parts, observed_ms, on_card=on_card))


def _times_ms(events: Iterable[Any], parts: Mapping[str, Part], call_ms: float, *, on_card: bool) -> dict[_Key, float]:
    """A call's time by the innermost range around each operator, its own time without that of the operators inside.

    What no operator takes is `LAUNCH`, so that all adds up to the call's time.
    """
    times_ms: defaultdict[_Key, float] = defaultdict(float)
    for event in events:
        part = _part_around(event, parts)  # none around what other threads do meanwhile
        if event.device_type != DeviceType.CPU or part is None:
            continue
        operator = LAUNCH if event.name in parts else operator_kind(event.name)
        if on_card and operator != LAUNCH:
            times_ms[part, operator] += event.self_device_time_total / 1e3
        elif not on_card:
            times_ms[part, operator] += event.self_cpu_time_total / 1e3
    times_ms[Part(OTHER), LAUNCH] += max(0.0, call_ms - sum(times_ms.values()))
    return dict(times_ms)


def _part_around(event: Any, parts: Mapping[str, Part]) -> Part | None:
    while event is not None and event.name not in parts:
        event = event.cpu_parent
    return None if event is None else parts[event.name]


def _profile(job: Job, turns: Sequence[_Turn]) -> Profile:
    observed = _middle(sorted(turns, key=lambda turn: turn.observed_ms))
    unobserved_ms = fmean(_middle(sorted(turn.unobserved_ms for turn in turns)))
    macs = macs_by_part(job.model, job.img_size)
    rows = []
    for part, operator in dict.fromkeys([*macs, *(key for turn in observed for key in turn.times_ms)]):
        key = part, operator
        time_ms = round(fmean(turn.times_ms.get(key, 0.0) for turn in observed), _DIGITS)
        work = macs.get(key, 0) * job.batch_size
        if time_ms or work:
            rows.append(ProfileRow(part.stage, part.branch, part.kind or operator, operator, time_ms, work))
    return Profile(job.model.name, job.batch_size, job.img_size, round(unobserved_ms, _DIGITS), tuple(rows))


def _middle(ranked: Sequence[_Value]) -> Sequence[_Value]:
    """The middle third: as robust as a median, and means of its parts add up to the mean of the whole."""
    outside = (len(ranked) - 1) // 3
    return ranked[outside : len(ranked) - outside]
