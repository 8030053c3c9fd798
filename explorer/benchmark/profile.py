"""Where the time goes: one profile of a model, split by stage, branch, kind of work and operator, beside its MACs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from torch import nn
from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.profiler import ProfilerActivity
from torch.utils.flop_counter import FlopCounterMode

from explorer.benchmark.device import Device
from explorer.benchmark.models import ModelRef, Size, build_meta_model, meta_images
from explorer.benchmark.parts import OTHER, Part, nearest_ancestor, operator_kind, part_of, ranges
from explorer.benchmark.plan import Job
from explorer.benchmark.step import build_step
from explorer.engines import EAGER

Split = Literal["stage", "branch", "kind", "operator"]

_WARMUP_CALLS = 3
_PROFILED_CALLS = 3
#: A part and a kind of operator in it.
_Key = tuple[Part, str]


@dataclass(frozen=True)
class ProfileRow:
    """Operators of one kind in one part of the network.

    Attributes:
        stage: Such as "stem", "stage 3", "head"; "other" for what no module does.
        branch: Index of the branch, highest resolution first; None for what belongs to none.
        kind: One of `explorer.complexity.KINDS` for HRFormer, the operator's kind for other networks.
        operator: Kind of operator, such as "convolution".
        time_ms: Time per call on the whole batch, ms: on a card that of its kernels, on the CPU that of the operators.
        macs: Multiply-adds per call on the whole batch.
    """

    stage: str
    branch: int | None
    kind: str
    operator: str
    time_ms: float
    macs: int


@dataclass(frozen=True)
class Profile:
    """A profiled call.

    Attributes:
        model_name: The model.
        batch_size: Images per call.
        rows: Time and work; both are complete, nothing is counted twice.
    """

    model_name: str
    batch_size: int
    rows: tuple[ProfileRow, ...]

    @property
    def time_ms(self) -> float:
        """Time of a call, ms; the profiler's own cost makes it longer than an unobserved one."""
        return sum(row.time_ms for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-adds of a call."""
        return sum(row.macs for row in self.rows)

    def shares(self, by: Split) -> pd.DataFrame:
        """Time beside work.

        Returns:
            One row per value of `by`, in the network's order, with the columns `by`, `time_ms`, `macs`, `time_share`,
            `macs_share`; shares are 0 to 1 and add up to 1. What belongs to no branch has branch -1.
        """
        frame = pd.DataFrame([asdict(row) for row in self.rows])
        frame["branch"] = frame["branch"].fillna(-1).astype(int)
        sums = frame.groupby(by, sort=by == "branch")[["time_ms", "macs"]].sum().reset_index()
        sums["time_share"] = sums["time_ms"] / self.time_ms
        sums["macs_share"] = sums["macs"] / self.macs
        return sums

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Profile:
        """The inverse of `to_dict`."""
        rows = tuple(ProfileRow(**row) for row in values["rows"])
        return cls(values["model_name"], values["batch_size"], rows)


def profile_job(job: Job, device: Device, trace_path: Path | None = None) -> Profile:
    """Profile a model's inference in this process.

    Args:
        job: An eager inference job.
        device: Where to run it.
        trace_path: Where to write a trace that chrome://tracing and Perfetto open; ranges bear the parts' names.

    Raises:
        ValueError: If the job is not an eager inference.
    """
    check_profilable(job)
    built = build_step(job, device.torch_device, job.batch_size, device.synchronize)
    device.time_calls(built.run, _WARMUP_CALLS)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.kind == "cuda" else [])]
    if built.model is None:
        raise ValueError("Only what runs as it was built can be split into its parts.")
    with named_ranges(built.model) as parts, torch.profiler.profile(activities=activities) as profiler:
        device.time_calls(built.run, _PROFILED_CALLS)
    if trace_path is not None:
        profiler.export_chrome_trace(str(trace_path))
    times_ms = _times_ms(profiler.events() or (), parts, on_card=device.kind == "cuda")
    macs = macs_by_part(job.model, job.img_size)
    return Profile(job.model.name, job.batch_size, tuple(_rows(times_ms, macs, job.batch_size)))


def check_profilable(job: Job) -> None:
    """Make sure that a job can be split into its parts.

    Raises:
        ValueError: If it is not an eager inference.
    """
    if job.kind != "inference" or job.engine != EAGER:
        raise ValueError(
            f"A profile of {job.kind} under the engine {job.engine} can't be split into the network's parts: "
            "use kind inference and the engine eager."
        )


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


def _times_ms(events: Iterable[Any], parts: Mapping[str, Part], *, on_card: bool) -> dict[_Key, float]:
    """Time per call by the innermost range around each operator, its own time without that of the operators inside."""
    times_ms: defaultdict[_Key, float] = defaultdict(float)
    for event in events:
        if event.device_type == DeviceType.CPU and event.name not in parts:
            time_us = event.self_device_time_total if on_card else event.self_cpu_time_total
            times_ms[_part_around(event, parts), operator_kind(event.name)] += time_us / 1e3 / _PROFILED_CALLS
    return times_ms


def _part_around(event: Any, parts: Mapping[str, Part]) -> Part:
    while event is not None and event.name not in parts:
        event = event.cpu_parent
    return Part(OTHER) if event is None else parts[event.name]


def _rows(times_ms: Mapping[_Key, float], macs: Mapping[_Key, int], batch_size: int) -> Iterator[ProfileRow]:
    for part, operator in {**macs, **times_ms}:
        key = part, operator
        yield ProfileRow(
            part.stage,
            part.branch,
            part.kind or operator,
            operator,
            times_ms.get(key, 0.0),
            macs.get(key, 0) * batch_size,
        )
