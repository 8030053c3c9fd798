"""From a click on the Prediction page to what it shows of the network that ships, in Chromium: part of `make bench`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from playwright.sync_api import Page, sync_playwright

from tests.bench_report import report
from tests.browser.driver import CHROMIUM_FLAGS, find_chromium, open_page, settle
from tests.browser.serving import running_app

_CLICKS = 16
_TARGET_MS = 500
_PICTURES = ("Digits 2", "Digits 3", "Digits 4", "Digits 5", "Digits 6")
_TITLES = "[...document.querySelectorAll('.js-plotly-plot .gtitle')].map(title => title.textContent).join()"


def main() -> None:
    """Median and 95th percentile over clicks on the mask, and over pictures that the network has not seen yet."""
    chromium = find_chromium()
    if chromium is None:
        report("click on the mask to the new picture", "no Chromium", f"< {_TARGET_MS} ms")
        return
    with running_app() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        open_page(page, address)
        open_page(page, f"{address}/prediction")
        _report("click on the mask to its pixel's classes", [_click_ms(page, number) for number in range(_CLICKS)])
        _report("choosing a picture to its mask", [_picture_ms(page, name) for name in _PICTURES])
        browser.close()


def _report(name: str, times_ms: list[float]) -> None:
    spread = f"{max(times_ms):.0f} ms (median {statistics.median(times_ms):.0f})"
    report(f"{name}, longest of {len(times_ms)}", spread, f"< {_TARGET_MS} ms")


def _click_ms(page: Page, number: int) -> float:
    area = page.locator(".st-key-chart_clickable_picture .nsewdrag").first.bounding_box()
    if area is None:
        raise RuntimeError("The mask is not on the page.")
    share = (0.1 + 0.05 * number, 0.85 - 0.045 * number)
    place = area["x"] + share[0] * area["width"], area["y"] + share[1] * area["height"]
    page.mouse.move(*place)
    page.wait_for_function("[...document.querySelectorAll('.js-plotly-plot')].some(plot => plot._hoverdata?.length)")
    return _until_changed_ms(page, lambda: page.mouse.click(*place))


def _picture_ms(page: Page, name: str) -> float:
    page.locator(".st-key-picture input").click()
    option = page.get_by_role("option", name=name, exact=True)
    option.wait_for()
    return _until_changed_ms(page, option.click)


def _until_changed_ms(page: Page, act: Callable[[], object]) -> float:
    before = page.evaluate(_TITLES)
    start = time.perf_counter()
    act()
    page.wait_for_function(f"before => {_TITLES} !== before", arg=before, polling=5)
    elapsed = (time.perf_counter() - start) * 1e3
    settle(page)
    return elapsed


if __name__ == "__main__":
    main()
