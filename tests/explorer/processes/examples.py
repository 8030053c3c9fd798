"""Work to be queued that does nothing but wait."""

from __future__ import annotations

from threading import Event

from explorer.processes.queued_work import QueuedWork


class Example(QueuedWork):
    """Works until it is let go or stopped."""

    kind = "benchmark"
    description, doing, kept = "an example", "working", "Nothing is kept."
    share_done = 0.0

    def __init__(self, *devices: str, owner: str = "ana") -> None:
        super().__init__(owner)
        self.worked_on: list[str] = []
        self.let_go = Event()
        self._devices = devices or ("cpu",)

    @property
    def devices(self) -> tuple[str, ...]:
        return self._devices

    def _stop(self) -> None:
        self.let_go.set()

    def work_on(self, device: str) -> None:
        if self._begin():
            self.worked_on.append(device)
            self.let_go.wait(60)
        if not self.has_begun or len(self.worked_on) == len(self._devices):
            self._end()
