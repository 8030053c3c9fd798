"""The measuring process: `python -m explorer.benchmark.measuring.worker`, a request on stdin, JSON lines on stdout.

A job takes two passes, each in a process of its own. "alone" builds one model in a fresh process and finds what other
models would blur: peak memory, compile time, the largest batch. "together" builds all models of a group and times them
round by round. The first error ends the process; the message before says which job it was.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from explorer.benchmark.measuring.device import (
    Device,
    Step,
    matmul_step,
    open_device,
)
from explorer.benchmark.measuring.nvml import CardWatch
from explorer.benchmark.measuring.profile_measurement import profile_calls
from explorer.benchmark.measuring.step import (
    BuiltStep,
    build_step,
    compute_dtype,
    set_precision,
)
from explorer.benchmark.method import Method, Timer, measure_rounds, warm_up
from explorer.benchmark.outcome import (
    Place,
    finished_record,
    reason_of,
    status_of,
)
from explorer.benchmark.plan import Job
from explorer.engines.registry import engine_by_name
from explorer.processes.child import Send, die_with_parent, private_stdout
from explorer.processes.memory import protect_the_machine
from explorer.records.figures import Figures

#: Calls over which the memory peaks are taken: the second still grows caches, the third no more.
_MEMORY_CALLS = 3
#: A largest-batch search stops when it knows the answer to this share, or exactly where that is less than one image.
_SEARCH_SHARE = 1 / 32
_LARGEST_BATCH = 2**16
#: How much of a job's work is done at some points: half of it is the first pass, most of the second are its samples.
_STARTED, _BUILT, _ALONE_DONE, _BUILT_AGAIN, _WARM = 0.1, 0.3, 0.5, 0.55, 0.6
#: What PyTorch's caching allocator on a card counts.
_ALLOCATOR_FIGURES = ("peak_allocated_mib", "peak_reserved_mib")


@dataclass(frozen=True)
class Alone:
    """What the first pass found.

    Attributes:
        batch_size: The job's, or the largest that fits.
        figures: Memory and compile time.
    """

    batch_size: int
    figures: Figures

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"batch_size": self.batch_size, "figures": self.figures.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Alone:
        """The inverse of `to_dict`."""
        return cls(values["batch_size"], Figures.from_dict(values["figures"]))


class Reporter:
    """Tells the parent what is being done, and remembers the job at hand for the case that it fails."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.index = 0

    def doing(self, index: int, phase: str, share: float, samples_ms: Sequence[float] = ()) -> None:
        """What is done now, with the share of the job's work that is done, 0 to 1, and the samples so far."""
        self.index = index
        median = float(np.median(samples_ms)) if samples_ms else None
        progress = {"phase": phase, "share": share, "samples": len(samples_ms), "p50_ms": median}
        self._send({"type": "doing", "index": index, **progress})

    def send(self, kind: str, **values: Any) -> None:
        """Any other message."""
        self._send({"type": kind, **values})


def measure_alone(job: Job, device: Device, reporter: Reporter) -> Alone:
    """Peak memory of a step, compile time, and for a search the largest batch that fits."""
    reporter.doing(0, "building", _STARTED)
    batch_size, built = _largest_batch(job, device, reporter) if job.kind == "largest_batch" else _single(job, device)
    reporter.doing(0, "measuring memory", _BUILT)
    gc.collect()
    device.release()  # what an engine has made something else of
    device.reset_peaks()
    device.time_calls(built.run, _MEMORY_CALLS)
    reporter.doing(0, "memory measured", _ALONE_DONE)
    figures = Figures.of("compile_time_s", built.compile_time_s, "runs eager, nothing is compiled")
    return Alone(batch_size, figures | _memory(job, device))


def measure_together(
    jobs: Sequence[Job], alone: Sequence[Alone], device: Device, place: Place, reporter: Reporter
) -> None:
    """Time the jobs interleaved, and a matrix product with them that shows the device's peak."""
    jobs = [replace(job, batch_size=found.batch_size) for job, found in zip(jobs, alone, strict=True)]
    method = jobs[0].method
    watches = [device.watch() for _ in jobs]
    timers = []
    for index, (job, watch) in enumerate(zip(jobs, watches, strict=True)):
        reporter.doing(index, "building", _ALONE_DONE)
        built = build_step(job, device.torch_device, job.batch_size, device.synchronize)
        timers.append(turn_timer(device, built.run, watch, job.batch_size))
    product, product_flops = matmul_step(device, compute_dtype(jobs[0].precision))
    timers.append(turn_timer(device, product, device.watch(), 1))
    expected_ms = _warm_up_all(timers, len(jobs), method, reporter)

    def on_round(index: int, samples_ms: Sequence[float]) -> None:
        if index < len(jobs):
            share = _WARM + (1 - _WARM) * method.share_done(samples_ms)
            reporter.doing(index, "measuring", share, samples_ms)

    *samples, product_ms = measure_rounds(timers, expected_ms, method, on_round)
    peak = Figures({"peak_flop_s": product_flops / (min(product_ms) / 1e3)})
    for index, (job, watch, found) in enumerate(zip(jobs, watches, alone, strict=True)):
        record = finished_record(job, place, samples[index], found.figures | watch.figures() | peak)
        reporter.send("record", index=index, record=asdict(record))


def turn_timer(device: Device, step: Step, watch: CardWatch, batch_size: int) -> Timer:
    """A timer for a model's turn.

    A turn of several calls opens with an untimed one, so that the model finds its weights in the caches, where the
    models before it have overwritten them. Garbage is not collected meanwhile, as in `timeit`.
    """

    def turn(count: int) -> list[float]:
        gc.disable()
        if count > 1:
            device.time_calls(step, 1)
        watch.begin_turn()
        samples_ms = device.time_calls(step, count)
        watch.end_turn(count * batch_size)
        gc.enable()
        return samples_ms

    return turn


def largest_fitting(fits: Callable[[int], bool], start: int, limit: int = _LARGEST_BATCH) -> int:
    """The largest batch that fits: doubled until it does not, then halved in between to within a 32nd; 0 if none.

    Args:
        fits: Tries a batch.
        start: The first batch to try.
        limit: The largest to try.
    """
    low, high = 0, start
    while high <= limit and fits(high):
        low, high = high, 2 * high
    high = min(high, limit + 1)
    while high - low > max(1, int(low * _SEARCH_SHARE)):
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _single(job: Job, device: Device) -> tuple[int, BuiltStep]:
    return job.batch_size, build_step(job, device.torch_device, job.batch_size, device.synchronize)


def _memory(job: Job, device: Device) -> Figures:
    """The memory figures; PyTorch's allocator says nothing of an engine that it does not serve."""
    figures = device.memory()
    if device.kind != "cuda" or engine_by_name(job.engine).in_torch:
        return figures
    elsewhere = dict.fromkeys(_ALLOCATOR_FIGURES, f"{job.engine} allocates outside PyTorch")
    values = {name: value for name, value in figures.values.items() if name not in elsewhere}
    return Figures(values, {**figures.reasons, **elsewhere})


def _largest_batch(job: Job, device: Device, reporter: Reporter) -> tuple[int, BuiltStep]:
    """The largest batch that fits beside what the second pass holds, too, and its step."""
    product, _ = matmul_step(device, compute_dtype(job.precision))

    def attempt(batch_size: int) -> BuiltStep | None:
        reporter.doing(0, f"trying a batch of {batch_size}", _STARTED)
        gc.collect()
        device.release()
        try:
            built = build_step(job, device.torch_device, batch_size, device.synchronize)
            device.time_calls(built.run, _MEMORY_CALLS)
            product()
        except (MemoryError, RuntimeError) as error:
            if status_of(error) != "out_of_memory":
                raise
            return None
        return built

    batch_size = largest_fitting(lambda size: attempt(size) is not None, job.batch_size)
    while batch_size > 0:
        built = attempt(batch_size)
        if built is not None:
            return batch_size, built
        batch_size -= max(1, int(batch_size * _SEARCH_SHARE))  # the trials left the memory in pieces
    raise MemoryError("not even a batch of one image fits")


def _warm_up_all(timers: Sequence[Timer], models: int, method: Method, reporter: Reporter) -> list[float]:
    expected_ms = []
    for index, timer in enumerate(timers):
        if index < models:
            reporter.doing(index, "warming up", _BUILT_AGAIN)
        expected_ms.append(warm_up(timer, method))
    return expected_ms


def _run(request: Mapping[str, Any], reporter: Reporter) -> None:
    if request["pass"] == "ask_device":
        asked = open_device(request["device"])
        reporter.send("device", available_mib=asked.available_mib(), uuid=asked.uuid)
        return
    jobs = [Job.from_dict(values) for values in request["jobs"]]
    device = open_device(jobs[0].device)
    if device.kind == "cpu":
        protect_the_machine()
        if jobs[0].threads is not None:
            torch.set_num_threads(jobs[0].threads)
    set_precision(jobs[0].precision)
    place = Place.here(jobs[0], device.name, device.uuid)
    reporter.send("place", place=place.to_dict())
    match request["pass"]:
        case "alone":
            reporter.send("alone", alone=measure_alone(jobs[0], device, reporter).to_dict())
        case "together":
            alone = [Alone.from_dict(values) for values in request["alone"]]
            measure_together(jobs, alone, device, place, reporter)
        case "profile":
            trace_path = Path(request["trace_path"]) if request["trace_path"] else None
            for profile in profile_calls(jobs[0], device, trace_path=trace_path):
                reporter.send("profile", profile=profile.to_dict())


def main() -> None:
    """Serve one request."""
    reporter = Reporter(private_stdout())
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=die_with_parent, daemon=True).start()
    try:
        _run(request, reporter)
    except Exception as error:  # noqa: BLE001 - whatever a model raises becomes its record's reason
        reporter.send("failed", index=reporter.index, status=status_of(error), reason=reason_of(error))


if __name__ == "__main__":
    main()
