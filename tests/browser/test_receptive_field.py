"""The Receptive field page in Chromium: a click chooses a position, long work can be stopped."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import click_chart, open_page
from tests.pages.entrypoint import SMALL

LINK = urlencode(SMALL)


def test_a_click_on_the_picture_chooses_the_position(page: Page, server: str) -> None:
    open_page(page, server)
    open_page(page, f"{server}/receptive_field?{LINK}&field_branch=1/8")  # 8 x 8 positions
    expect(page.get_by_text("row 4, column 4")).to_be_visible()
    picture = page.locator(".st-key-chart_clickable_picture .nsewdrag").first.bounding_box()
    assert picture is not None
    for row, column in ((1, 6), (5, 2)):
        # Position i of the 1/8 branch lies on pixel 8 i of 64, an eighth of the picture after the one before.
        x, y = picture["x"] + picture["width"] * (column + 0.1) / 8, picture["y"] + picture["height"] * (row + 0.1) / 8
        click_chart(page, x, y)
        expect(page.get_by_text(f"row {row}, column {column}.")).to_be_visible(timeout=30_000)
    expect(page).to_have_url(re.compile("row=5"))


def test_the_effective_field_can_be_stopped_and_started_again(page: Page, server: str) -> None:
    open_page(page, server)
    page.goto(f"{server}/receptive_field?preset=small&field_stage=4&field_section=Effective+field&pictures=8")
    page.locator(".st-key-stop_effective_field button").click(timeout=60_000)  # not the toolbar's own Stop
    expect(page.get_by_text(re.compile("was stopped"))).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Compute")).to_be_visible()


@pytest.mark.parametrize("width", [1024, 1440])
def test_the_answer_is_on_the_first_screen_and_nothing_scrolls_sideways(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, server)
    open_page(page, f"{server}/receptive_field?{LINK}")
    main = page.locator('[data-testid="stMain"]')
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")
    chart = page.locator('[data-testid="stPlotlyChart"]').first.bounding_box()
    assert chart is not None
    assert chart["y"] + chart["height"] < 900
