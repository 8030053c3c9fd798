"""Enlarging one of several maps in Chromium, by the mouse and from the keyboard."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import click_chart, open_page, settle
from tests.pages.entrypoint import SMALL

LINK = urlencode(SMALL)
#: Of 64 pixels.
_IS_ZOOMED = "plot => { const [from, to] = plot._fullLayout.xaxis.range; return to - from < 40; }"
MAPS = pytest.mark.parametrize(
    ("address", "chart", "name"),
    [
        (f"feature_maps?{LINK}&network=variant&stage=3", "before_channel_mean", "1/8 branch"),
        (f"fusion?{LINK}&stage=3", "fusion_summands", "from the 1/8 branch"),
        ("tour?step=1", "tour_resolution", "1/8 branch"),
    ],
)


def open_maps(page: Page, server: str, address: str, chart: str) -> None:
    open_page(page, server)  # a fresh server's very first session knows no other page
    page.goto(f"{server}/{address}")
    page.locator(f".st-key-chart_{chart} .nsewdrag").nth(2).wait_for(timeout=120_000)
    settle(page, 180)


def expect_enlarged(page: Page, name: str, width: float) -> None:
    """A dialog with one map that is at least twice as wide; it closes with Escape."""
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(name, exact=True).first).to_be_visible(timeout=60_000)
    panel = dialog.locator(".nsewdrag")
    expect(panel).to_have_count(1)
    settle(page)
    box = panel.bounding_box()
    assert box is not None
    assert box["width"] >= 2 * width
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


@MAPS
def test_a_click_on_the_corner_of_a_map_enlarges_it_each_time(
    page: Page, server: str, address: str, chart: str, name: str
) -> None:
    open_maps(page, server, address, chart)
    for _ in range(2):
        panel = page.locator(f"[class*='st-key-chart_{chart}'] .nsewdrag").nth(2)
        box = panel.bounding_box()
        assert box is not None
        click_chart(page, box["x"] + box["width"] - 16, box["y"] + 16)
        expect_enlarged(page, name, box["width"])


@MAPS
def test_the_keyboard_enlarges_the_same_map(page: Page, server: str, address: str, chart: str, name: str) -> None:
    open_maps(page, server, address, chart)
    box = page.locator(f".st-key-chart_{chart} .nsewdrag").nth(2).bounding_box()
    assert box is not None
    for _ in range(2):
        page.locator(f".st-key-enlarge_{chart} button").focus()
        page.keyboard.press("Enter")
        page.wait_for_function("document.activeElement.closest('[role=menu]')")
        items = page.get_by_role("menuitem")
        for index in range(3):
            expect(items.nth(index)).to_have_attribute("data-focused", "true")
            page.keyboard.press("ArrowDown" if index < 2 else "Enter")
        expect_enlarged(page, name, box["width"])


def test_a_drag_in_one_map_zooms_all(page: Page, server: str) -> None:
    open_maps(page, server, f"feature_maps?{LINK}&network=variant&stage=3", "before_channel_mean")
    plot = page.locator(".st-key-chart_before_channel_mean .js-plotly-plot")
    box = page.locator(".st-key-chart_before_channel_mean .nsewdrag").nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 140, steps=5)
    page.mouse.up()
    page.wait_for_function(_IS_ZOOMED, arg=plot.element_handle())
    widths = plot.evaluate(
        "plot => ['xaxis', 'xaxis2', 'xaxis3', 'xaxis4'].map(axis => plot._fullLayout[axis].range)"
        ".map(range => range[1] - range[0])"
    )
    assert widths == pytest.approx([widths[0]] * 4)
