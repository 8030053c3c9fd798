"""Two real browsers: a training stays its owner's over a reload, and another browser stops it only after a question."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.driver import open_page
from tests.browser.serving import running_server

_TIMEOUT_MS = 60_000


@pytest.fixture
def address(browser: Browser, tmp_path: Path) -> Iterator[str]:
    """A page of a server that has no other visitors."""
    with running_server({"HRFORMER_RESULTS_URL": f"sqlite:///{tmp_path / 'records.sqlite'}"}) as (server, _):
        page = browser.new_page()
        open_page(page, server)  # the first session of a server is shown a note
        page.close()
        yield f"{server}/ablation?ablation_view=Train+it"


def test_a_training_is_its_owners_over_a_reload_and_another_is_asked(
    page: Page, browser: Browser, address: str
) -> None:
    open_page(page, address)
    page.locator(".st-key-start_training button").first.click()
    own_stop, others_stop = ".st-key-stop_training button", ".st-key-stop_training_anyway button"
    expect(page.locator(own_stop)).to_be_visible(timeout=_TIMEOUT_MS)
    page.reload()
    expect(page.locator(own_stop)).to_be_visible(timeout=_TIMEOUT_MS)

    other = browser.new_context().new_page()
    open_page(other, address)
    expect(other.locator(others_stop)).to_be_visible(timeout=_TIMEOUT_MS)
    expect(other.locator(own_stop)).to_have_count(0)
    other.locator(others_stop).click()
    question = re.compile(r"visitor \d+'s training, asked for at \d\d:\d\d .* Stop it anyway\?")
    expect(other.get_by_text(question)).to_be_visible(timeout=_TIMEOUT_MS)
    other.wait_for_timeout(3_000)  # the progress above is drawn again every second
    expect(other.get_by_text(question)).to_be_visible()
    expect(page.locator(own_stop)).to_be_visible()
    other.locator(".st-key-stop_training_confirmed button").click()
    expect(other.get_by_text(re.compile(r"You stopped visitor \d+'s training"))).to_be_visible(timeout=_TIMEOUT_MS)
    expect(page.get_by_text(re.compile(r"visitor \d+ stopped your training"))).to_be_visible(timeout=_TIMEOUT_MS)
    other.context.close()
