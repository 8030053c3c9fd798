"""The last visitor leaves a real server: what was kept for visitors goes back to the system."""

import asyncio
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

from tests.browser.serving import running_server
from tests.load.user import User
from tests.pages.entrypoint import SMALL

#: Promised in docs/reliability.md.
RETURNED_S = 30.0
LEVELLED_S = 4.0
LINK = urlencode(SMALL)
#: About the size of HRFormer-B, with weights of about 190 MiB each; small pictures, so that looking is quick.
HEAVY = tuple(
    f"channels={width},{2 * width},{4 * width},{8 * width}&num_heads=2,4,8,16&num_modules=1,1,4,2&img_size=64,64"
    for width in (76, 80)
)


def resident_mib(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss / 2**20)


def keeps_sessions(address: str) -> bool:
    """Whether Streamlit keeps any session: with it go the pictures on its pages."""
    metrics = urllib.request.urlopen(f"{address}/_stcore/metrics", timeout=10).read().decode()
    return 'cache_type="st_memory_media_file_storage"' in metrics


def levelled_mib(pid: int) -> float:
    """What is held once the imports behind the first page have come to their end."""
    highest, risen_s = 0.0, time.monotonic()
    while time.monotonic() < risen_s + LEVELLED_S:
        if resident_mib(pid) > highest + 1:
            highest, risen_s = resident_mib(pid), time.monotonic()
        time.sleep(0.2)
    return highest


def becomes(condition: Callable[[], bool], by_s: float) -> bool:
    while not condition() and time.monotonic() < by_s:
        time.sleep(0.2)
    return condition()


async def visit(address: str, *queries: str) -> None:
    for query in queries:
        async with User(address) as user:
            assert (await user.open(query)).errors == []
            assert (await user.go("feature_maps")).errors == []


@pytest.mark.load
@pytest.mark.alone
def test_memory_returns_when_the_last_visitor_has_left(tmp_path: Path) -> None:
    environment = {"HRFORMER_RESULTS_URL": f"sqlite:///{tmp_path / 'records.sqlite'}"}
    # Where browser tests ran before, an event loop holds this thread.
    with running_server(environment) as (address, pid), ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, visit(address, LINK)).result()
        before_mib = levelled_mib(pid)
        thread.submit(asyncio.run, visit(address, *HEAVY)).result()
        left_s, grown_mib = time.monotonic(), resident_mib(pid) - before_mib
        assert grown_mib > 250
        assert keeps_sessions(address)
        returned = becomes(lambda: resident_mib(pid) < before_mib + 0.25 * grown_mib, left_s + RETURNED_S)
        assert returned, f"{resident_mib(pid) - before_mib:.0f} MiB of {grown_mib:.0f} are still held"
        assert not keeps_sessions(address)
