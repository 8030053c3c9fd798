"""The queue of this machine's devices: one piece of work a device at a time, first come first served.

Other programs of the machine that work on a device are waited for, and wait (`explorer.processes.device_lock`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from explorer.processes.device_lock import device_lock
from explorer.processes.queued_work import QueuedWork

#: What all programs of this machine call a device.
SharedName = Callable[[str], str]


def take_turn(work: QueuedWork, device: str, shared_name: str) -> None:
    """Do a piece of work on a device once no other program of this machine works there.

    Args:
        work: The work.
        device: The device.
        shared_name: What all programs of this machine call it.
    """

    def tell(sentence: str | None) -> None:
        work.note = sentence

    with device_lock(device, work.kind, tell, lambda: work.was_stopped, shared_name) as problem:
        tell(problem)
        work.work_on(device)  # stopped meanwhile, too: it says that this device is done with


class DeviceQueue:
    """Whatever waits for a device, or has one; make one and share it.

    Args:
        shared_name: What all programs of this machine call a device, where they may number it differently.
    """

    def __init__(self, shared_name: SharedName = str) -> None:
        self._shared_name = shared_name
        self._lock = threading.Lock()
        self._works: list[QueuedWork] = []
        self._lanes: dict[str, SimpleQueue[QueuedWork]] = {}

    def submit(self, work: QueuedWork) -> None:
        """Put work at the end of the queue of each of its devices."""
        with self._lock:
            self._works = [known for known in self._works if not known.wait(0)]
            self._works.append(work)
            for device in work.devices:
                self._lane(device).put(work)

    def works(self) -> tuple[QueuedWork, ...]:
        """All that is at work or waiting, first come first."""
        with self._lock:
            return tuple(work for work in self._works if not work.wait(0))

    def ahead_of(self, work: QueuedWork) -> tuple[QueuedWork, ...]:
        """What uses a device of this work's and came before it."""
        works = self.works()
        before = works[: works.index(work)] if work in works else ()
        return tuple(other for other in before if set(other.devices) & set(work.devices))

    def end(self) -> None:
        """Cancel everything, and wait until it has ended."""
        works = self.works()
        for work in works:
            work.cancel()
        for work in works:
            work.wait()

    def _lane(self, device: str) -> SimpleQueue[QueuedWork]:
        if device not in self._lanes:
            self._lanes[device] = SimpleQueue()
            threading.Thread(target=self._serve, args=(device,), daemon=True, name=f"queue of {device}").start()
        return self._lanes[device]

    def _serve(self, device: str) -> None:
        while True:
            take_turn(self._lanes[device].get(), device, self._shared_name(device))
