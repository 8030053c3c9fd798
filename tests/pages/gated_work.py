"""Long work that waits for the test; a page that is made of a function has to import it."""

import threading

from explorer.ui.progress import OnProgress, ShouldStop, Work

GATE = threading.Event()
STARTED: list[str] = []
ENDED: list[str] = []


def wait_for_gate(key: str) -> Work[str]:
    def work(on_progress: OnProgress, should_stop: ShouldStop) -> str:
        on_progress(1, 4)
        STARTED.append(key)
        while not GATE.wait(0.01):
            if should_stop():
                ENDED.append(key)
                raise RuntimeError("stopped")
        return f"result of {key}"

    return work
