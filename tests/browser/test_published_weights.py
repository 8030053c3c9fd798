"""Published weights in a real browser: the link's offer, the click, progress, Stop, and the page with the weights."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.driver import open_page, settle
from tests.browser.serving import running_server
from tests.file_server import PIECE, FileServer, gated_after, serving
from tests.published import LISTED, checkpoint, list_of
from tests.variants import tiny

VARIANT = "img_size=64,64&channels=4,8,8,16&num_heads=1,2,2,4&num_blocks=1,1,1,1"


@pytest.fixture
def weights_server() -> Iterator[FileServer]:
    with serving(checkpoint(tiny("pose"), seed=3)) as running:
        yield running


@pytest.fixture
def app(browser: Browser, weights_server: FileServer, tmp_path: Path) -> Iterator[str]:
    """The address of an app whose list names that server alone."""
    list_of(weights_server.file, tmp_path)
    environment = {"HRFORMER_CACHE": str(tmp_path / "cache"), "HRFORMER_TEST_LIST": str(tmp_path)}
    with running_server(environment, run=("tests.browser.other_list",)) as (address, _):
        yield address


def test_a_link_offers_and_a_click_fetches_with_progress_and_stop(
    page: Page, app: str, weights_server: FileServer
) -> None:
    weights_server.answers = [gated_after(PIECE)]
    open_page(page, app)
    open_page(page, f"{app}/feature_maps?{VARIANT}&published_weights={LISTED}")
    fetch = page.locator(".st-key-fetch_published button")
    expect(fetch).to_have_text(re.compile(f"Download from {weights_server.host}"))
    assert weights_server.asked == []
    fetch.click()
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text(re.compile(rf"Fetching {LISTED}: 1 kB of \d+ kB"))).to_be_visible(timeout=30_000)
    page.locator(".st-key-stop_published_weights button").click()
    expect(sidebar.get_by_text(re.compile("was stopped after 1 kB of"))).to_be_visible(timeout=30_000)
    weights_server.gate.set()
    page.get_by_role("button", name="Go on").click()
    expect(sidebar.get_by_text("In use.")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(f"published weights {LISTED}").first).to_be_visible(timeout=60_000)
    settle(page)
    expect(page).to_have_url(re.compile(f"published_weights={LISTED}"))
    page.reload()  # a new session: the link offers again, and the cache has them
    expect(page.locator(".st-key-use_published button")).to_be_visible(timeout=60_000)
    page.locator(".st-key-use_published button").click()
    expect(sidebar.get_by_text("In use.")).to_be_visible(timeout=60_000)
    assert len(weights_server.asked) <= 2
