"""What only a browser shows of charts: the size and contrast of their text, and what lies over what."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.driver import comes_to, open_page, settle
from tests.wcag import contrast, over

THEMES = ("light", "dark")
#: Pages that together show every kind of text: axes, legends, scales, notes, numbers in cells and beside bars.
PAGES = ("", "tour?step=2", "feature_maps", "attention_windows", "fusion", "comparison", "claims")
LEAST_PX = 11
LEAST_CONTRAST = 4.5
_TEXTS = """() => [...document.querySelectorAll('.js-plotly-plot svg text')].flatMap(text => {
    const box = text.getBoundingClientRect(), matrix = text.getScreenCTM();
    const chart = text.closest('[data-testid="stPlotlyChart"]').getBoundingClientRect();
    if (!box.width || !text.textContent.trim() || text.closest('.hoverlayer')) return [];
    const scale = Math.hypot(matrix.a, matrix.b), parts = text.querySelectorAll('tspan');
    const styles = [...(parts.length ? parts : [text])].map(part => getComputedStyle(part));
    return [{
        text: text.textContent, px: Math.min(...styles.map(style => parseFloat(style.fontSize))) * scale,
        inks: styles.map(style => style.fill.match(/[\\d.]+/g).map(Number)),
        opacity: styles[0].fillOpacity * styles[0].opacity,
        box: [box.left, box.top, box.right, box.bottom], chart: [chart.left, chart.top, chart.right, chart.bottom],
    }];
})"""


@pytest.fixture(scope="module")
def tab(browser: Browser, server: str) -> Iterator[Page]:
    """One tab, high enough for whole pages."""
    context = browser.new_context(viewport={"width": 1440, "height": 2400})
    page = context.new_page()
    open_page(page, server)  # a fresh server's very first session knows no other page
    yield page
    context.close()


def show(page: Page, address: str, theme: str = "light") -> None:
    page.emulate_media(color_scheme=theme)
    page.goto(address)
    page.wait_for_selector(".js-plotly-plot .main-svg", state="attached", timeout=120_000)
    settle(page, 180)


def ground_under(pixels: np.ndarray, box: list[float]) -> np.ndarray:
    """The colour of most of what lies under a text."""
    left, top, right, bottom = (round(edge) for edge in box)
    return np.median(pixels[top : bottom + 1, left : right + 1].reshape(-1, 3), 0)


def without_text(page: Page) -> np.ndarray:
    """The page's pixels, its charts' texts left out."""
    style = page.add_style_tag(content=".js-plotly-plot svg text { visibility: hidden !important }")
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    style.evaluate("element => element.remove()")
    return pixels


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path or "architecture")
def test_text_is_large_and_clear_and_within_its_chart(tab: Page, server: str, path: str) -> None:
    faults = []
    for theme in THEMES:
        show(tab, f"{server}/{path}", theme)
        faults += [f"{theme}: {fault}" for fault in faults_of(tab, LEAST_CONTRAST)]
    assert not faults, "\n".join(faults)


def test_text_reads_after_a_change_of_theme_and_is_clear_once_the_page_has_run(tab: Page, server: str) -> None:
    for before, after in (("light", "dark"), ("dark", "light")):
        show(tab, f"{server}/feature_maps", before)
        tab.emulate_media(color_scheme=after)
        tab.wait_for_function(f"getComputedStyle(document.querySelector('.stApp')).colorScheme == '{after}'")
        comes_to(tab, lambda: faults_of(tab, 3) == [])
        tab.get_by_text("One channel", exact=True).click()
        expect(tab).to_have_url(re.compile("view=One"))
        settle(tab)
        assert faults_of(tab, LEAST_CONTRAST) == []


def faults_of(page: Page, least: float) -> list[str]:
    """Texts of the page's charts that are cut or small, or have less contrast."""
    texts, pixels = page.evaluate(_TEXTS), without_text(page)
    assert texts
    return [fault for text in texts if (fault := fault_of(text, pixels, least))]


def fault_of(text: dict[str, Any], pixels: np.ndarray, least: float) -> str | None:
    left, top, right, bottom = text["box"]
    chart = text["chart"]
    if left < chart[0] - 1 or top < chart[1] - 1 or right > chart[2] + 1 or bottom > chart[3] + 1:
        return f"{text['text']!r} at {text['box']} leaves its chart {chart}"
    if text["px"] < LEAST_PX:
        return f"{text['text']!r} is {text['px']:.1f} pixels high"
    if bottom > len(pixels):  # below the screen
        return None
    ground = ground_under(pixels, text["box"])
    found = min(float(contrast(over(ink[:3], ground, text["opacity"]), ground)) for ink in text["inks"])
    return f"{text['text']!r} has {found:.2f}:1 on {ground}" if found < least else None


def edges(found: Locator) -> tuple[float, float]:
    """Left and right end of all elements together."""
    boxes = [box for box in (found.nth(index).bounding_box() for index in range(found.count())) if box]
    return min(box["x"] for box in boxes), max(box["x"] + box["width"] for box in boxes)


@pytest.mark.parametrize("width", [1024, 1440, 1920])
@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("feature_maps", "chart_before_channel_mean"),
        ("attention_windows", "chart_clickable_picture"),
        ("attention_windows", "chart_attention_heads"),
        ("receptive_field?field_section=Leak+test", "chart_leak"),
    ],
)
def test_a_colour_bar_is_as_long_as_its_maps(tab: Page, server: str, width: int, path: str, key: str) -> None:
    tab.set_viewport_size({"width": width, "height": 2400})
    show(tab, f"{server}/{path}")
    chart = tab.locator(f".st-key-{key}")
    chart.locator(".cbfills").wait_for(state="attached", timeout=120_000)
    settle(tab)
    assert edges(chart.locator(".cbfills")) == pytest.approx(edges(chart.locator(".nsewdrag")), abs=2)
    tab.set_viewport_size({"width": 1440, "height": 2400})


def test_maps_fill_the_width_of_the_page(tab: Page, server: str) -> None:
    show(tab, f"{server}/feature_maps")
    panels = tab.locator(".st-key-chart_before_channel_mean .nsewdrag")
    left, right = edges(panels)
    page = tab.locator(".st-key-chart_before_channel_mean").bounding_box()
    assert page is not None
    assert right - left >= 0.94 * page["width"]
    for index in range(5):
        panel = panels.nth(index).bounding_box()
        assert panel is not None
        assert panel["width"] >= 240


def test_the_buttons_of_a_chart_lie_on_neither_title_nor_picture(tab: Page, server: str) -> None:
    show(tab, f"{server}/attention_windows")
    chart = tab.locator(".st-key-chart_clickable_picture")
    chart.hover()
    buttons = chart.locator(".modebar-btn")
    expect(buttons.first).to_be_visible()
    left = min(box["x"] for box in (buttons.nth(index).bounding_box() for index in range(buttons.count())) if box)
    assert "click" in (chart.locator(".gtitle").text_content() or "")
    assert edges(chart.locator(".gtitle"))[1] <= left
    assert edges(chart.locator(".nsewdrag"))[1] <= left


def test_the_buttons_of_a_chart_can_be_used_from_the_keyboard(tab: Page, server: str) -> None:
    show(tab, f"{server}/attention_windows")
    chart = tab.locator(".st-key-chart_clickable_picture")
    tab.mouse.move(0, 0)
    bar = chart.locator(".modebar-group").first
    tab.wait_for_function("element => getComputedStyle(element).opacity == 0", arg=bar.element_handle())
    chart.get_by_role("button", name="Fullscreen").focus()
    tab.wait_for_function("element => getComputedStyle(element).opacity == 1", arg=bar.element_handle())
    with tab.expect_download() as download:
        chart.get_by_role("button", name="Download plot as a PNG").press("Enter")
    assert download.value.suggested_filename == "clickable_picture.png"
