"""The parent's end of a worker process: start it, read its messages, end it and all it started.

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
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Generic

from explorer.machine_paths import without_paths
from explorer.processes.messages import Failed, M, MessageError, Worker

_GRACE_S = 0.3
#: How long an interpreter may take to wind up after its last message.
_EXIT_S = 5.0
_STDERR_TAIL_BYTES = 4000


class WorkerProcess(Generic[M]):
    """A running worker, leader of its own process group.

    Args:
        worker: What runs.
        request: What it shall do, as JSON values.
        variables: Environment variables on top of this process's own.
    """

    def __init__(self, worker: Worker[M], request: Mapping[str, Any], variables: Mapping[str, str]) -> None:
        self._worker = worker
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process; closed in `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", worker.module],
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

    def messages(self) -> Iterator[M | Failed]:
        """Its messages as they come, until it closes its end; a last line cut short by its death is left out.

        What is no message of its worker's ends it, and is told as `Failed`.
        """
        stdout = self._process.stdout
        for line in stdout or ():
            if line.endswith(b"\n"):
                try:
                    message = self._worker.understood(line)
                except MessageError as error:
                    self.kill()
                    yield Failed(str(error))
                    return
                yield message

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
        process = f"the {self._worker.activity} process"
        if code == -signal.SIGKILL:
            return f"{process} was killed (SIGKILL), as the system does when memory runs out"
        if code < 0:
            return f"{process} was ended by {signal.Signals(-code).name}"
        self._stderr.seek(0)
        lines = self._stderr.read()[-_STDERR_TAIL_BYTES:].decode(errors="replace").strip().splitlines()
        return f"{process} ended with code {code}" + (f": {without_paths(lines[-1])}" if lines else "")


class WorkerProcesses:
    """The worker processes of one piece of work: once it is stopped they are ended, and no more begin.

    Attributes:
        stopped: Whether it was stopped.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._running: list[WorkerProcess[Any]] = []
        self._lock = threading.Lock()

    @property
    def pids(self) -> tuple[int, ...]:
        """Those that run now."""
        with self._lock:
            return tuple(process.pid for process in self._running)

    def start(
        self, worker: Worker[M], request: Mapping[str, Any], variables: Mapping[str, str]
    ) -> WorkerProcess[M] | None:
        """Start one, as `WorkerProcess`; None once the work is stopped."""
        with self._lock:
            if self.stopped:
                return None
            process = WorkerProcess(worker, request, variables)
            self._running.append(process)
            return process

    def close(self, process: WorkerProcess[Any]) -> str:
        """Let one end, or end it; how it ended, as a reason for what it left unfinished."""
        reason = process.close()
        with self._lock:
            self._running.remove(process)
        return reason

    def stop(self) -> None:
        """End them, from any thread."""
        with self._lock:
            self.stopped = True
            running = list(self._running)
        for process in running:
            process.kill()
