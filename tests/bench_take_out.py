"""How long it takes to see the prediction without a part, and to rank all branches and heads of the shipped network."""

from __future__ import annotations

import statistics
import time

import torch

from explorer.ablation.parts import parts_of, read_part
from explorer.ablation.without import without
from explorer.ablation.worth import DigitsMiou, rank
from explorer.models.trained import DIGIT_SAMPLES, load_digit_sample, load_trained
from explorer.pictures.digits import normalise
from tests.bench_report import report

_BRANCHES = (3, 2, 1)


def main() -> None:
    """Report both, and the way of one picture through a network without a part."""
    model = load_trained()
    bench_forward(model)
    bench_ranking(model)
    bench_click()


def bench_forward(model: torch.nn.Module) -> None:
    """A copy without a part and a picture through it, over the picture through the whole network."""
    x = normalise(load_digit_sample(DIGIT_SAMPLES[0])[None])
    times: dict[str, list[float]] = {"whole": [], "without": []}
    with torch.inference_mode():
        for _ in range(12):
            for name, run in (("whole", lambda: model(x)), ("without", lambda: without(model, _PART)(x))):
                start = time.perf_counter()
                run()
                times[name].append((time.perf_counter() - start) * 1e3)
    whole, lacking = (statistics.median(values[2:]) for values in times.values())
    report("a picture without a branch, ms; the whole network", f"{lacking:.0f}; {whole:.0f}")


def bench_ranking(model: torch.nn.Module) -> None:
    """All branches and heads over 64 test pictures."""
    parts = list(parts_of(model.config, ["branch", "head"]))
    start = time.perf_counter()
    rank(model, parts, DigitsMiou())
    report(f"ranking of all {len(parts)} branches and heads", f"{time.perf_counter() - start:.0f} s", "< 180 s")


def bench_click() -> None:
    """From the click on a branch to the prediction without it, in Chromium."""
    from playwright.sync_api import sync_playwright

    from tests.browser.driver import CHROMIUM_FLAGS, click_point, find_chromium, open_page, settle
    from tests.browser.serving import running_app

    chromium = find_chromium()
    if chromium is None:
        report("click to the prediction without a branch", "no Chromium", "< 1 s")
        return
    times = []
    with running_app() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        open_page(page, address)
        open_page(page, f"{address}/prediction?network=digits&prediction_section=Take+it+out")
        page.locator("[class*='st-key-chart_parts'] .nsewdrag").wait_for()
        for branch in _BRANCHES * 3:
            settle(page)
            start = time.perf_counter()
            click_point(page, "parts", f"branch:{branch}")
            page.locator("[class*='st-key-chart_taken_out'] .js-plotly-plot").wait_for()
            page.get_by_text(f"Without the 1/{4 * 2**branch} branch").wait_for()
            times.append(time.perf_counter() - start)
            settle(page)
            page.get_by_role("button", name="Put all back").click()
            page.get_by_text("Nothing is taken out yet").wait_for()
        browser.close()
    spread = f"{max(times[1:]):.2f} s (median {statistics.median(times[1:]):.2f})"
    report(f"click to the prediction without a branch, most of {len(times) - 1}", spread, "< 1 s")


_PART = (read_part("branch:2"),)


if __name__ == "__main__":
    main()
