"""The process that readers are forked from, with what they need imported: `python -m explorer.reading.server FD`.

It is not `multiprocessing`'s: that would run the main script again, which under Streamlit is a page, and hands values
over as pickles, which a reader that a file took over could use against the app.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

from explorer.processes.memory import available_ram_mib
from explorer.reading.kinds import KINDS
from explorer.reading.limits import not_kept

#: What takes time to import.
_PRELOADED = (
    "explorer.pictures.photographs",
    "explorer.reading.weight_places",
    "hrformer.checkpoint",
    "safetensors.torch",
    "PIL.Image",
    "PIL.TiffImagePlugin",
    "explorer.reading.csv_rows",
    "explorer.reading.plan_text",
)
_MAX_REQUEST_BYTES = 64 * 1024


def main(descriptor: int) -> None:
    """Fork a keeper for each request that comes over the control socket, until its other end closes."""
    for name in _PRELOADED:
        import_module(name)
    import_module("PIL.Image").init()
    gc.disable()  # a reader is gone before collecting pays, which would also copy the pages that it shares
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are not waited for
    control = socket.socket(fileno=descriptor)
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return
        if os.fork() == 0:
            control.close()
            _in_fork(_keep, descriptors[0])
        os.close(descriptors[0])


def _in_fork(work: Any, *arguments: Any) -> None:
    """Run the work and end this process, whatever happens: nothing of its parent's stack may go on in it."""
    code = 1
    try:
        work(*arguments)
        code = 0
    finally:
        os._exit(code)


def _keep(descriptor: int) -> None:
    """Start the reader of one request, and say how it ended: it may be in no state to say so itself."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=descriptor) as line:
        request = json.loads(line.recv(_MAX_REQUEST_BYTES))
        pid = os.fork()
        if pid == 0:
            _in_fork(_read, request, line)
        Thread(target=_end_with_app, args=(line, pid), daemon=True).start()
        _, status = os.waitpid(pid, 0)
        if status != 0:
            _say(line, {"refused": KINDS[request["kind"]].limits.reason(os.WTERMSIG(status))})


def _end_with_app(line: socket.socket, pid: int) -> None:
    """Nobody waits for what is read any more once the other end of the line has closed."""
    with contextlib.suppress(OSError):
        line.recv(1)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _read(request: dict[str, Any], line: socket.socket) -> None:
    kind = KINDS[request["kind"]]
    path = Path(request["path"])
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 - decoders write their warnings to stderr
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    free_mib = available_ram_mib()
    kind.limits.impose(path.stat().st_size, free_mib)
    try:
        answer: dict[str, Any] = {"read": kind.read(path, Path(request["answer"]), request.get("part"))}
    except MemoryError:
        answer = {"refused": kind.limits.no_memory(free_mib)}
    except OSError as error:
        answer = {"refused": kind.limits.too_much() if error.errno == errno.EFBIG else not_kept(error)}
    except ValueError as error:
        lacks_memory = isinstance(error.__cause__, MemoryError)
        answer = {"refused": kind.limits.no_memory(free_mib) if lacks_memory else str(error)}
    _say(line, answer)


def _say(line: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
        line.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
