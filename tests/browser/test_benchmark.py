"""A benchmark as a person runs it: start, watch, read the result, download it, cancel another."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from explorer.benchmark.method import Method
from explorer.benchmark.plan import Plan
from explorer.models.variants import from_query
from explorer.places import URL_VARIABLE
from explorer.records.exchange import read_csv
from tests.browser.driver import open_page, settle
from tests.browser.serving import running_app
from tests.explorer.benchmark.examples import ENDLESS
from tests.pages.entrypoint import SMALL
from tests.pages.measure.runs import SHORT

_LONG_MS = 240_000


@pytest.fixture(scope="module")
def measuring_server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app with a store of its own."""
    store = tmp_path_factory.mktemp("results") / "records.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(URL_VARIABLE, f"sqlite:///{store}")
        with running_app() as address:
            yield address


def open_with_plan(page: Page, address: str, plan_file: Path, method: Method = SHORT) -> None:
    """Open the page with the small variant, and take all choices from a plan file."""
    from explorer.models.model_ref import variant

    open_page(page, address)
    page.goto(f"{address}/benchmark?{urlencode(SMALL)}")
    page.get_by_role("heading", name=re.compile("Benchmark")).wait_for(timeout=90_000)
    plan_file.write_text(Plan(models=(variant(from_query(SMALL)),), method=method).to_yaml())
    page.locator(".st-key-bench_plan_file input[type=file]").set_input_files(plan_file)
    expect(page.get_by_text("1 job, about")).to_be_visible(timeout=90_000)
    settle(page)


def test_a_small_benchmark_is_read_and_downloaded(page: Page, measuring_server: str, tmp_path: Path) -> None:
    open_with_plan(page, measuring_server, tmp_path / "plan.yaml")
    page.get_by_role("button", name="Run this plan").click()
    download_button = page.get_by_role("button", name="1 record as CSV")
    expect(download_button).to_be_visible(timeout=_LONG_MS)
    expect(page.get_by_role("figure", name="Median latency of each model")).to_be_visible(timeout=60_000)

    with page.expect_download() as download:
        download_button.click()
    (record,) = read_csv(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert record.status == "ok"
    assert record.samples_ms


def test_a_run_is_watched_found_again_after_a_reload_seen_by_a_second_user_and_cancelled(
    page: Page, browser: Browser, measuring_server: str, tmp_path: Path
) -> None:
    open_with_plan(page, measuring_server, tmp_path / "plan.yaml", ENDLESS)
    page.get_by_role("button", name="Run this plan").click()
    expect(page.get_by_text(re.compile("0 of 1 jobs done"))).to_be_visible(timeout=60_000)
    expect(page.get_by_role("cell", name=re.compile("building|measuring|warming up"))).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=60_000)
    second = browser.new_page()
    second.goto(f"{measuring_server}/benchmark")
    expect(second.get_by_text(re.compile(r"visitor \d+")).first).to_be_visible(timeout=90_000)
    second.close()
    expect(page).to_have_url(re.compile("run=[0-9a-f]{8}"))
    page.reload()
    page.get_by_role("button", name="Cancel").click(timeout=90_000)
    expect(page.get_by_text("1 job was cancelled.").first).to_be_visible(timeout=60_000)
    assert page.get_by_text("Traceback").count() == 0


@pytest.mark.parametrize(("path", "label"), [("benchmark", "Models"), ("time", "Model")])
def test_typing_a_part_of_a_name_offers_models_and_never_to_add_the_part(
    page: Page, measuring_server: str, path: str, label: str
) -> None:
    open_page(page, measuring_server)
    page.goto(f"{measuring_server}/{path}")
    field = page.get_by_role("combobox", name=label, exact=True)
    field.wait_for(timeout=90_000)
    settle(page)
    field.click()
    field.fill("deit_tiny")
    options = page.get_by_role("option")
    expect(options.filter(has_text="deit_tiny_distilled_patch16_224")).to_be_visible()
    assert all("deit_tiny" in text for text in options.all_inner_texts())
    assert page.get_by_text("Add:").count() == 0
    field.press("Enter")
    settle(page)
    expect(page.get_by_text("There is no model called")).to_have_count(0)
