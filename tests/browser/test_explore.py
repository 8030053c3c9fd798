"""What only a browser shows: sliders, deep links, uploads, themes, and that nothing is fetched from elsewhere."""

import io
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.driver import metric, open_page, settle


def test_a_slider_changes_numbers_and_address(page: Page, server: str) -> None:
    open_page(page, server)
    expect(metric(page, "MACs")).to_have_text("1.71 G")
    page.locator(".st-key-num_modules-2").get_by_test_id("stNumberInputStepUp").click()
    expect(metric(page, "MACs")).to_have_text("1.81 G")
    expect(page).to_have_url(re.compile(r"num_modules=1(,|%2C)1(,|%2C)4(,|%2C)2"))


def test_a_deep_link_reopens_the_variant(page: Page, server: str) -> None:
    open_page(page, f"{server}/?preset=small&task=pose&dw_conv=false")
    expect(page.get_by_role("heading", name=re.compile("HRFormer-S, changed · pose · 256x192"))).to_be_visible()


def test_a_deep_link_opens_the_feature_maps_of_its_variant(page: Page, server: str) -> None:
    open_page(page, server)
    open_page(page, f"{server}/feature_maps?preset=tiny&img_size=64,96&stage=3")
    expect(page.get_by_role("heading", name=re.compile("Feature maps"))).to_be_visible()
    expect(page.get_by_text("at 64x96 pixels")).to_be_visible()
    expect(page.locator('[data-testid="stPlotlyChart"]')).to_have_count(2)


def test_an_edited_link_shows_a_sentence_and_no_trace(page: Page, server: str) -> None:
    open_page(page, f"{server}/?preset=tiny&window_sizes=0,7,7,7")
    expect(page.get_by_text(re.compile("K · window, 1/4 branch = 0 is outside 1 to 128"))).to_be_visible()
    expect(metric(page, "MACs")).to_have_text("1.71 G")
    assert page.get_by_text("Traceback").count() == 0


def test_a_variant_file_is_opened(page: Page, server: str, tmp_path: Path) -> None:
    from hrformer import preset

    (tmp_path / "base.json").write_text(preset("base", img_size=(128, 128)).to_json())
    open_page(page, server)
    page.locator(".st-key-variant_json input[type=file]").set_input_files(tmp_path / "base.json")
    expect(page.get_by_role("heading", name=re.compile("HRFormer-B"))).to_be_visible(timeout=30_000)


def test_nothing_is_fetched_from_elsewhere(page: Page, server: str) -> None:
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url) if is_elsewhere(request.url) else None)
    open_page(page, server)
    open_page(page, f"{server}/feature_maps?img_size=64,64")
    assert elsewhere == []


def is_elsewhere(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme.startswith("http") and parts.hostname not in ("localhost", "127.0.0.1")


@pytest.mark.parametrize("width", [1024, 1440])
def test_nothing_scrolls_sideways(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, server)
    main = page.locator('[data-testid="stMain"]')
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")


def test_the_first_look_fits_the_screen(page: Page, server: str, tmp_path: Path) -> None:
    open_page(page, server)
    settle(page)
    screenshot = page.screenshot(path=tmp_path / "architecture.png")
    assert Image.open(io.BytesIO(screenshot)).size == (1440, 900)
    diagram = page.locator('[data-testid="stPlotlyChart"]').first.bounding_box()
    assert diagram is not None
    assert diagram["y"] + diagram["height"] < 900
