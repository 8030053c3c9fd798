"""The Ablation page in Chromium: a switch is flipped and the table grows by what it takes out."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import open_page, settle
from tests.pages.entrypoint import SMALL

LINK = urlencode(SMALL)


@pytest.mark.parametrize("width", [1024, 1440])
def test_a_switch_adds_a_network_to_the_table_and_to_the_link(page: Page, server: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, server)
    open_page(page, f"{server}/ablation?ablation_view=Cost+and+reach&{LINK}")
    cells = page.locator('[data-testid="stDataFrame"]').first
    expect(cells).to_contain_text("without DW conv", timeout=60_000)
    page.locator(".st-key-ablation_switches input").click()
    page.get_by_role("option", name="Multi-scale fusion").click()
    page.keyboard.press("Escape")
    expect(cells).to_contain_text("without fusion", timeout=60_000)
    settle(page)
    expect(page).to_have_url(re.compile("fusion"))
    main = page.locator('[data-testid="stMain"]')
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")
    table = page.locator('[data-testid="stDataFrame"]').first.bounding_box()
    assert table is not None
    assert table["y"] + table["height"] < 900
