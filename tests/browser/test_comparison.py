"""What only a browser shows of the Comparison page: charts that draw, a chosen row, and the files that come out."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from explorer.places import URL_VARIABLE
from explorer.records.exchange import read_csv
from explorer.records.store import Store
from tests.browser.driver import open_page, settle
from tests.browser.serving import running_app
from tests.explorer.records.examples import example_record


@pytest.fixture(scope="module")
def compared(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an app whose store holds two models."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'records.sqlite'}"
    with Store(url) as store:
        store.add_all(
            [
                example_record(model_name="hrformer_base", latency_ms_p50=50.0, latency_ms_p95=60.0),
                example_record(model_name="hrnet_w48", latency_ms_p50=20.0, latency_ms_p95=21.0),
            ]
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(URL_VARIABLE, url)
        with running_app() as address:
            yield address


@pytest.fixture(scope="module")
def untouched(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an app without records, which shows the reference run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(URL_VARIABLE, f"sqlite:///{tmp_path_factory.mktemp('store') / 'none.sqlite'}")
        with running_app() as address:
            yield address


def open_comparison(page: Page, address: str) -> None:
    open_page(page, address)
    page.goto(f"{address}/comparison")
    expect(page.get_by_role("heading", name="Comparison")).to_be_visible(timeout=60_000)
    settle(page)


def test_bars_ratio_and_published_figures_are_drawn(page: Page, compared: str) -> None:
    open_comparison(page, compared)
    expect(page.get_by_text(re.compile("HRFormer-B takes 2.50 times as long as ?HRNet-W48"))).to_be_visible(
        timeout=30_000
    )
    expect(page.get_by_text(re.compile("HRFormer-B has 0.24 times"))).to_be_visible()
    main = page.locator('[data-testid="stMain"]')
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")


def test_the_records_come_out_as_csv_in_both_formats(page: Page, compared: str, tmp_path: Path) -> None:
    open_comparison(page, compared)
    with page.expect_download() as ours:
        page.get_by_role("button", name="2 records as CSV").click()
    ours.value.save_as(tmp_path / "ours.csv")
    with (tmp_path / "ours.csv").open("rb") as file:
        assert {record.model_name for record in read_csv(file)} == {"hrformer_base", "hrnet_w48"}
    with page.expect_download() as timm:
        page.get_by_role("button", name="2 records in timm's columns").click()
    timm.value.save_as(tmp_path / "timm.csv")
    with (tmp_path / "timm.csv").open(newline="") as file:
        assert {row["model"] for row in csv.DictReader(file)} == {"hrformer_base", "hrnet_w48"}


#: What is written in the charts: left, top, right and bottom of every name at a point, title and chart, in pixels.
_WRITTEN = """charts => charts.map(chart => {
    const box = element => (({left, top, right, bottom}) => [left, top, right, bottom])(element.getBoundingClientRect())
    const all = selector => [...chart.querySelectorAll(selector)].filter(e => e.textContent).map(box)
    return {names: all('.textpoint text'), titles: all('.gtitle'), beside: all('.annotation-text'), chart: box(chart)}
})"""
_SLACK_PX = 1.5


@pytest.mark.parametrize("width", [1024, 1280, 1440])
def test_names_titles_and_columns_fit(browser: Browser, untouched: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 1200})
    open_comparison(page, untouched)
    expect(page.get_by_text("Reference run")).to_be_visible()
    named = 0
    for section in ("Latency", "Batch size", "Accuracy", "Work and peak", "Roofline"):
        if section != "Latency":  # which it opens with
            page.locator(".st-key-comparison_section").get_by_text(section, exact=True).click()
            expect(page).to_have_url(re.compile(f"comparison_section={section.partition(' ')[0]}"))
        settle(page)
        page.locator(".js-plotly-plot .gtitle").first.wait_for()
        for chart in page.locator(".js-plotly-plot").evaluate_all(_WRITTEN):
            left, _, right, _ = chart["chart"]
            for box in (*chart["names"], *chart["titles"], *chart["beside"]):
                assert left <= box[0]
                assert box[2] <= right + _SLACK_PX, (section, box, chart["chart"])
            for first, second in itertools.combinations(chart["names"], 2):
                assert not _cover(first, second), (section, first, second)
            named += len(chart["names"])
    assert named >= 24  # they are not just left out
    if width > 1024:
        scrolled = page.locator('[data-testid="stDataFrame"] .dvn-scroller').first
        assert scrolled.evaluate("element => element.scrollWidth <= element.clientWidth")
    main = page.locator('[data-testid="stMain"]')
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")
    page.close()


def _cover(first: list[float], second: list[float]) -> bool:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return width > _SLACK_PX and height > _SLACK_PX * 2  # a line's box is higher than its letters
