"""What an NVIDIA card says of itself through NVML: energy, power, clocks, temperature, throttling, other processes.

NVML and CUDA number cards differently, so a card is found by its UUID. A query that a card does not answer gives no
figure and keeps the driver's reason; a missing library or card is a reason, too, never an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import pynvml

from explorer.records.figures import Figures
from explorer.units import MIB

#: The figures that a `CardWatch` is asked for.
CARD_FIGURES = ("energy_mj_per_img", "power_w", "clock_mhz", "temperature_c", "throttled", "other_processes")
#: Lowered clocks for heat or power; idle and user-chosen clocks are not throttling.
_THROTTLE_MASK = (
    pynvml.nvmlClocksEventReasonSwPowerCap
    | pynvml.nvmlClocksEventReasonHwSlowdown
    | pynvml.nvmlClocksEventReasonSwThermalSlowdown
    | pynvml.nvmlClocksEventReasonHwThermalSlowdown
    | pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown
)

_UNLISTED = "the driver does not list this process, as in a container, so nobody knows which of those listed are others"

Answer = TypeVar("Answer")


class CardUnavailableError(Exception):
    """NVML or the card can't be reached; the message says why."""


class Card:
    """One card, found by its UUID.

    Args:
        uuid: As NVML ("GPU-1234…", of a slice of a card "MIG-1234…") or as torch (both "1234…") writes it.

    Raises:
        CardUnavailableError: If the library is missing, the driver does not run or knows no such card.
    """

    def __init__(self, uuid: str) -> None:
        try:
            pynvml.nvmlInit()
            self._handle = _find(uuid)
        except pynvml.NVMLError as error:
            raise CardUnavailableError(f"NVML: {error}") from error

    def energy_mj(self) -> int:
        """Energy since the driver was loaded, mJ."""
        return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))

    def power_w(self) -> float:
        """Power now, W."""
        return int(pynvml.nvmlDeviceGetPowerUsage(self._handle)) / 1e3  # NVML counts mW

    def clock_mhz(self) -> int:
        """Clock of the multiprocessors now, MHz."""
        return int(pynvml.nvmlDeviceGetClockInfo(self._handle, pynvml.NVML_CLOCK_SM))

    def temperature_c(self) -> int:
        """Temperature now, degrees Celsius."""
        return int(pynvml.nvmlDeviceGetTemperature(self._handle, pynvml.NVML_TEMPERATURE_GPU))

    def throttled(self) -> bool:
        """Whether the clocks are lowered now for heat or power."""
        return bool(pynvml.nvmlDeviceGetCurrentClocksEventReasons(self._handle) & _THROTTLE_MASK)

    def other_processes(self) -> int | None:
        """Processes that compute on the card now beside this one; None where the driver does not list this one.

        In a container the driver tells the host's process numbers, or no process at all.
        """
        listed = [process.pid for process in self._processes()]
        return len(listed) - 1 if os.getpid() in listed else None

    def own_memory_mib(self) -> float | None:
        """What the driver attributes to this process, MiB; None where it does not see this process or its memory."""
        own = [process.usedGpuMemory for process in self._processes() if process.pid == os.getpid()]
        return own[0] / MIB if own and own[0] is not None else None

    def _processes(self) -> list[Any]:
        # By its version: where a driver lacks it, the plain name raises what is no NVMLError.
        return list(pynvml.nvmlDeviceGetComputeRunningProcesses_v3(self._handle))


class CardWatch:
    """Collects a card's figures over a model's turns.

    Args:
        card: The card; None where there is none to ask.
        reason: Why there is none.
    """

    def __init__(self, card: Card | None, reason: str = "") -> None:
        self._card = card
        self._reasons = dict.fromkeys(CARD_FIGURES, reason) if card is None else {}
        self._answers: dict[str, list[Any]] = {}
        self._energy_before_mj: int | None = None
        self._energy_mj = 0
        self._images = 0

    def begin_turn(self) -> None:
        """Call right before a turn's first call."""
        self._energy_before_mj = self._ask("energy_mj_per_img", Card.energy_mj)

    def end_turn(self, images: int) -> None:
        """Call right after a turn's last call, the card still warm from it."""
        energy_mj = self._ask("energy_mj_per_img", Card.energy_mj)
        if energy_mj is not None and self._energy_before_mj is not None:
            self._add_energy(energy_mj - self._energy_before_mj, images)
        for name, query in _SAMPLED.items():
            answer = self._ask(name, query)
            if answer is not None:
                self._answers.setdefault(name, []).append(answer)
            else:
                self._reasons.setdefault(name, _UNLISTED)  # a query that fails has left its own reason

    def _add_energy(self, turn_mj: int, images: int) -> None:
        if turn_mj < 0:
            self._reasons["energy_mj_per_img"] = f"the card's energy counter went back by {-turn_mj:,} mJ in a turn"
        self._energy_mj += turn_mj
        self._images += images

    def figures(self) -> Figures:
        """Mean power and clock, highest temperature, any throttling, most other processes, energy per image."""
        figures = Figures(reasons=self._reasons)
        for name, answers in self._answers.items():
            if name not in self._reasons:
                figures |= Figures({name: _SUMMARIES[name](answers)})
        if self._images and "energy_mj_per_img" not in self._reasons:
            # A counter that ticks every 20 to 100 ms may stand still over a short turn.
            value = self._energy_mj / self._images or None
            figures |= Figures.of("energy_mj_per_img", value, "the card's energy counter did not move")
        return figures

    def _ask(self, name: str, query: Callable[[Card], Answer]) -> Answer | None:
        """The card's answer; once it failed to answer a query, that figure stays empty with the reason."""
        if self._card is None or name in self._reasons:
            return None
        try:
            return query(self._card)
        except pynvml.NVMLError as error:
            self._reasons[name] = f"NVML: {error}"
            return None


def watch_card(uuid: str) -> CardWatch:
    """A watch over the card with this UUID; without NVML or card, one whose every figure is empty with the reason."""
    try:
        return CardWatch(Card(uuid))
    except CardUnavailableError as error:
        return CardWatch(None, str(error))


def process_memory_figure(uuid: str) -> Figures:
    """`process_memory_mib` of this process on the card."""
    reason = "the driver does not tell this process's memory"
    try:
        value = Card(uuid).own_memory_mib()
    except CardUnavailableError as error:
        value, reason = None, str(error)
    except pynvml.NVMLError as error:
        value, reason = None, f"NVML: {error}"
    return Figures.of("process_memory_mib", value, reason)


def _find(uuid: str) -> Any:
    """NVML's handle of a card or a slice of one; torch writes the UUIDs of both without the prefix."""
    if uuid.startswith(("GPU-", "MIG-")):
        return pynvml.nvmlDeviceGetHandleByUUID(uuid)
    try:
        return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    except pynvml.NVMLError:
        return pynvml.nvmlDeviceGetHandleByUUID(f"MIG-{uuid}")


def _mean(answers: list[float]) -> float:
    return sum(answers) / len(answers)


_SAMPLED: dict[str, Callable[[Card], float | bool | None]] = {
    "power_w": Card.power_w,
    "clock_mhz": Card.clock_mhz,
    "temperature_c": Card.temperature_c,
    "throttled": Card.throttled,
    "other_processes": Card.other_processes,
}
_SUMMARIES: dict[str, Callable[[list[Any]], float | bool]] = {
    "power_w": _mean,
    "clock_mhz": _mean,
    "temperature_c": max,
    "throttled": any,
    "other_processes": max,
}
