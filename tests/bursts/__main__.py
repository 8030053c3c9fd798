"""All bursts in Chromium, as a table: `python -m tests.bursts --each 2`."""

from __future__ import annotations

import argparse
import sys

from playwright.sync_api import Browser, sync_playwright

from tests.browser.driver import CHROMIUM_FLAGS, find_chromium
from tests.bursts.chromium import PAGES, SlowApp, all_bursts, slow_app
from tests.bursts.hand import EVENTS, controls

_ROW = "{:<18} {:<24} {:<9} {:<9} {:>5} {:>9} {:>7} {:<32} {}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bursts", description=__doc__)
    parser.add_argument("--each", type=int, default=2, help="bursts of each control by keyboard, and as many by mouse")
    parser.add_argument("--pages", nargs="*", default=PAGES, help="paths; by default all")
    options = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    print(_ROW.format("page", "control", "kind", "means", "gap", "slowness", "events", "end", "ok"), flush=True)
    with slow_app() as app, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        kept = [ok for path in options.pages for ok in _of_page(app, browser, path, options.each)]
        browser.close()
    print(f"{kept.count(False)} lost of {len(kept)}")
    return 0 if all(kept) else 1


def _of_page(app: SlowApp, browser: Browser, path: str, each: int) -> list[bool]:
    """Whether each burst on a page kept its last move; every control begins in a new tab."""
    kept = []
    tab = app.open(browser, path)
    found = controls(tab)
    tab.context.close()
    for number, control in enumerate(found):
        tab = app.open(browser, path)
        controls(tab)  # opens what is folded
        for burst in all_bursts(control, number, each):
            end, problems = app.do(tab, burst)
            kept.append(not problems)
            texts = f"{burst.gap_ms} ms", f"{burst.slowness_s} s", EVENTS, str(end), "; ".join(problems) or "ok"
            print(_ROW.format(path or "build", control.name, control.kind, burst.means, *texts), flush=True)
        tab.context.close()
    return kept


if __name__ == "__main__":
    sys.exit(main())
