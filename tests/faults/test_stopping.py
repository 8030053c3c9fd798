"""A real server that is told to stop while its visitors are connected and at work."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest
import streamlit as st

from explorer.records.store import Store
from tests.browser.serving import running_server
from tests.load.user import User
from tests.pages.entrypoint import SMALL, open_app

#: Four times what docs/reliability.md promises, for a busy machine; views and trainings last longer.
LIMIT_S = 20.0
#: How long work may take to get under way on a busy machine, s.
PATIENCE_S = 60.0
LINK = urlencode(SMALL)
HEAVY = "preset=base&img_size=768,768"

#: What a visitor does before the server is stopped; what it gives stays open meanwhile.
Work = Callable[[User, psutil.Process], Awaitable[object]]


async def nothing(user: User, server: psutil.Process) -> None:
    """The page stands open."""
    await user.open(LINK)


async def slow_download(user: User, server: psutil.Process) -> socket.socket:
    """A large file is on its way to a visitor who does not take it."""
    await user.open(LINK)
    scripts = Path(st.__file__).parent / "static" / "static" / "js"
    largest = max(scripts.iterdir(), key=lambda file: file.stat().st_size)
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", port_of(server)))
    line.sendall(f"GET /static/js/{largest.name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 4)
    await asyncio.sleep(1.0)
    return line


def port_of(server: psutil.Process) -> int:
    return next(each.laddr.port for each in server.net_connections() if each.status == psutil.CONN_LISTEN)


async def long_view(user: User, server: psutil.Process) -> None:
    """A view is being computed by the page's own thread."""
    await user.open(HEAVY)
    with suppress(TimeoutError):
        async with asyncio.timeout(3):
            await user.go("feature_maps")


async def training(user: User, server: psutil.Process) -> None:
    """Networks of the ablation are being trained."""
    await user.open(LINK)
    await user.go("ablation")
    await user.press("start_training")
    await started(server, "explorer.ablation.training_worker")


async def benchmark(user: User, server: psutil.Process) -> None:
    """Models are being measured."""
    await user.open(LINK)
    await user.go("benchmark")
    await user.press("start_run")
    await started(server, "explorer.benchmark.measuring.worker")


async def growth(user: User, server: psutil.Process) -> None:
    """Attention is being timed for a claim."""
    await user.open(LINK)
    page = await user.go("claims")
    deadline = time.monotonic() + PATIENCE_S
    while not page.metrics and time.monotonic() < deadline:  # until the claims are counted
        page = await user.go("claims")
    await user.press("start_growth")
    await started(server, "explorer.claims.attention_timing")


async def started(server: psutil.Process, module: str) -> None:
    """Wait until a child of the server runs a module."""
    deadline = time.monotonic() + PATIENCE_S
    while not any(module in child.cmdline() for child in children(server)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)  # so that it is at work


def children(process: psutil.Process) -> list[psutil.Process]:
    """All that runs below a process."""
    return [child for child in process.children(recursive=True) if runs(child)]


def runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


async def stop_during(work: Work, number: int, address: str, pid: int) -> tuple[int, list[psutil.Process]]:
    """Exit code of the server, and what of it still runs.

    The visitor does not answer meanwhile, as one whose machine sleeps.
    """
    server = psutil.Process(pid)
    async with User(address) as user, User(address) as other:
        await other.open(LINK)
        held_open = await work(user, server)
        below = children(server)
        os.kill(pid, number)
        code = server.wait(timeout=LIMIT_S)
        del held_open
    psutil.wait_procs(below, timeout=LIMIT_S)
    return code, [child for child in below if runs(child)]


@pytest.mark.alone
@pytest.mark.parametrize(
    ("work", "number"),
    [
        (nothing, signal.SIGTERM),
        (nothing, signal.SIGINT),
        (slow_download, signal.SIGTERM),
        (long_view, signal.SIGTERM),
        (training, signal.SIGTERM),
        (benchmark, signal.SIGINT),
        (growth, signal.SIGTERM),
    ],
)
def test_a_server_ends_within_seconds_and_leaves_nothing(work: Work, number: int, tmp_path: Path) -> None:
    records, temporary = tmp_path / "results" / "records.sqlite", tmp_path / "temporary"
    temporary.mkdir()
    environment = {"HRFORMER_RESULTS_URL": f"sqlite:///{records}", "TMPDIR": str(temporary)}
    # Where browser tests ran before, an event loop holds this thread.
    with running_server(environment) as (address, pid), ThreadPoolExecutor(1) as thread:
        code, left = thread.submit(asyncio.run, stop_during(work, number, address, pid)).result()
    assert code == 0
    assert not left
    assert not list(temporary.iterdir())
    with Store(f"sqlite:///{records}") as store:
        assert set(store.distinct("status")) <= {"ok", "cancelled"}
        assert len(list(store.records())) == store.count()  # each with its details


def test_a_page_that_no_server_shows_changes_nothing_of_its_process() -> None:
    st.cache_resource.clear()
    before = tempfile.gettempdir(), os.environ.get("TMPDIR"), signal.getsignal(signal.SIGTERM)
    open_app()
    assert (tempfile.gettempdir(), os.environ.get("TMPDIR"), signal.getsignal(signal.SIGTERM)) == before
    assert not faulthandler.unregister(signal.SIGTERM)
