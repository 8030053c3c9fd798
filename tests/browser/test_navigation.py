"""Back, reload, two tabs and links: the state of a page is where its user left it."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.driver import go_to, open_page, settle, slider
from tests.browser.serving import running_app

LOOKING = "stage=3&module=2&branch=1/8&block=1&head=2&row=3&column=5"


def chosen(page: Page) -> dict[str, str]:
    """What the controls of Attention windows show."""
    segments = {key: page.locator(f'.st-key-{key} [aria-checked="true"]') for key in ("network", "stage", "branch")}
    found = {key: segment.first.inner_text() for key, segment in segments.items()}
    return found | {key: slider(page, key).input_value() for key in ("row", "column")}


def press(page: Page, key: str, times: int) -> None:
    handle = slider(page, key)
    handle.focus()
    for _ in range(times):
        handle.press("ArrowRight")
        page.wait_for_timeout(40)


def test_one_step_back_is_one_page_and_forward_returns_to_its_state(page: Page, server: str) -> None:
    open_page(page, server)
    go_to(page, "See", "Feature maps")
    go_to(page, "See", "Attention windows")
    press(page, "row", 3)
    press(page, "column", 2)
    page.locator(".st-key-stage").get_by_text("3", exact=True).click()
    expect(page).to_have_url(re.compile("stage=3"))
    settle(page)
    before = chosen(page)
    page.go_back()
    expect(page.get_by_role("heading", level=1, name="Feature maps")).to_be_visible(timeout=60_000)
    settle(page)
    assert "/feature_maps" in page.url
    page.go_forward()
    expect(page.get_by_role("heading", level=1, name="Attention windows")).to_be_visible(timeout=60_000)
    settle(page)
    assert chosen(page) == before


def test_a_reload_and_a_link_in_a_fresh_browser_open_the_same_state(page: Page, server: str, browser: Browser) -> None:
    open_page(page, f"{server}/attention_windows?network=variant&num_modules=1,1,3,2&{LOOKING}")
    press(page, "row", 2)
    expect(page).to_have_url(re.compile("row=5"))
    settle(page)
    before = chosen(page)
    assert (before["stage"], before["branch"], before["row"], before["column"]) == ("3", "1/8", "5", "5")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=60_000)
    settle(page)
    assert chosen(page) == before
    fresh = browser.new_context()
    other = fresh.new_page()
    open_page(other, page.url)
    assert chosen(other) == before
    fresh.close()


def test_two_tabs_do_not_disturb_each_other(page: Page, server: str) -> None:
    open_page(page, f"{server}/?preset=tiny")
    other = page.context.new_page()
    open_page(other, f"{server}/?preset=small")
    press(page, "window_sizes.all", 2)
    press(other, "window_sizes.all", 4)
    expect(page).to_have_url(re.compile("preset=tiny.*window_sizes=9"))
    expect(other).to_have_url(re.compile("preset=small.*window_sizes=11"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("HRFormer-T, changed")
    expect(other.get_by_role("heading", level=1)).to_contain_text("HRFormer-S, changed")


def test_a_link_with_an_illegal_value_keeps_its_rest_and_names_what_it_does_not_know(page: Page, server: str) -> None:
    open_page(page, f"{server}/?preset=small&window_sizes=0,7,7,7&dw_conv=false&colour=red")
    expect(page.get_by_role("heading", level=1)).to_contain_text("HRFormer-S, changed")
    expect(page.get_by_text(re.compile("Left out of the link: K · window, 1/4 branch = 0 is outside"))).to_be_visible()
    expect(page.get_by_text("The link's colour means nothing here and was left out.")).to_be_visible()
    assert page.locator(".st-key-dw_conv input").is_checked() is False


def test_the_first_tab_of_a_fresh_server_may_open_any_page_and_is_not_told_that_there_is_none(page: Page) -> None:
    with running_app() as fresh:
        open_page(page, f"{fresh}/claims")
        expect(page.get_by_role("dialog")).to_have_count(0)
        go_to(page, "See", "Fusion")


def test_a_page_that_there_is_none_of_is_named(page: Page, server: str) -> None:
    open_page(page, f"{server}/no_such_page")
    expect(page.get_by_role("dialog")).to_contain_text("Page not found")
    page.wait_for_timeout(3000)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("HRFormer-T")
