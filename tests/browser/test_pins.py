"""Pinned variants by keyboard alone, over a reload, and in a fresh browser."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from explorer.ui.pins import Pin
from hrformer import preset
from tests.browser.driver import open_page, settle

MINE, OTHER = Pin("mine", preset("small")), Pin("other one", preset("tiny", window_sizes=(9, 9, 9, 9)))
QUERY = f"?pin={MINE.link}&pin={OTHER.link}&architecture_section=Variants&overlay={MINE.key}"


def menu(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=re.compile(rf"\b{re.escape(name)}$"))


def item(page: Page, label: str) -> Locator:
    return page.get_by_role("button", name=re.compile(rf"\b{re.escape(label)}$"))


def open_menu(page: Page, name: str) -> None:
    menu(page, name).first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label(f"Name of {name}", exact=True)).to_be_visible()


def test_pins_are_renamed_moved_and_removed_from_the_keyboard(page: Page, server: str) -> None:
    open_page(page, f"{server}/{QUERY}")
    open_menu(page, "mine")
    for label in ("Open mine", "Move mine up", "Move mine down", "Remove mine"):
        assert item(page, label).count() == 1, label
    name = page.get_by_label("Name of mine", exact=True)
    name.focus()
    name.fill("ours")
    page.keyboard.press("Enter")
    settle(page)
    expect(page).to_have_url(re.compile(r"pin=ours"))
    expect(page).to_have_url(re.compile(r"overlay=pin%3Aours"))
    open_menu(page, "other one")
    item(page, "Move other one up").focus()
    page.keyboard.press("Enter")
    settle(page)
    expect(page).to_have_url(re.compile(r"pin=other\+one.*pin=ours"))
    open_menu(page, "ours")
    item(page, "Remove ours").focus()
    page.keyboard.press("Enter")
    settle(page)
    expect(menu(page, "ours")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("ours"))


@pytest.mark.parametrize("again", ["reload", "fresh browser"])
def test_pins_and_what_is_laid_over_stay(page: Page, browser: Browser, server: str, again: str) -> None:
    open_page(page, f"{server}/{QUERY}")
    page.locator(".st-key-dw_conv input").press(" ")
    settle(page)
    expect(page).to_have_url(re.compile(r"dw_conv=false.*overlay=pin%3Amine"))
    if again == "reload":
        page.reload()
        later = page
    else:
        later = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        later.goto(page.url)
    later.wait_for_selector('[data-testid="stMetricValue"]', timeout=90_000)
    settle(later)
    expect(menu(later, "mine").first).to_be_visible()
    expect(menu(later, "other one").first).to_be_visible()
    expect(later.get_by_text("only in mine").first).to_be_visible()
    if later is not page:
        later.context.close()


@pytest.mark.parametrize("width", [1024, 1440])
def test_the_menus_of_eight_pins_wrap_and_nothing_scrolls_sideways(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    sizes = range(2, 10)
    many = [
        Pin(f"a rather long name of a variant, no. {size}", preset("tiny", window_sizes=(size,) * 4)) for size in sizes
    ]
    open_page(page, f"{server}/?{'&'.join(f'pin={pin.link}' for pin in many)}&architecture_section=Variants")
    main = page.locator('[data-testid="stMain"]')
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")
    boxes = [menu(page, pin.name).first.bounding_box() for pin in many]
    assert all(box is not None and box["x"] + box["width"] <= width for box in boxes)
