"""The guided tour in Chromium: five steps, and links that open the fitting page with the fitting variant."""

import re

from playwright.sync_api import Page, expect

from tests.browser.driver import go_to, metric, open_page, settle


def test_the_tour_is_walked_and_ends_on_the_fitting_page(page: Page, server: str) -> None:
    open_page(page, server)
    go_to(page, "See", "Guided tour")
    for number in range(1, 6):
        expect(page.get_by_role("heading", name=re.compile(f"^{number} of 5"))).to_be_visible(timeout=30_000)
        settle(page)
        expect(page.locator('[data-testid="stPlotlyChart"]')).to_have_count(1)
        if number > 1:
            expect(page).to_have_url(re.compile(f"step={number}"))
        if number < 5:
            page.get_by_role("button", name="Next").click()
    page.get_by_text("segmentation", exact=True).click()
    page.get_by_role("link", name="Open HRFormer-T for segmentation").click()
    expect(page.get_by_role("heading", name="HRFormer-T · segmentation · 512x512 px")).to_be_visible(timeout=30_000)
    expect(page).to_have_url(re.compile("task=segmentation"))


def test_a_link_to_a_step_reopens_it_and_leads_to_the_leak_test(page: Page, server: str) -> None:
    open_page(page, server)
    open_page(page, f"{server}/tour?step=3")
    expect(page.get_by_role("heading", name=re.compile("^3 of 5"))).to_be_visible()
    page.get_by_role("link", name="See the same windows in Receptive field").click()
    expect(page.get_by_text("DW conv off")).to_be_visible(timeout=30_000)
    expect(page).to_have_url(re.compile("/receptive_field.*dw_conv=false"))
    expect(page.get_by_text(re.compile("A change in one window"))).to_be_visible(timeout=60_000)


def test_larger_windows_arrive_in_architecture(page: Page, server: str) -> None:
    open_page(page, server)
    before = metric(page, "MACs").inner_text()
    open_page(page, f"{server}/tour?step=2")
    page.get_by_role("slider").press("End")
    page.get_by_role("link", name="See what 21x21 windows cost").click(timeout=30_000)
    expect(page).to_have_url(re.compile("window_sizes=21"), timeout=30_000)
    expect(metric(page, "MACs")).not_to_have_text(before, timeout=30_000)


def test_no_step_scrolls_sideways(page: Page, server: str) -> None:
    page.set_viewport_size({"width": 1024, "height": 900})
    open_page(page, server)
    for step in range(1, 6):
        open_page(page, f"{server}/tour?step={step}")
        main = page.locator('[data-testid="stMain"]')
        assert main.evaluate("element => element.scrollWidth <= element.clientWidth"), step
