"""What a device's queue can hold, whatever it does once its turn has come."""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import ClassVar


class QueuedWork(ABC):
    """Work that takes its turn alone on a device.

    Args:
        owner: Who asked for it, as shown to others in the queue.

    Attributes:
        kind: What it is, one of `device_lock.KINDS`.
        id: Short and unique.
        owner: Who asked for it.
        asked_at: When.
        note: What holds it up, or why it has no device to itself, as a sentence; None where there is nothing to say.
    """

    kind: ClassVar[str]

    def __init__(self, owner: str) -> None:
        self.id = uuid.uuid4().hex[:8]
        self.owner = owner
        self.asked_at = datetime.now(UTC)
        self.note: str | None = None
        self._lock = threading.Lock()
        self._started_at: float | None = None
        self._cancelled = False
        self._done = threading.Event()

    @property
    def has_begun(self) -> bool:
        """Whether its turn has come."""
        return self._started_at is not None

    @property
    def was_stopped(self) -> bool:
        """Whether it was cancelled."""
        return self._cancelled

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; whether it has come."""
        return self._done.wait(timeout_s)

    @abstractmethod
    def cancel(self) -> None:
        """Stop it, from any thread."""

    @abstractmethod
    def measure_on(self, device: str) -> None:
        """Do the work on a device, from that device's thread."""
