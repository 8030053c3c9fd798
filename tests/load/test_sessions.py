"""Two users of one real server: each alone, then both at once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests.browser.serving import running_app
from tests.load.user import User
from tests.pages.entrypoint import SMALL

VARIANT = SMALL | {"num_modules": "1,1,2,1", "num_blocks": "1,1,2,1", "img_size": "64,96", "branch": "1/4"}
HEADS = ("1,2,2,4", "2,2,2,4")
ROWS = (0, 15, 8)


async def attention_charts(address: str, heads: str) -> list[str]:
    """Open the Attention windows page with a variant and look at some rows; every chart shown on the way."""
    async with User(address) as user:
        await user.open(urlencode(VARIANT | {"num_heads": heads}))
        pages = [await user.go("attention_windows")]
        pages += [await user.change("row", row) for row in ROWS]
    assert [page.errors for page in pages] == [[]] * len(pages)
    return [chart for page in pages for chart in page.charts.values()]


async def visit(address: str) -> None:
    alone = [await attention_charts(address, heads) for heads in HEADS]
    together = await asyncio.gather(*(attention_charts(address, heads) for heads in HEADS * 2))
    assert all(alone)
    assert alone[0] != alone[1]
    assert together == alone * 2


@pytest.mark.load
def test_sessions_at_the_same_time_never_see_each_others_maps() -> None:
    # Where browser tests ran before, an event loop holds this thread.
    with running_app() as address, ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, visit(address)).result()
