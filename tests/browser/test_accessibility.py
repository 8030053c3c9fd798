"""axe-core on every page in both themes: nothing but what Streamlit itself does, which is listed here with reasons."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

from tests.browser.driver import open_page, settle
from tests.browser.serving import ROOT
from tests.wcag import contrast, over

THEMES = ("light", "dark")
#: Addresses of all pages; the first page has the root.
PAGES = sorted({script.stem for script in ROOT.glob("pages/*/*.py")} - {"architecture"} | {""})
#: What the sidebar shows only where it was chosen.
CHOSEN = ("feature_maps?published_weights=hrformer_small_coco_256x192",)
ENOUGH = 4.5


@dataclass(frozen=True)
class Known:
    """What axe finds in an element that Streamlit makes, whatever an app gives it.

    Attributes:
        rule: axe's name of the rule.
        selector: What the element is or lies in.
        reason: Why the app cannot help it.
        theme: The theme in which alone it is found; None for both.
    """

    rule: str
    selector: str
    reason: str
    theme: str | None = None


KNOWN = (
    Known(
        "presentation-role-conflict",
        '[data-testid="stFileUploaderDropzone"]',
        "Streamlit's drop zone has the role of a mere picture and a label; the button in it is what is used.",
    ),
    Known(
        "color-contrast",
        '[data-testid="stMultiSelect"] [data-tag-index], [data-testid="stMultiSelect"] span[title]',
        "Streamlit writes what is chosen from a list in white on the primary colour, and the chosen segment in the "
        "primary colour on a tint of itself: on a dark page no colour has the contrast for both (tested below).",
        theme="dark",
    ),
)
_RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap(
    rule => rule.nodes.map(node => ({
        rule: rule.id, target: node.target.join(" "), html: node.html.slice(0, 200),
        message: [...node.any, ...node.all, ...node.none].map(check => check.message).join("; "),
    }))
)"""
_LIES_IN = "([target, selector]) => document.querySelector(target)?.closest(selector) != null"


@pytest.fixture(scope="module")
def tab(browser: Browser, server: str) -> Iterator[Page]:
    """One tab for all pages."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    open_page(page, server)  # a fresh server's very first session knows no other page
    yield page
    context.close()


@pytest.mark.parametrize("path", [*PAGES, *CHOSEN], ids=lambda path: path or "architecture")
def test_a_page_breaks_no_rule_that_it_could_keep(tab: Page, server: str, path: str) -> None:
    tab.goto(f"{server}/{path}")
    tab.wait_for_selector('[data-testid="stMainBlockContainer"] :is(h1, h2, h3)')
    settle(tab, 180)
    tab.evaluate(AXE_SCRIPT)
    found = []
    for theme in THEMES:
        tab.emulate_media(color_scheme=theme)
        tab.wait_for_function(f"getComputedStyle(document.querySelector('.stApp')).colorScheme == '{theme}'")
        settle(tab)
        found += [(theme, violation) for violation in tab.evaluate(_RUN) if not is_known(tab, violation, theme)]
    assert not found, "\n".join(f"{theme}: {violation}" for theme, violation in found)


def is_known(page: Page, violation: dict[str, Any], theme: str) -> bool:
    return any(
        violation["rule"] == known.rule
        and known.theme in (None, theme)
        and page.evaluate(_LIES_IN, [violation["target"], known.selector])
        for known in KNOWN
    )


def theme_colour(theme: str, name: str) -> tuple[int, int, int]:
    config = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    value = config["theme"][theme][name].removeprefix("#")
    red, green, blue = bytes.fromhex(value)
    return red, green, blue


#: Streamlit's own grounds of page and sidebar, which .streamlit/config.toml leaves as they are.
GROUNDS = {"light": ((255, 255, 255), (248, 248, 247)), "dark": ((23, 22, 20), (33, 32, 29))}
#: Opacity of the primary colour behind a chosen segment.
TINT = 0.1
CAPTION_OPACITY = 0.6


@pytest.mark.parametrize("theme", THEMES)
def test_what_is_chosen_reads_on_page_and_sidebar(theme: str) -> None:
    primary = theme_colour(theme, "primaryColor")
    for ground in GROUNDS[theme]:
        assert contrast(primary, ground) >= ENOUGH
        assert contrast(primary, over(primary, ground, TINT)) >= ENOUGH


def test_captions_and_white_on_the_primary_colour_read_on_light() -> None:
    assert contrast((255, 255, 255), theme_colour("light", "primaryColor")) >= ENOUGH
    for ground in GROUNDS["light"]:
        text = theme_colour("light", "textColor")
        assert contrast(over(text, ground, CAPTION_OPACITY), ground) >= ENOUGH


def test_on_dark_no_primary_colour_reads_under_white_and_on_its_own_tint() -> None:
    steps = np.arange(0, 256, 3)
    colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    page = GROUNDS["dark"][0]
    both = np.minimum(contrast(colours, (255, 255, 255)), contrast(colours, over(colours, page, TINT)))
    assert both.max() < ENOUGH
    icons = 3  # what graphics need, such as the tick of a box
    assert contrast(theme_colour("dark", "primaryColor"), (255, 255, 255)) >= icons


#: What Streamlit and Plotly move, whatever the reader prefers; all of it fades or turns in its place.
MOVED_BY_OTHERS = (
    '[data-testid="stStatusWidget"], [data-testid="stSkeleton"], [data-testid="stSpinner"], [data-testid="stProgress"]',
    '[data-testid="stElementContainer"], [data-testid="stLayoutWrapper"]',  # faded while they are stale
    '[data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stToolbar"]',
    "button, input, label, [role=slider], [role=radio], [role=checkbox], a",  # colours under the pointer
)
_WATCH = """() => {
    window.moved = new Set();
    const look = () => {
        for (const animation of document.getAnimations()) window.moved.add(animation.effect.target);
        requestAnimationFrame(look);
    };
    look();
}"""
_MOVED = """selector => [...window.moved]
    .filter(element => element.isConnected && (!element.closest(selector) || element.closest('.js-plotly-plot')))
    .map(element => element.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("path", ["", "attention_windows", "tour?step=2"], ids=["architecture", "attention", "tour"])
def test_nothing_of_the_app_moves_for_readers_who_prefer_it_so(browser: Browser, server: str, path: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    open_page(page, server)
    page.goto(f"{server}/{path}")
    page.wait_for_selector(".js-plotly-plot .main-svg", state="attached", timeout=120_000)
    settle(page)
    page.evaluate(_WATCH)
    handle = page.get_by_role("slider").first
    handle.focus()
    for _ in range(3):
        handle.press("ArrowRight")
        page.wait_for_timeout(300)
    settle(page)
    assert page.evaluate(_MOVED, ", ".join(MOVED_BY_OTHERS)) == []
    context.close()
