"""Records from what a job's processes found out: the figures of a finished job, the reason of an unfinished one."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch

from explorer.benchmark.forecast import TRAINING_FACTOR
from explorer.benchmark.machine_load import MachineLoad
from explorer.benchmark.method import latency_figures
from explorer.benchmark.plan import Job, parse_device
from explorer.engines.engine import EngineError
from explorer.machine_paths import error_line, without_paths
from explorer.models.counting import PUBLISHED_CONVENTION, model_cost
from explorer.processes.environment import describe_environment
from explorer.records.figures import Figures
from explorer.records.record import Record, Status

#: What torch's allocators say when memory runs out without an exception type of its own.
_OUT_OF_MEMORY_PHRASES = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc", "bad allocation")


class Measured(NamedTuple):
    """A job with what came of it; whoever has both need not tell from a record's fields which job it is of.

    Attributes:
        job: What was asked for.
        record: The measurement, or why there is none.
    """

    job: Job
    record: Record


@dataclass(frozen=True)
class Place:
    """Where a job ran.

    Attributes:
        hostname: The machine.
        device_name: Marketing name of processor or card; None where it is not known.
        device_uuid: The card's UUID; None off CUDA.
        threads: torch's intra-op threads; None where the CPU only feeds the device.
        environment: From `describe_environment`.
        load: How busy the machine was.
    """

    hostname: str
    device_name: str | None
    device_uuid: str | None
    threads: int | None
    environment: Mapping[str, Any]
    load: MachineLoad

    @classmethod
    def here(cls, job: Job, device_name: str | None = None, device_uuid: str | None = None) -> Place:
        """This process; without a device's name, what is known before one is opened."""
        threads = (job.threads or torch.get_num_threads()) if job.device == "cpu" else None
        return cls(socket.gethostname(), device_name, device_uuid, threads, describe_environment(), MachineLoad.now())

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Place:
        """The inverse of `to_dict`."""
        return cls(**{**values, "load": MachineLoad(**values["load"])})


def finished_record(job: Job, place: Place, samples_ms: Sequence[float], figures: Figures) -> Record:
    """The record of a job that ran.

    Args:
        job: The job; a largest-batch search's with the batch that it found.
        place: Where it ran.
        samples_ms: Raw samples, ms.
        figures: What beside the samples was measured: memory, compile time, the card's figures, `peak_flop_s`.
    """
    figures = _cost_figures(job) | latency_figures(samples_ms, job.batch_size) | figures
    figures |= _achieved_figures(job, figures)
    return _record(job, place, figures, samples_ms=tuple(samples_ms))


def unfinished_record(job: Job, place: Place, status: Status, reason: str) -> Record:
    """The record of a job that failed, ran out of memory or was cancelled: costs, and no figure of a measurement."""
    return _record(job, place, _cost_figures(job), status=status, reason=reason)


def status_of(error: BaseException) -> Status:
    """Whether an error means that memory ran out."""
    text = str(error).lower()
    exhausted = isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        phrase in text for phrase in _OUT_OF_MEMORY_PHRASES
    )
    return "out_of_memory" if exhausted else "failed"


def reason_of(error: BaseException) -> str:
    """An error in one line, without paths of this machine; what an engine says is a sentence already."""
    if isinstance(error, EngineError):
        return without_paths(str(error))
    return error_line(error)


def _record(
    job: Job,
    place: Place,
    figures: Figures,
    *,
    status: Status = "ok",
    reason: str | None = None,
    samples_ms: tuple[float, ...] = (),
) -> Record:
    kind, index = parse_device(job.device)
    figures |= place.load.figures()
    figure_fields: dict[str, Any] = dict(figures.values)
    published = figures.values.get("flops_published")
    return Record(
        status=status,
        status_reason=reason,
        kind=job.kind,
        model_name=job.model.name,
        model_source=job.model.source,
        config=job.model.settings(job.img_size),
        batch_size=job.batch_size,
        img_height=job.img_size[0],
        img_width=job.img_size[1],
        device=kind,
        device_index=index,
        device_name=place.device_name,
        device_uuid=place.device_uuid,
        threads=place.threads,
        precision=job.precision,
        memory_format=job.memory_format,
        engine=job.engine,
        compile_mode=job.compile_mode,
        flops_published_convention=None if published is None else PUBLISHED_CONVENTION,
        samples_count=len(samples_ms),
        samples_ms=samples_ms,
        environment={**place.environment, "method": vars(job.method)},
        hostname=place.hostname,
        reasons=figures.reasons,
        **figure_fields,
    )


def _cost_figures(job: Job) -> Figures:
    try:
        cost = model_cost(job.model, job.img_size)
    except ValueError as error:
        return Figures(reasons=dict.fromkeys(("params", "macs", "flops_published"), str(error)))
    figures = Figures({"params": cost.params, "macs": cost.macs, "product_macs": cost.product_macs})
    return figures | Figures.of("flops_published", cost.flops_published, "no published convention for this model")


def _achieved_figures(job: Job, figures: Figures) -> Figures:
    """FLOP/s at the median, and their share of the matrix product's.

    A backward pass counts twice the forward's FLOPs, as is customary: one product each for the gradients of inputs
    and of weights. The optimiser's work is not counted.
    """
    macs, peak = figures.values.get("macs"), figures.values.get("peak_flop_s")
    if macs is None:
        return Figures(reasons=dict.fromkeys(("achieved_flop_s", "peak_flop_share"), figures.reasons["macs"]))
    factor = TRAINING_FACTOR if job.kind == "training_step" else 1
    achieved = 2 * macs * job.batch_size * factor / (figures.values["latency_ms_p50"] / 1e3)
    share = None if peak is None else achieved / peak
    reason = figures.reasons.get("peak_flop_s", "")
    return Figures({"achieved_flop_s": achieved}) | Figures.of("peak_flop_share", share, reason)
