"""A worker process's end of the line to its parent: messages on stdout, and death when the parent is gone."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from explorer.machine_paths import error_line
from explorer.processes.messages import Failed, Message

Send = Callable[[Message], None]
Request = Mapping[str, Any]


def _failure_of(error: Exception) -> Failed:
    return Failed(error_line(error))


def serve(work: Callable[[Request, Send], None], failure_of: Callable[[Exception], Failed] = _failure_of) -> None:
    """Serve one request, as long as the parent lives: all that a worker module does.

    Args:
        work: Does what the request asks for, and sends what it finds.
        failure_of: What is said of an error that the work raises.
    """
    send = _private_stdout()
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        work(request, send)
    except Exception as error:  # noqa: BLE001 - whatever the work raises becomes a message
        send(failure_of(error))


def _private_stdout() -> Send:
    """Keep stdout for the messages; whatever else prints goes to stderr."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def send(message: Message) -> None:
        with lock:
            channel.write(message.to_line() + "\n")
            channel.flush()

    return send


def _die_with_parent() -> None:
    """The parent keeps stdin open as long as it lives; its end takes this process and its compilers along."""
    while os.read(0, 1):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)
