"""One measurement as a value: what ran, where, how fast, and the reason for every figure that could not be had.

The fields of `Record` are the only list of columns: the store's tables and the CSV files follow from them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

from explorer.records.columns import (
    Column,
    check_value,
    columns_of,
    json_id,
)
from explorer.records.sense import check_sense
from hrformer.wording import listed, shown

Status = Literal["ok", "failed", "out_of_memory", "cancelled"]
JobKind = Literal["inference", "training_step", "largest_batch"]
ModelSource = Literal["hrformer", "timm"]

#: What a record may leave empty, as long as `reasons` says why; a record that is not "ok" may leave out all of them.
FIGURES = (
    "latency_ms_p50",
    "latency_ms_p90",
    "latency_ms_p95",
    "latency_ms_p99",
    "latency_ms_iqr",
    "latency_ms_p50_ci95_low",
    "latency_ms_p50_ci95_high",
    "throughput_img_s",
    "wide_spread",
    "params",
    "macs",
    "flops_published",
    "peak_allocated_mib",
    "peak_reserved_mib",
    "process_memory_mib",
    "peak_rss_mib",
    "compile_time_s",
    "achieved_flop_s",
    "peak_flop_s",
    "peak_flop_share",
    "energy_mj_per_img",
    "power_w",
    "clock_mhz",
    "temperature_c",
    "throttled",
    "other_processes",
    "runnable_threads",
    "load_average_1min",
)

#: Where zero or less can only be a figure that was not had, which is None with a reason instead.
_POSITIVE = (
    "batch_size",
    "img_height",
    "img_width",
    "latency_ms_p50",
    "latency_ms_p90",
    "latency_ms_p95",
    "latency_ms_p99",
    "throughput_img_s",
    "params",
    "macs",
    "flops_published",
    "peak_allocated_mib",
    "peak_reserved_mib",
    "process_memory_mib",
    "peak_rss_mib",
    "achieved_flop_s",
    "peak_flop_s",
)


def utc_timestamp() -> str:
    """Now, in the form of `Record.measured_at`: texts of equal length that sort by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, kw_only=True)
class Record:
    """One job's outcome. Latencies are per call on the whole batch; costs and energy are per image.

    Attributes:
        record_id: UUID; the identity under which stores and CSV files recognise a record. Random unless given.
        status: "ok", "failed", "out_of_memory" or "cancelled".
        status_reason: Why the status is not "ok"; None when it is.
        kind: "inference" (forward), "training_step" (forward, backward, optimiser), or "largest_batch" (the largest
            `batch_size` that fits the device's memory, measured at that size).
        model_name: Preset, variant or timm name.
        model_source: "hrformer" or "timm".
        config: Everything that builds the model, as JSON values (`HRFormerConfig.to_dict()`, or timm's arguments).
        batch_size: Images per call.
        img_height: Pixels.
        img_width: Pixels.
        device: "cpu", "cuda" or "mps".
        device_index: Number of the card as torch counts; None where there is only one.
        device_name: Marketing name of the processor or card.
        device_uuid: The card's UUID, by which NVML and torch agree; None off CUDA.
        threads: torch's intra-op threads; None where the CPU only feeds the device.
        precision: Such as "fp32", "tf32", "bf16", "fp16", "autocast_bf16".
        memory_format: "contiguous" or "channels_last".
        engine: What ran the model, by its name in `explorer.engines.registry`.
        compile_mode: "eager", or the mode handed to `torch.compile`.
        latency_ms_p50: Median over `samples_ms`, ms per call; p90, p95 and p99 alike.
        latency_ms_iqr: Interquartile range, ms.
        latency_ms_p50_ci95_low: Lower end of the median's 95 % confidence interval, ms.
        latency_ms_p50_ci95_high: Upper end of it, ms.
        throughput_img_s: Images per second at the median latency.
        wide_spread: Whether the samples scatter too much to trust the median.
        samples_count: Number of raw samples, also where they were not loaded.
        params: Learnable parameters.
        macs: Multiply-accumulate operations of one image's forward pass; FLOPs are twice that.
        product_macs: Of `macs`, those of the matrix products inside attention; None where nobody told them apart.
        flops_published: FLOPs of one image as the model's own publication counts them.
        flops_published_convention: What that count includes; None without one.
        peak_allocated_mib: CUDA caching allocator's peak of live tensors, MiB.
        peak_reserved_mib: CUDA caching allocator's peak of reserved memory, MiB.
        process_memory_mib: What the driver attributes to the process on the card, MiB.
        peak_rss_mib: The process's peak resident memory, MiB.
        compile_time_s: Seconds from handing the model to its engine to the end of the first call: rewriting,
            exporting, compiling.
        achieved_flop_s: FLOPs per second at the median latency.
        peak_flop_s: FLOPs per second of a matrix product on the same device, in the same job and precision.
        peak_flop_share: `achieved_flop_s / peak_flop_s`, 0 to 1.
        energy_mj_per_img: Millijoules per image.
        power_w: Mean power of the card during the samples, W.
        clock_mhz: Mean clock of the card's multiprocessors, MHz.
        temperature_c: Highest temperature during the samples, degrees Celsius.
        throttled: Whether the card lowered its clocks for heat or power.
        other_processes: Other processes seen on the card.
        runnable_threads: Threads of the machine that ran or waited for a core just before the measurement began.
        load_average_1min: The machine's load average over the minute before.
        ran_beside: What else of this program ran on the machine meanwhile, such as "1 benchmark, 2 trainings", or
            "nothing"; None where nobody looked.
        environment: Hardware, driver, torch, threads, flags, git commit, as JSON values.
        hostname: Machine that ran the job.
        measured_at: ISO 8601 in UTC, microseconds; now unless given.
        samples_ms: Raw samples in order, ms per call; empty where they were not loaded.
        reasons: Field name to the reason why that figure is None.

    Raises:
        ValueError: One sentence that names the field, what was wrong, and what would work.
    """

    record_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: Status = "ok"
    status_reason: str | None = None
    kind: JobKind
    model_name: str
    model_source: ModelSource
    config: Mapping[str, Any]
    batch_size: int
    img_height: int
    img_width: int
    device: str
    device_index: int | None = None
    device_name: str | None = None
    device_uuid: str | None = None
    threads: int | None = None
    precision: str = "fp32"
    memory_format: str = "contiguous"
    engine: str = "eager"
    compile_mode: str = "eager"
    latency_ms_p50: float | None = None
    latency_ms_p90: float | None = None
    latency_ms_p95: float | None = None
    latency_ms_p99: float | None = None
    latency_ms_iqr: float | None = None
    latency_ms_p50_ci95_low: float | None = None
    latency_ms_p50_ci95_high: float | None = None
    throughput_img_s: float | None = None
    wide_spread: bool | None = None
    samples_count: int = 0
    params: int | None = None
    macs: int | None = None
    product_macs: int | None = None
    flops_published: int | None = None
    flops_published_convention: str | None = None
    peak_allocated_mib: float | None = None
    peak_reserved_mib: float | None = None
    process_memory_mib: float | None = None
    peak_rss_mib: float | None = None
    compile_time_s: float | None = None
    achieved_flop_s: float | None = None
    peak_flop_s: float | None = None
    peak_flop_share: float | None = None
    energy_mj_per_img: float | None = None
    power_w: float | None = None
    clock_mhz: float | None = None
    temperature_c: float | None = None
    throttled: bool | None = None
    other_processes: int | None = None
    runnable_threads: int | None = None
    load_average_1min: float | None = None
    ran_beside: str | None = None
    environment: Mapping[str, Any]
    hostname: str
    measured_at: str = field(default_factory=utc_timestamp)
    samples_ms: tuple[float, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_fields()
        check_sense(self)

    @classmethod
    def kept(cls, values: Mapping[str, Any]) -> Record:
        """A record that a store has kept, with a value for every field.

        Whether its fields go together is not asked: earlier versions did not, and what they stored stays readable.

        Raises:
            ValueError: If a value is not legal by itself.
        """
        record = cls.__new__(cls)
        for column in columns():
            object.__setattr__(record, column.name, values[column.name])
        record._check_fields()
        return record

    def _check_fields(self) -> None:
        for column in columns():
            value = check_value(column, getattr(self, column.name))
            object.__setattr__(self, column.name, value)  # frozen; only __post_init__ normalises
        object.__setattr__(self, "record_id", _uuid(self.record_id))
        object.__setattr__(self, "measured_at", _timestamp(self.measured_at))
        self._check_positive()
        self._check_status()
        self._check_samples()
        self._check_reasons()

    @property
    def config_id(self) -> str:
        """Short hash of the configuration; that of an HRFormer variant is its `HRFormerConfig.config_id`."""
        return json_id(self.config)

    @property
    def environment_id(self) -> str:
        """Short hash of the environment: equal for records that share every recorded circumstance."""
        return json_id(self.environment)

    def _check_positive(self) -> None:
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} = {value} is not legal: a figure is above 0, or empty with a reason.")

    def _check_status(self) -> None:
        if (self.status == "ok") != (self.status_reason is None):
            raise ValueError(
                f"status_reason = {shown(self.status_reason)} does not go with status = {self.status!r}: give the "
                "reason for every status but ok."
            )

    def _check_samples(self) -> None:
        if self.samples_ms and len(self.samples_ms) != self.samples_count:
            raise ValueError(
                f"samples_count = {self.samples_count} does not go with {len(self.samples_ms)} values in samples_ms: "
                "give their number."
            )

    def _check_reasons(self) -> None:
        unknown = sorted(set(self.reasons) - set(FIGURES))
        if unknown:
            raise ValueError(f"reasons names {listed(unknown)}: only figures can be missing ({', '.join(FIGURES)}).")
        empty = [name for name, reason in self.reasons.items() if not isinstance(reason, str) or not reason]
        if empty:
            raise ValueError(f"reasons[{shown(empty[0])}] is not a text: say why the figure is missing.")
        needless = [name for name in self.reasons if getattr(self, name) is not None]
        if needless:
            raise ValueError(f"reasons names {', '.join(needless)}, which has a value: leave out one of the two.")
        unexplained = [name for name in FIGURES if getattr(self, name) is None and name not in self.reasons]
        if self.status == "ok" and unexplained:
            raise ValueError(f"{', '.join(unexplained)} is empty without a reason: name one for each in reasons.")


@cache
def columns() -> tuple[Column, ...]:
    """The fields of `Record` in order."""
    return columns_of(Record)


def missing(reason: str, *names: str) -> dict[str, str]:
    """The same reason for several figures, to be merged into `Record.reasons`."""
    return dict.fromkeys(names, reason)


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError(f"record_id = {shown(text)} is not legal: give a UUID, such as {uuid.UUID(int=1)}.") from None


def _timestamp(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() != timedelta(0):
        raise ValueError(f"measured_at = {shown(text)} is not legal: give ISO 8601 in UTC, such as {utc_timestamp()}.")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
