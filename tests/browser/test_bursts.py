"""Eight quick moves of a control in Chromium, while runs are slow: the last is what everything shows."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.bursts.chromium import PAGES, SlowApp, slow_app, some_bursts


@pytest.fixture(scope="module")
def app(browser: Browser) -> Iterator[SlowApp]:
    with slow_app() as running:
        yield running


@pytest.mark.parametrize("path", PAGES)
def test_no_burst_on_a_page_loses_a_move(browser: Browser, app: SlowApp, path: str) -> None:
    tab = app.open(browser, path)
    lost = {burst: found for burst in some_bursts(tab, path) if (found := app.do(tab, burst)[1])}
    tab.context.close()
    assert lost == {}
