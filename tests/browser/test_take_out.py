"""Taking parts out in Chromium: by clicks in the diagram, from the keyboard, and back."""

from __future__ import annotations

from urllib.parse import parse_qs, urlparse

from playwright.sync_api import Page, expect

from tests.browser.driver import click_point, comes_to, open_page, settle


def open_section(page: Page, server: str, query: str = "") -> None:
    open_page(page, server)  # a fresh server's very first session knows no other page
    open_page(page, f"{server}/prediction?network=digits&prediction_section=Take+it+out{query}")
    page.locator("[class*='st-key-chart_parts'] .nsewdrag").wait_for(timeout=60_000)
    settle(page)


def click_part(page: Page, key: str) -> None:
    click_point(page, "parts", key)


def expect_without(page: Page, *parts: str) -> None:
    """The address tells what is taken out, and the list has as many."""
    comes_to(page, lambda: parse_qs(urlparse(page.url).query).get("without", []) == list(parts), 30)
    settle(page)
    expect(page.locator(".st-key-without [data-tag-index], .st-key-without [data-baseweb=tag]")).to_have_count(
        len(parts)
    )


def test_clicks_take_parts_out_and_put_them_back(page: Page, server: str) -> None:
    open_section(page, server)
    click_part(page, "branch:2")
    expect_without(page, "branch:2")
    expect(page.get_by_text("Without the 1/16 branch:")).to_be_visible()
    expect(page.get_by_text("test pictures mIoU goes from")).to_be_visible(timeout=60_000)
    click_part(page, "arrow:4.0.0.1")
    expect_without(page, "branch:2", "arrow:4.0.0.1")
    click_part(page, "branch:2")
    expect_without(page, "arrow:4.0.0.1")
    click_part(page, "arrow:4.0.0.1")  # where the click before was not: the chart is a new one each time
    expect_without(page)


def test_a_click_on_a_block_offers_what_is_inside(page: Page, server: str) -> None:
    open_section(page, server)
    click_part(page, "block:3.0.1.0")
    head = page.get_by_role("button", name="head 2", exact=True)
    head.click()
    expect_without(page, "head:3.0.1.0.1")
    page.get_by_role("button", name="whole block", exact=True).click()
    expect_without(page, "head:3.0.1.0.1", "block:3.0.1.0")
    page.reload()
    expect_without(page, "head:3.0.1.0.1", "block:3.0.1.0")
    page.get_by_role("button", name="Put all back").click()
    expect_without(page)


def test_the_keyboard_takes_out_and_puts_back(page: Page, server: str) -> None:
    open_section(page, server)
    field = page.locator(".st-key-without input")
    field.focus()
    page.keyboard.type("The 1/32")
    page.keyboard.press("Enter")
    expect_without(page, "branch:3")
    page.locator(".st-key-without input").focus()
    page.keyboard.press("Backspace")
    expect_without(page)
