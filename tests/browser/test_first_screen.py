"""The first screen at five sizes: everything that builds a variant is visible at once, and nothing overlaps."""

from collections.abc import Iterator
from itertools import combinations

import pytest
from playwright.sync_api import Locator, Page

from tests.browser.driver import open_page

LAPTOPS = [(1440, 900), (1280, 720)]
OTHERS = [(1920, 1080), (1024, 768), (390, 844)]
KNOBS = [
    *(f"{letter}, stage {stage}" for letter in ("M · modules", "B · blocks") for stage in range(1, 5)),
    "C · channels, 1/4 branch, doubled at each lower one",
    "H · heads, 1/4 branch, doubled at each lower one",
    "R · MLP ratio, all branches",
    "K · window, all branches",
]
_SIDEBAR_IS_OPEN = """() => {
    const sidebar = document.querySelector('[data-testid="stSidebar"]');
    return sidebar.getBoundingClientRect().left >= 0 && !sidebar.getAnimations({subtree: true}).length;
}"""
Box = tuple[float, float, float, float]


def controls(page: Page) -> dict[str, Locator]:
    """What the first screen is for, by its name for a screen reader."""
    sidebar = page.locator('[data-testid="stSidebar"]')
    found = {name: sidebar.get_by_label(name, exact=True).first for name in KNOBS}
    found |= {letter: sidebar.locator(".st-key-preset").get_by_text(letter, exact=True) for letter in "TSB"}
    found["task"] = sidebar.locator(".st-key-task")
    found["DW conv"] = sidebar.locator(".st-key-dw_conv")
    found |= {name: sidebar.locator(f".st-key-{name} button:visible").first for name in ("undo", "redo")}
    return found


def boxes(locators: dict[str, Locator]) -> dict[str, Box]:
    """Left, top, right and bottom, in pixels of the window."""
    found = {}
    for name, locator in locators.items():
        box = locator.bounding_box()
        assert box is not None, f"{name} is not there"
        found[name] = (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
    return found


def overlap(one: Box, other: Box) -> bool:
    return min(one[2], other[2]) - max(one[0], other[0]) > 1 and min(one[3], other[3]) - max(one[1], other[1]) > 1


def overlapping(found: dict[str, Box]) -> Iterator[tuple[str, str]]:
    for (one, first), (other, second) in combinations(found.items(), 2):
        if overlap(first, second):
            yield one, other


@pytest.mark.parametrize(("width", "height"), LAPTOPS)
def test_all_knobs_numbers_and_the_diagram_are_visible_unscrolled(
    page: Page, server: str, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    open_page(page, server)
    found = boxes(controls(page))
    numbers = page.locator('[data-testid="stMetric"]')
    assert numbers.count() == 4
    found |= boxes({f"number {place}": numbers.nth(place) for place in range(4)})
    found |= boxes({"diagram": page.locator(".st-key-chart_architecture_diagram .main-svg").first})
    outside = {
        name: box for name, box in found.items() if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height
    }
    assert outside == {}
    assert list(overlapping(found)) == []
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize(("width", "height"), OTHERS)
def test_nothing_overlaps_or_scrolls_sideways(page: Page, server: str, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    open_page(page, server)
    main = page.locator('[data-testid="stMain"]')
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")
    kinds = ("stMetric", "stPlotlyChart", "stSelectbox", "stHeading", "stButton", "stPopover", "stSegmentedControl")
    parts = main.locator(", ".join(f'[data-testid="{kind}"]' for kind in kinds))
    shown = [parts.nth(place) for place in range(parts.count())]
    assert len(shown) > 8
    assert list(overlapping(boxes({f"part {place}": part for place, part in enumerate(shown)}))) == []


def test_on_a_phone_the_controls_open_over_the_page(page: Page, server: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, server)
    assert page.locator('[data-testid="stMetric"]').first.is_visible()
    page.locator('[data-testid="stExpandSidebarButton"]').click()
    page.wait_for_function(_SIDEBAR_IS_OPEN)
    found = boxes(controls(page))
    assert all(box[0] >= 0 and box[2] <= 390 for box in found.values()), found
    assert list(overlapping(found)) == []


def test_every_control_has_a_name_of_its_own_in_reading_order(page: Page, server: str) -> None:
    open_page(page, server)
    sidebar = page.locator('[data-testid="stSidebar"]')
    inputs = sidebar.locator('input:visible:not([type="file"]), [role="slider"]:visible, [role="switch"]:visible')
    names = inputs.evaluate_all(
        "all => all.map(one => one.getAttribute('aria-label') || one.labels?.[0]?.innerText || one.name)"
    )
    assert len(names) >= 16
    assert [name for name in names if not name or names.count(name) > 1] == []
    knobs = [name for name in names if name in KNOBS]
    assert knobs == KNOBS


PAGES = {
    "": "HRFormer-T",
    "tour": "Guided tour",
    "feature_maps": "Feature maps",
    "attention_windows": "Attention windows",
    "receptive_field": "Receptive field",
    "fusion": "Fusion",
    "attribution": "Attribution",
    "benchmark": "Benchmark",
    "comparison": "Comparison",
    "ablation": "Ablation",
    "time": "Where the time goes",
    "claims": "Paper claims",
}


def test_every_page_has_a_title_and_one_heading_of_the_first_rank(page: Page, server: str) -> None:
    open_page(page, server)
    for path, heading in PAGES.items():
        page.goto(f"{server}/{path}")
        page.locator("h1").first.wait_for(timeout=60_000)
        headings = page.locator("h1").all_inner_texts()
        assert len(headings) == 1, (path, headings)
        assert headings[0].startswith(heading)
        page.wait_for_function("document.title.endsWith(' · HRFormer Explorer')", timeout=30_000)
