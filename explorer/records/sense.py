"""Whether a record's fields go together: what no measurement gives, however legal each value is by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from hrformer.wording import shown

if TYPE_CHECKING:
    from explorer.records.record import Record

DEVICES = ("cpu", "cuda", "mps")
#: Every engine of `explorer.engines.registry`, which loads torch, and that of records from before there were engines.
ENGINES = (
    "eager",
    "optimised eager",
    "torch.compile",
    "ONNX Runtime",
    "OpenVINO",
    "CUDA graph",
    "ONNX Runtime CUDA",
    "ONNX Runtime TensorRT",
    "torch.compile (readable form)",
)
#: Each is at most the next one.
_RISING = (
    ("latency_ms_p50", "latency_ms_p90", "latency_ms_p95", "latency_ms_p99"),
    ("latency_ms_p50_ci95_low", "latency_ms_p50", "latency_ms_p50_ci95_high"),
    ("product_macs", "macs"),
)
_NOT_NEGATIVE = (
    "latency_ms_iqr",
    "latency_ms_p50_ci95_low",
    "compile_time_s",
    "peak_flop_share",
    "energy_mj_per_img",
    "power_w",
    "clock_mhz",
    "load_average_1min",
)
#: A clock may go wrong by weeks on the machine that measured or on this one.
_MOST_AHEAD = timedelta(days=366)


def check_sense(record: Record) -> None:
    """Refuse a record whose fields contradict each other, or name a device or engine that there is not.

    Raises:
        ValueError: One sentence that names the fields.
    """
    _check_known("device", record.device, DEVICES)
    _check_known("engine", record.engine, ENGINES)
    for names in _RISING:
        given = [(name, getattr(record, name)) for name in names if getattr(record, name) is not None]
        for (low_name, low), (high_name, high) in pairwise(given):
            if low > high:
                raise ValueError(f"{low_name} = {low} is above {high_name} = {high}, which no measurement gives.")
    for name in _NOT_NEGATIVE:
        value = getattr(record, name)
        if value is not None and value < 0:
            raise ValueError(f"{name} = {value} is not legal: it is at least 0, or empty with a reason.")
    lowest = min(record.samples_ms, default=0.0)
    if lowest < 0:
        raise ValueError(f"samples_ms holds {lowest}: no call takes less than 0 ms.")
    if datetime.fromisoformat(record.measured_at) - datetime.now(UTC) > _MOST_AHEAD:
        raise ValueError(
            f"measured_at = {record.measured_at} lies more than a year ahead: correct it, or this machine's clock."
        )


def _check_known(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} = {shown(value)} is not known: use one of {', '.join(known)}.")
