"""A checkpoint of one's own in a real browser: what was assumed of it is shown, and a hand decides otherwise."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.driver import open_page, settle
from tests.checkpoint_forms import write_mmpose
from tests.variants import tiny


def choice(page: Page, key: str, option: str) -> Locator:
    """One button of a choice of one of several."""
    return page.locator(f".st-key-{key}").get_by_role("radio", name=option, exact=True)


def test_what_was_assumed_is_switched_by_mouse_and_keyboard(page: Page, server: str, tmp_path: Path) -> None:
    write_mmpose(tmp_path / "mmpose.pth", tiny("pose", relative_position_bias=True, img_size=(64, 64)))
    open_page(page, f"{server}/feature_maps?img_size=64,64")
    page.locator(".st-key-checkpoint_file input[type=file]").set_input_files(tmp_path / "mmpose.pth")
    bias = ".st-key-assumed_relative_position_bias"
    expect(page.locator(bias)).to_contain_text("Relative position bias (assumed)")
    expect(choice(page, "assumed_relative_position_bias", "added")).to_have_attribute("aria-checked", "true")
    choice(page, "assumed_relative_position_bias", "left out").click()
    choice(page, "assumed_fusion_upsample", "Nearest").click()  # before the page has run for the first click
    expect(page.locator(bias)).to_contain_text("Relative position bias (chosen)")
    expect(page.locator(".st-key-assumed_fusion_upsample")).to_contain_text("(chosen)")
    settle(page)
    expect(choice(page, "assumed_relative_position_bias", "left out")).to_have_attribute("aria-checked", "true")
    expect(choice(page, "assumed_fusion_upsample", "Nearest")).to_have_attribute("aria-checked", "true")
    choice(page, "assumed_relative_position_bias", "added").focus()
    page.keyboard.press("Space")
    expect(choice(page, "assumed_relative_position_bias", "added")).to_have_attribute("aria-checked", "true")
    settle(page)
    expect(page.get_by_text("mmpose.pth").last).to_be_visible()
    assert page.get_by_test_id("stException").count() == 0
