"""Pages run inside the test process, which holds what all tests before them left; a server starts without that."""

import pytest

from explorer.processes.memory import rss_mib
from explorer.reading.uploads import plan_values_from_upload
from explorer.sharing.memory_budget import DEFAULT_MIB, memory_budget


@pytest.fixture(autouse=True, scope="session")
def _reader_is_there() -> None:
    """Else the first upload of all would take seconds, with a bar in place of what it gives."""
    plan_values_from_upload(b"{}")


@pytest.fixture(autouse=True)
def _budget_of_a_fresh_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_budget(), "budget_mib", rss_mib() + DEFAULT_MIB)


@pytest.fixture(autouse=True)
def _no_browser_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.ui.panels.NUMBERS_FIRST_S", 0.0)
