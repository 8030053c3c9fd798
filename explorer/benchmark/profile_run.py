"""A profile in a process of its own, taking its turn in the runner's queue."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

from explorer.benchmark.plan import Job
from explorer.benchmark.process import WorkerProcess
from explorer.benchmark.profile import Profile, check_profilable


class ProfileRun:
    """One profile on its way through the runner; `Runner.submit_profile` makes it.

    Args:
        job: An eager inference job.
        trace_path: Where to write the Chrome trace; None for none.
        owner: Who asked for it, as shown to others in the queue.

    Attributes:
        id: Short and unique.

    Raises:
        ValueError: If the job is not an eager inference.
    """

    def __init__(self, job: Job, trace_path: Path | None, owner: str) -> None:
        check_profilable(job)
        self.id = uuid.uuid4().hex[:8]
        self.job = job
        self.trace_path = trace_path
        self.owner = owner
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._cancelled = False
        self._profile: Profile | None = None
        self._error: str | None = None
        self._done = threading.Event()

    @property
    def profile(self) -> Profile | None:
        """The result; None before the end, or where `error` says why there is none."""
        return self._profile

    @property
    def was_cancelled(self) -> bool:
        """Whether it was stopped before it had a result."""
        return self._cancelled and self._profile is None

    @property
    def error(self) -> str | None:
        """Why there is no result."""
        return "cancelled" if self.was_cancelled else self._error

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; whether it has come."""
        return self._done.wait(timeout_s)

    def cancel(self) -> None:
        """Stop it, from any thread."""
        with self._lock:
            self._cancelled = True
            if self._worker is None:
                self._done.set()  # it need not wait for its turn to be over
            else:
                self._worker.kill()

    def measure_on(self, device: str) -> None:
        """Run it to its end, from the device's thread."""
        trace_path = None if self.trace_path is None else str(self.trace_path)
        with self._lock:
            if not self._cancelled:
                self._worker = WorkerProcess(
                    {"pass": "profile", "jobs": [self.job.to_dict()], "trace_path": trace_path}, {}
                )
        if self._worker is not None:
            self._listen(self._worker)
        self._done.set()

    def _listen(self, worker: WorkerProcess) -> None:
        for message in worker.messages():
            if message["type"] == "profile":
                self._profile = Profile.from_dict(message["profile"])
            elif message["type"] == "failed":
                self._error = message["reason"]
        with self._lock:
            self._worker = None
            how_it_ended = worker.close()
        if self._profile is None and self._error is None:
            self._error = how_it_ended
