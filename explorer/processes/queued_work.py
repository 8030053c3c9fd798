"""Work that somebody asked for and may stop, and what of it takes its turn on a device."""

from __future__ import annotations

import threading
import time
import uuid
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import ClassVar, Literal

WorkState = Literal["waiting", "running", "finished", "cancelled"]


class OwnedWork(ABC):
    """Work that runs beside who asked for it.

    Args:
        owner: Who asked for it, as shown to others.

    Attributes:
        id: Short and unique.
        owner: Who asked for it.
        asked_at: When.
    """

    def __init__(self, owner: str) -> None:
        self.id = uuid.uuid4().hex[:8]
        self.owner = owner
        self.asked_at = datetime.now(UTC)
        self._lock = threading.RLock()
        self._started_at: float | None = None
        self._ended_at: float | None = None
        self._cancelled = False
        self._done = threading.Event()

    @property
    @abstractmethod
    def share_done(self) -> float:
        """How much of it is done, 0 to 1."""

    @property
    def has_begun(self) -> bool:
        """Whether its turn has come."""
        return self._started_at is not None

    @property
    def was_stopped(self) -> bool:
        """Whether it was cancelled."""
        return self._cancelled

    @property
    def state(self) -> WorkState:
        """How far it is."""
        if not self._done.is_set():
            return "running" if self.has_begun else "waiting"
        return "cancelled" if self._cancelled else "finished"

    @property
    def elapsed_s(self) -> float:
        """Seconds since its turn came, up to its end; 0 while it waits."""
        with self._lock:
            if self._started_at is None:
                return 0.0
            return (self._ended_at or time.monotonic()) - self._started_at

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; whether it has come."""
        return self._done.wait(timeout_s)

    def cancel(self) -> None:
        """Stop it, from any thread; what has ended keeps its results."""
        with self._lock:
            if self._done.is_set():
                return
            self._cancelled = True
            if not self.has_begun:
                self._end()  # it need not wait for its turn to be over
        self._stop()

    @abstractmethod
    def _stop(self) -> None:
        """End what is at work, from any thread."""

    def _begin(self) -> bool:
        """Note that its turn has come, also when repeated; whether it is still wanted."""
        with self._lock:
            if not self._cancelled:
                self._started_at = self._started_at or time.monotonic()
            return not self._cancelled

    def _end(self) -> None:
        """Note its end, after everything else."""
        with self._lock:
            self._ended_at = self._ended_at or time.monotonic()
            self._done.set()


class QueuedWork(OwnedWork):
    """Work that takes its turn alone on a device, or on each of several.

    Attributes:
        kind: What it is, one of `device_lock.KINDS`.
        note: What holds it up, or why it has no device to itself, as a sentence; None where there is nothing to say.
    """

    kind: ClassVar[str]

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.note: str | None = None

    @property
    @abstractmethod
    def devices(self) -> tuple[str, ...]:
        """Those that it needs, such as "cpu" and "cuda:0"."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What is done, such as "2 jobs: hrformer_tiny, resnet50"."""

    @property
    @abstractmethod
    def doing(self) -> str:
        """What it does now that its turn has come, such as "measuring, 1 of 2 done"."""

    @property
    @abstractmethod
    def kept(self) -> str:
        """What stays of it when it is stopped, or was, as a sentence."""

    @abstractmethod
    def work_on(self, device: str) -> None:
        """Do its part on a device, from that device's thread; at once where it was cancelled."""
