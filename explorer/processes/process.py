"""The parent's end of a measuring process: start it, read its messages, end it and all it started.

The process is a fresh interpreter, not a fork and not `multiprocessing`, whose children would run the parent's main
script again: under Streamlit that is a page.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from explorer.machine_paths import without_paths
from explorer.processes.memory import available_ram_mib

_GRACE_S = 0.3
#: How long an interpreter may take to wind up after its last message.
_EXIT_S = 5.0
_STDERR_TAIL_BYTES = 4000


class WorkerProcess:
    """A running `explorer.benchmark.measuring.worker`, or another module like it, leader of its own process group.

    Args:
        request: What it shall do, as JSON values.
        variables: Environment variables on top of this process's own.
        module: What to run; it reads the request from its stdin and writes messages as JSON lines to its stdout.
    """

    def __init__(
        self,
        request: Mapping[str, Any],
        variables: Mapping[str, str],
        module: str = "explorer.benchmark.measuring.worker",
    ) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process; closed in `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **variables},
            start_new_session=True,
        )
        self._ended = False
        with contextlib.suppress(BrokenPipeError):  # it ended already; the messages' end and its exit code tell
            self._stdin.write(json.dumps(request).encode() + b"\n")
            self._stdin.flush()  # and stays open: the process ends itself when this end closes

    @property
    def pid(self) -> int:
        """Process and process group."""
        return self._process.pid

    def messages(self) -> Iterator[dict[str, Any]]:
        """Its messages as they come, until it closes its end; a last line cut short by its death is left out."""
        stdout = self._process.stdout
        for line in stdout or ():
            if line.endswith(b"\n"):
                yield json.loads(line)

    def kill(self) -> None:
        """End it and everything it started: first politely, after a moment by force; harmless when repeated."""
        if self._ended:
            return
        self._signal_group(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S)
        self._signal_group(signal.SIGKILL)
        self._ended = True  # from here on the number may belong to someone else

    def close(self) -> str:
        """Let it end, or end it.

        Returns:
            How it ended, as a reason for a job that it left unfinished.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_S)
        self.kill()
        code = self._process.wait()
        reason = self._how_it_ended(code)
        for file in (self._process.stdin, self._process.stdout, self._stderr):
            if file is not None:
                with contextlib.suppress(BrokenPipeError):
                    file.close()
        return reason

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _how_it_ended(self, code: int) -> str:
        if code == -signal.SIGKILL:
            return "the measuring process was killed (SIGKILL), as the system does when memory runs out"
        if code < 0:
            return f"the measuring process was ended by {signal.Signals(-code).name}"
        self._stderr.seek(0)
        lines = self._stderr.read()[-_STDERR_TAIL_BYTES:].decode(errors="replace").strip().splitlines()
        return f"the measuring process ended with code {code}" + (f": {without_paths(lines[-1])}" if lines else "")


def available_mib(device: str) -> float | None:
    """Free memory of a device, MiB; None where nobody knows.

    A card is asked from a short-lived process: asking creates a context, which takes hundreds of MiB of the card for
    as long as its process lives.
    """
    return available_ram_mib() if device == "cpu" else _asked(device).get("available_mib")


def card_uuid(device: str) -> str | None:
    """UUID of a card; None where it is not known. Asked as `available_mib` is."""
    return _asked(device).get("uuid")


def _asked(device: str) -> dict[str, Any]:
    """What a card says of itself; nothing where it can't be opened."""
    worker = WorkerProcess({"pass": "ask_device", "device": device}, {})
    answers = [message for message in worker.messages() if message["type"] == "device"]
    worker.close()
    return answers[0] if answers else {}
