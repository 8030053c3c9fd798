"""What this machine's devices say of themselves, to a process that does not open them.

Opening a card creates a context, which takes hundreds of MiB of it for as long as its process lives: cards are asked
from short-lived processes.
"""

from __future__ import annotations

from functools import cache

from explorer.benchmark.measuring.messages import DEVICE_WORKER, DeviceState
from explorer.processes.memory import available_ram_mib
from explorer.processes.process import WorkerProcess


def available_mib(device: str) -> float | None:
    """Free memory of a device, MiB; None where nobody knows."""
    return available_ram_mib() if device == "cpu" else _asked(device).available_mib


@cache
def shared_name(device: str) -> str:
    """What all programs of this machine call a device, which may see a card under different numbers."""
    try:
        uuid = _asked(device).uuid if device.startswith("cuda") else None
    except OSError:  # no process could be started to ask it
        uuid = None
    return f"cuda-{uuid}" if uuid else device


def _asked(device: str) -> DeviceState:
    """What a device says; nothing where it can't be opened."""
    process = WorkerProcess(DEVICE_WORKER, {"pass": "ask_device", "device": device}, {})
    answers = [message for message in process.messages() if isinstance(message, DeviceState)]
    process.close()
    return answers[0] if answers else DeviceState(None, None)
