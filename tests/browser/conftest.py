"""A real server and a real Chromium; without Chromium the browser tests are skipped with a reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.driver import CHROMIUM_FLAGS, find_chromium
from tests.browser.serving import running_app

#: On a busy machine a page takes its time; what never comes costs this once.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return {"executable_path": chromium, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    return {"viewport": {"width": 1440, "height": 900}}


@pytest.fixture(scope="session")
def server(browser: Browser) -> Iterator[str]:
    """The address of a running app; started only where there is a browser to look at it."""
    with running_app() as address:
        yield address


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in Path(item.fspath).parts:
            item.add_marker(pytest.mark.browser)
