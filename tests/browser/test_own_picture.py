"""A picture of one's own in a real browser: over reloads and tabs, and not in another browser."""

import io
import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.driver import open_page, settle


def upload(page: Page, folder: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), "purple").save(buffer, "PNG")
    (folder / "purple.png").write_bytes(buffer.getvalue())
    page.locator(".st-key-picture_file input[type=file]").set_input_files(folder / "purple.png")
    expect(page.get_by_text("purple.png at 64x64 pixels")).to_be_visible(timeout=30_000)
    settle(page)


def test_it_outlives_a_reload_and_is_offered_in_another_tab(page: Page, server: str, tmp_path: Path) -> None:
    open_page(page, server)
    open_page(page, f"{server}/feature_maps?img_size=64,64")
    upload(page, tmp_path)
    expect(page).to_have_url(re.compile("picture=own"), timeout=30_000)
    for _ in range(2):  # each load has another mask
        page.reload()
        expect(page.get_by_text("purple.png at 64x64 pixels")).to_be_visible(timeout=60_000)
    settle(page)
    assert "picture=own" in page.url
    tab = page.context.new_page()
    open_page(tab, page.url)
    expect(tab.get_by_text("purple.png at 64x64 pixels")).to_be_visible(timeout=30_000)


def test_its_frame_is_shown_chosen_and_kept(page: Page, server: str, tmp_path: Path) -> None:
    open_page(page, server)
    open_page(page, f"{server}/feature_maps?img_size=64,64")
    upload(page, tmp_path)
    expect(page.get_by_alt_text("purple.png, with a frame around what the network sees")).to_be_visible()
    page.locator(".st-key-frame").get_by_text("Fit whole").click()
    expect(page).to_have_url(re.compile("frame=fit"), timeout=30_000)
    settle(page)
    page.reload()
    fit = page.locator(".st-key-frame").get_by_role("radio", name="Fit whole")
    expect(fit).to_have_attribute("aria-checked", "true", timeout=60_000)


def test_another_browser_is_told_that_it_has_no_such_picture(
    page: Page, browser: Browser, server: str, tmp_path: Path
) -> None:
    open_page(page, server)
    open_page(page, f"{server}/feature_maps?img_size=64,64")
    upload(page, tmp_path)
    expect(page).to_have_url(re.compile("picture=own"), timeout=30_000)
    another = browser.new_context()
    elsewhere = another.new_page()
    open_page(elsewhere, page.url)
    expect(elsewhere.get_by_text("Left out of the link: a picture of one's own")).to_be_visible(timeout=30_000)
    expect(elsewhere.get_by_text("purple.png")).to_have_count(0)
    another.close()
