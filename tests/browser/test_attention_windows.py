"""Clicking a position on the picture: only a browser shows that the click arrives."""

import re
from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from tests.browser.driver import click_chart, go_to, open_page, settle, slider
from tests.pages.entrypoint import SMALL


def test_a_click_on_the_picture_shows_the_window_of_that_position(page: Page, server: str) -> None:
    open_page(page, server)
    query = urlencode(SMALL | {"branch": "1/8", "row": "0", "column": "0"})
    open_page(page, f"{server}/attention_windows?{query}")
    expect(
        page.get_by_text(re.compile("Row 0, column 0 of the 1/8 branch looks at window 1, 1 of 2 x 2"))
    ).to_be_visible()
    plot = page.locator(".st-key-chart_clickable_picture .nsewdrag").first.bounding_box()
    assert plot is not None
    # The padded map is 14 x 14 tokens: column 9, row 8 of it is column 6, row 5 of the 8 x 8 map, 3 being padding.
    x, y = plot["x"] + plot["width"] * 9.5 / 14, plot["y"] + plot["height"] * 8.5 / 14
    click_chart(page, x, y)
    clicked = page.get_by_text(re.compile("Row 5, column 6 of the 1/8 branch looks at window 2, 2 of 2 x 2"))
    expect(clicked).to_be_visible(timeout=30_000)
    expect(page).to_have_url(re.compile("row=5.*column=6|column=6.*row=5"))


def test_a_module_chosen_on_another_page_stays_chosen(page: Page, server: str) -> None:
    open_page(page, f"{server}/feature_maps?network=variant&channels=8,16,32,64&num_modules=1,1,3,2")
    go_to(page, "See", "Attention windows")
    row = slider(page, "row")
    row.focus()
    row.press("ArrowRight")
    expect(page).to_have_url(re.compile("row=29"))
    settle(page)
    expect(page).to_have_url(re.compile("module=2"))
    expect(slider(page, "module")).to_have_value("2")


def test_a_slider_whose_range_changes_shows_what_the_page_shows(page: Page, server: str) -> None:
    """HRFormer-T has two modules in stage 4 and three in stage 3."""
    open_page(page, server)  # of a new server's first page a deep link is not found at once
    open_page(page, f"{server}/feature_maps?preset=tiny&img_size=64,64&network=variant")
    assert slider(page, "module").input_value() == "2"
    page.locator(".st-key-stage").get_by_text("3", exact=True).click()
    expect(page).to_have_url(re.compile("stage=3"))
    settle(page)
    expect(page).to_have_url(re.compile("module=2"))
    expect(slider(page, "module")).to_have_value("2")
