"""How to drive the app in Chromium: where it is, when a page has settled, what it shows."""

import shutil
import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_IS_OVER_A_POINT = "[...document.querySelectorAll('.js-plotly-plot')].some(plot => plot._hoverdata?.length)"
_POINT = """([chart, key]) => {
  const plot = document.querySelector(`[class*='st-key-chart_${chart}'] .js-plotly-plot`);
  const { left, top } = plot.getBoundingClientRect(), { xaxis, yaxis } = plot._fullLayout;
  for (const { customdata, x, y } of plot.data) {
    const i = (customdata ?? []).indexOf(key);
    if (i >= 0) return [left + xaxis._offset + xaxis.d2p(x[i]), top + yaxis._offset + yaxis.d2p(y[i])];
  }
}"""
_RUNNING = '[data-testid="stStatusWidget"], [data-testid="stSkeleton"], [data-stale="true"]'


def find_chromium() -> str | None:
    """The browser's path, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def open_page(page: Page, address: str) -> None:
    """Go to an address and wait until its first run has ended."""
    page.goto(address)
    page.wait_for_selector('[data-testid="stMain"] :is(h1, h2, h3)', timeout=90_000)
    settle(page)


def settle(page: Page, timeout_s: float = 60) -> None:
    """Wait until the script has stopped and nothing is stale."""
    end = time.monotonic() + timeout_s
    calm = 0
    while calm < 3:
        if time.monotonic() > end:
            raise TimeoutError("the page did not come to rest")
        stopped = page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').count()
        calm = calm + 1 if stopped and not page.locator(_RUNNING).count() else 0
        page.wait_for_timeout(100)


def comes_to(page: Page, condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait until something holds that no locator can tell."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        page.wait_for_timeout(100)


def click_chart(page: Page, x: float, y: float) -> None:
    """Click on a point of a chart, once the chart knows that the pointer is over it."""
    page.mouse.move(x, y)
    page.wait_for_function(_IS_OVER_A_POINT)
    page.mouse.click(x, y)


def click_point(page: Page, chart: str, key: str) -> None:
    """Click on the point of a chart that carries a key as customdata; the chart's name may go on after `chart`."""
    click_chart(page, *page.evaluate(_POINT, [chart, key]))


def go_to(page: Page, menu: str, title: str) -> None:
    """Turn to a page as a hand does: open its menu, click on its name, wait until it has settled."""
    page.get_by_text(menu, exact=True).first.click()
    page.get_by_test_id("stTopNavDropdownLink").get_by_text(title, exact=True).first.click()
    page.get_by_role("heading", level=1, name=title).wait_for(timeout=60_000)
    settle(page)


def metric(page: Page, label: str) -> Locator:
    """The value of a headline number."""
    box = page.locator('[data-testid="stMetric"]').filter(has=page.get_by_text(label, exact=True))
    return box.locator('[data-testid="stMetricValue"]')


def slider(page: Page, key: str) -> Locator:
    """The handle of a slider, by its key."""
    return page.locator(f".st-key-{key.replace('.', '-')}").get_by_role("slider")
