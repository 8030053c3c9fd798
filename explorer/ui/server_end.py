"""The end of a server: within seconds of a signal, and with nothing of it left behind.

Streamlit ends once the last connection has closed, the last worker thread has returned and Python has taken everything
apart. A visitor who is still sending, a training that runs for an hour or a child that is waited for hold that up.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from threading import Thread, main_thread

import streamlit as st
from streamlit import runtime

#: How long work and connections have to end by themselves, in seconds.
GRACE_S = 2.0
#: Those on which Streamlit ends.
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

_stops: list[Callable[[], None]] = []


def when_stopped(stop: Callable[[], None]) -> None:
    """Have something called when the server is told to stop; it may take up to `GRACE_S`."""
    _stops.append(stop)


@st.cache_resource(show_spinner=False)
def end_on_signal() -> None:
    """From here on this server ends soon after a signal, with its children and its temporary files."""
    if not runtime.exists():  # a test of the pages
        return
    folder = tempfile.mkdtemp(prefix="hrformer-explorer-")
    os.environ["TMPDIR"] = tempfile.tempdir = folder  # for children, too
    told, tell = os.pipe()
    for number in _SIGNALS:
        # Of all that Python has, only this can be told of a signal from another thread than the main one; Streamlit's
        # own handler comes after it. What it writes is of no interest, but that it does.
        faulthandler.register(number, tell, all_threads=False, chain=True)
    Thread(target=_wait, args=(told, folder), daemon=True, name="end of the server").start()


def _wait(told: int, folder: str) -> None:
    os.read(told, 1)
    # No daemon, so that Python does not take apart what is still being ended.
    Thread(target=_end, args=(folder,), daemon=False).start()


def _end(folder: str) -> None:
    """Stop the work, let Streamlit say goodbye to the visitors, and leave whatever still holds it up."""
    deadline = time.monotonic() + GRACE_S
    stopping = [Thread(target=stop, daemon=True) for stop in _stops]
    for thread in stopping:
        thread.start()
    for thread in (*stopping, main_thread()):
        thread.join(max(0.0, deadline - time.monotonic()))
    _kill_children()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _kill_children() -> None:
    import psutil  # not before the first page

    children = psutil.Process().children(recursive=True)
    for child in children:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(children, timeout=1.0)
