"""The Attribution page in Chromium: a click chooses a pixel, a dragged box a region, and the keyboard does both."""

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import FloatRect, Page, expect

from tests.browser.driver import click_chart, comes_to, open_page

PICTURE_PX = 112


def map_of(page: Page) -> FloatRect:
    box = page.locator("[class*=st-key-chart_attribution] .nsewdrag").first.bounding_box()
    assert box is not None
    return box


def linked(page: Page, key: str) -> list[int]:
    """The numbers that the address says of a key."""
    return [int(number) for text in parse_qs(urlsplit(page.url).query).get(key, []) for number in text.split(",")]


def test_a_click_chooses_the_pixel_and_the_keyboard_too(page: Page, server: str) -> None:
    open_page(page, server)
    open_page(page, f"{server}/attribution?explained=pixel")
    expect(page.get_by_text("at the pixel in row 56, column 56")).to_be_visible()
    box = map_of(page)
    click_chart(page, box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.3)
    expect(page.get_by_text("at the pixel in row 56, column 56")).not_to_be_visible()
    comes_to(page, lambda: bool(linked(page, "pixel_row")))
    ((row,), (column,)) = linked(page, "pixel_row"), linked(page, "pixel_column")
    assert abs(row + 0.5 - 0.3 * PICTURE_PX) <= 2
    assert abs(column + 0.5 - 0.25 * PICTURE_PX) <= 2
    field = page.locator(".st-key-pixel_row input")
    field.fill("70")
    field.press("Enter")
    expect(page.get_by_text(re.compile(f"at the pixel in row 70, column {column}"))).to_be_visible()


def test_a_dragged_box_is_explained_and_the_keyboard_moves_its_sides(page: Page, server: str) -> None:
    open_page(page, server)
    open_page(page, f"{server}/attribution?explained=region")
    expect(page.get_by_text("over the 56 x 56 pixels from row 28, column 28")).to_be_visible()
    box = map_of(page)
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3, steps=5)
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.6, steps=5)
    page.mouse.up()
    comes_to(page, lambda: bool(linked(page, "region")))
    top, left, height, width = linked(page, "region")
    for found, share in ((top, 0.2), (left, 0.1), (height, 0.4), (width, 0.4)):
        assert abs(found - share * PICTURE_PX) <= 2
    place = f"pixels from row {top}, column {left}"
    expect(page.get_by_text(f"over the {height} x {width} {place}")).to_be_visible()
    field = page.locator(".st-key-region_width input")
    field.fill("30")
    field.press("Enter")
    expect(page.get_by_text(f"over the {height} x 30 {place}")).to_be_visible()
