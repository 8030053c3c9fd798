"""A worker process's end of the line to its parent: messages on stdout, and death when the parent is gone."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

Send = Callable[[dict[str, Any]], None]


def private_stdout() -> Send:
    """Keep stdout for the messages; whatever else prints goes to stderr."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        with lock:
            channel.write(json.dumps(message) + "\n")
            channel.flush()

    return send


def die_with_parent() -> None:
    """The parent keeps stdin open as long as it lives; its end takes this process and its compilers along."""
    while os.read(0, 1):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)
