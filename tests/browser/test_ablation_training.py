"""The section "Train it" in a real browser: the run that comes with the explorer, its curves and its sentence."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver import open_page, settle

pytestmark = pytest.mark.browser


def test_train_it_shows_curves_and_what_they_show(page: Page, server: str) -> None:
    open_page(page, server)
    open_page(page, f"{server}/ablation?ablation_view=Train+it")
    settle(page)
    expect(page.get_by_text("at equal steps (600)").first).to_be_visible()
    assert page.locator('[data-testid="stPlotlyChart"]').count() == 3
    expect(page.locator(".st-key-start_training button").first).to_be_enabled()
