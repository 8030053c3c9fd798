"""One thin interface to what jobs run on: CPU, CUDA cards and Apple's MPS."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch

from explorer.benchmark.measuring.nvml import CardWatch, process_memory_figure, watch_card
from explorer.benchmark.plan import parse_device
from explorer.processes.environment import cpu_model
from explorer.processes.memory import (
    available_ram_mib,
    peak_rss_mib,
    reset_peak_rss,
    return_freed_memory,
)
from explorer.records.figures import Figures
from explorer.units import MIB

Step = Callable[[], object]

_CUDA_MEMORY = ("peak_allocated_mib", "peak_reserved_mib", "process_memory_mib")


class Device(ABC):
    """What a job runs on.

    Attributes:
        kind: "cpu", "cuda" or "mps".
        index: The card's number as torch counts; None where there is only one.
        uuid: The card's UUID; None off CUDA.
        matmul_size: Side of the square matrices whose product shows the device's peak.
    """

    kind: str
    matmul_size: int
    index: int | None = None
    uuid: str | None = None

    @property
    def torch_device(self) -> torch.device:
        """The device as torch names it."""
        return torch.device(self.kind) if self.index is None else torch.device(self.kind, self.index)

    @property
    @abstractmethod
    def name(self) -> str | None:
        """The processor's or card's marketing name."""

    @abstractmethod
    def time_calls(self, step: Step, count: int) -> list[float]:
        """Make `count` calls and return the duration of each, ms."""

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until all work handed over is done."""

    @abstractmethod
    def available_mib(self) -> float | None:
        """Free memory, MiB; None where nobody knows."""

    @abstractmethod
    def release(self) -> None:
        """Give memory that torch keeps for later back to the system."""

    @abstractmethod
    def reset_peaks(self) -> None:
        """Reset the memory peaks to what is in use now."""

    @abstractmethod
    def memory(self) -> Figures:
        """The memory figures since `reset_peaks`."""

    def watch(self) -> CardWatch:
        """A fresh watch over energy, power, clocks and temperature."""
        return CardWatch(None, "only NVIDIA cards are asked for it, through NVML")


class Cpu(Device):
    """The machine's processors, timed by the monotonic clock."""

    kind = "cpu"
    matmul_size = 2048

    @property
    def name(self) -> str | None:
        """The processor's marketing name."""
        return cpu_model()

    def time_calls(self, step: Step, count: int) -> list[float]:
        """Make `count` calls and return the duration of each, ms."""
        return _time_with_clock(step, count, self.synchronize)

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def available_mib(self) -> float | None:
        """Free main memory, MiB."""
        return available_ram_mib()

    def release(self) -> None:
        """Torch keeps none on the CPU, but the C library does."""
        return_freed_memory()

    def reset_peaks(self) -> None:
        """Reset the peak of resident memory, where the system can."""
        reset_peak_rss()

    def memory(self) -> Figures:
        """Peak resident memory: interpreter, libraries and weights included."""
        reasons = dict.fromkeys(_CUDA_MEMORY, "exists on CUDA only")
        return Figures({"peak_rss_mib": peak_rss_mib()}, reasons)


class Cuda(Device):
    """One NVIDIA (or ROCm) card, timed by events on its own clock."""

    kind = "cuda"
    matmul_size = 8192

    def __init__(self, index: int) -> None:
        self.index = index
        torch.cuda.set_device(index)
        self._properties: Any = torch.cuda.get_device_properties(index)
        self.uuid = str(self._properties.uuid)

    @property
    def name(self) -> str | None:
        """The card's marketing name."""
        return str(self._properties.name)

    def time_calls(self, step: Step, count: int) -> list[float]:
        """Make `count` calls, one event before and one after each, and read the events when all is done, ms."""
        events = [
            torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            for _ in range(2 * count)
        ]
        starts, ends = events[::2], events[1::2]
        self.synchronize()
        for start, end in zip(starts, ends, strict=True):
            start.record()
            step()
            end.record()
        self.synchronize()
        return [start.elapsed_time(end) for start, end in zip(starts, ends, strict=True)]

    def synchronize(self) -> None:
        """Wait for the card."""
        torch.cuda.synchronize(self.index)

    def available_mib(self) -> float | None:
        """Free memory of the card, MiB."""
        return torch.cuda.mem_get_info(self.index)[0] / MIB

    def release(self) -> None:
        """Empty the caching allocator."""
        torch.cuda.empty_cache()

    def reset_peaks(self) -> None:
        """Reset all peaks."""
        self.release()
        torch.cuda.reset_peak_memory_stats(self.index)
        reset_peak_rss()

    def memory(self) -> Figures:
        """Peaks of the caching allocator, the driver's view of this process, and resident main memory."""
        allocator = Figures(
            {
                "peak_allocated_mib": torch.cuda.max_memory_allocated(self.index) / MIB,
                "peak_reserved_mib": torch.cuda.max_memory_reserved(self.index) / MIB,
                "peak_rss_mib": peak_rss_mib(),
            }
        )
        return allocator | process_memory_figure(str(self.uuid))

    def watch(self) -> CardWatch:
        """A fresh watch over the card through NVML."""
        return watch_card(str(self.uuid))


class Mps(Device):
    """Apple's GPU, timed by the monotonic clock around work that is waited for."""

    kind = "mps"
    matmul_size = 4096

    @property
    def name(self) -> str | None:
        """The chip's marketing name."""
        return cpu_model()

    def time_calls(self, step: Step, count: int) -> list[float]:
        """Make `count` calls, wait for each, and return the duration of each, ms."""
        return _time_with_clock(step, count, self.synchronize)

    def synchronize(self) -> None:
        """Wait for the GPU."""
        torch.mps.synchronize()

    def available_mib(self) -> float | None:
        """What the system recommends to use at most, less what the driver holds, MiB."""
        return (torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()) / MIB

    def release(self) -> None:
        """Empty the caching allocator."""
        torch.mps.empty_cache()

    def reset_peaks(self) -> None:
        """MPS keeps no peaks; main memory, which it shares, does."""
        self.release()
        reset_peak_rss()

    def memory(self) -> Figures:
        """Resident main memory, which an MPS device shares."""
        reasons = dict.fromkeys(_CUDA_MEMORY, "exists on CUDA only")
        return Figures({"peak_rss_mib": peak_rss_mib()}, reasons)


def open_device(name: str) -> Device:
    """The device of this name, ready to run on.

    Raises:
        ValueError: If the name is not legal or this machine has no such device.
    """
    check_present(name)
    kind, index = parse_device(name)
    if kind == "cuda":
        return Cuda(index or 0)
    return Mps() if kind == "mps" else Cpu()


def check_present(name: str) -> None:
    """Make sure that this machine has a device, without waking it.

    Raises:
        ValueError: If it does not; the message names those that it has.
    """
    if name not in device_names():
        raise ValueError(f"This machine has no device {name}: use {' or '.join(device_names())}.")


def device_names() -> tuple[str, ...]:
    """The devices that this machine has."""
    cards = tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
    return ("cpu", *cards, *(("mps",) if torch.backends.mps.is_available() else ()))


def matmul_step(device: Device, dtype: torch.dtype) -> tuple[Step, int]:
    """A matrix product that shows what the device can do at its best, and its FLOPs."""
    size = device.matmul_size
    left, right = (torch.randn(size, size, device=device.torch_device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    return lambda: torch.mm(left, right, out=out), 2 * size**3


def _time_with_clock(step: Step, count: int, synchronize: Callable[[], None]) -> list[float]:
    samples = []
    synchronize()
    for _ in range(count):
        start = time.perf_counter_ns()
        step()
        synchronize()
        samples.append((time.perf_counter_ns() - start) / 1e6)
    return samples
