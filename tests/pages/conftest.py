"""Pages run inside the test process, which holds what all tests before them left; a server starts without that."""

import pytest

from explorer.processes.memory import rss_mib
from explorer.sharing.memory_budget import DEFAULT_MIB, memory_budget
from explorer.ui import progress


@pytest.fixture(autouse=True)
def _budget_of_a_fresh_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_budget(), "budget_mib", rss_mib() + DEFAULT_MIB)


@pytest.fixture(autouse=True)
def _work_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run shows what its work finds, however busy the machine is; a test of work under way takes `work_runs_on`."""
    monkeypatch.setattr(progress, "GLANCE_S", 100.0)


@pytest.fixture
def work_runs_on(_work_is_waited_for: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that begins work shows its progress; the test says when the work ends."""
    monkeypatch.setattr(progress, "GLANCE_S", 0.0)


@pytest.fixture(autouse=True)
def _no_browser_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.ui.panels.NUMBERS_FIRST_S", 0.0)
