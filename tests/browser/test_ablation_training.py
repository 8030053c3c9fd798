"""The section "Train it" in a real browser: the run that comes with the explorer, its curves and its sentence."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.driver import open_page, settle
from tests.browser.serving import running_server

pytestmark = pytest.mark.browser


def test_the_page_opens_with_the_gain_and_the_pictures_and_goes_on_with_curves(page: Page, server: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    open_page(page, server)
    open_page(page, f"{server}/ablation")
    settle(page)
    expect(page.locator('[data-testid="stMetricValue"]')).to_have_text("+0.077")
    row = page.locator(".st-key-chart_ablation_predictions")
    box = row.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900
    expect(row.locator(".imagelayer image")).to_have_count(4)  # what is there, with, without, control
    expect(row.locator(".hm image, .heatmaplayer image")).to_have_count(4)
    expect(page.get_by_text("at equal steps (600)").first).to_be_visible()
    expect(page.locator('[data-testid="stPlotlyChart"]')).to_have_count(4)
    expect(page.locator(".st-key-start_training button").first).to_be_enabled()


@pytest.fixture
def own_server(browser: Browser, tmp_path: Path) -> Iterator[str]:
    """One whose store and checkpoints no other test sees."""
    with running_server({"HRFORMER_RESULTS_URL": f"sqlite:///{tmp_path / 'records.sqlite'}"}) as (address, _):
        yield address


def test_the_shipped_result_stays_while_a_training_is_under_way_and_after_stop(page: Page, own_server: str) -> None:
    open_page(page, own_server)
    open_page(page, f"{own_server}/ablation?ablation_view=Train+it")
    page.locator(".st-key-start_training button").first.click()
    stop = page.locator(".st-key-stop_training button")
    expect(stop).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Shown until every network of one seed is trained here")).to_be_visible(timeout=60_000)
    expect(page.locator('[data-testid="stMetricValue"]')).to_have_text("+0.077")
    expect(page.locator(".st-key-chart_ablation_predictions")).to_be_visible()
    stop.click()
    expect(page.get_by_text(re.compile(r"Stopped after \d+ of 5,400 steps\."))).to_be_visible(timeout=60_000)
    expect(page.locator('[data-testid="stMetricValue"]')).to_have_text("+0.077")
    expect(page.locator(".st-key-chart_ablation_predictions")).to_be_visible()
