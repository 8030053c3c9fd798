"""What only a browser shows of the Paper claims page: a deep link, the switch in it, the file, the measurement."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect

from explorer.claims.catalogue import CLAIMS
from tests.browser.driver import open_page, settle


def open_claims(page: Page, server: str, query: str) -> None:
    open_page(page, server)  # a fresh server's very first session knows no other page
    page.goto(f"{server}/claims?{query}")
    page.wait_for_selector('[data-testid="stMetricValue"]', timeout=180_000)
    settle(page, 120)


def test_a_link_opens_a_claim_and_its_table_comes_out_as_a_file(page: Page, server: str, tmp_path: Path) -> None:
    open_claims(page, server, "claim=pose-flops-hrnet&convention=HRNet%27s+count")
    expect(page.get_by_text("Both pose networks' forward pass at 384x288")).to_be_visible()
    expect(page.get_by_text("Ours: 18 % fewer G (HRNet)")).to_be_visible()
    expect(page.get_by_text("claims are reproduced; 4 differ")).to_be_visible()
    expect(page.get_by_text("figures lie within the tolerance")).to_be_visible()
    main = page.locator('[data-testid="stMain"]')
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")
    with page.expect_download() as download:
        page.get_by_role("button", name="claims as CSV").click()
    download.value.save_as(tmp_path / "claims.csv")
    assert list(pd.read_csv(tmp_path / "claims.csv")["key"]) == [claim.key for claim in CLAIMS]


def test_the_growth_of_attention_is_measured_on_request(page: Page, server: str) -> None:
    open_claims(page, server, "claim=scaling-global-time")
    expect(page.get_by_text("nothing of your own yet")).to_be_visible()
    page.get_by_role("button", name="Measure the growth").click()
    expect(page.get_by_text("Measured on this machine")).to_be_visible(timeout=180_000)
    settle(page, 120)
    expect(page.get_by_text("nothing of your own yet")).not_to_be_visible()
