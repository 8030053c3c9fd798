"""What every test starts from, and which tests one worker of pytest-xdist runs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

#: Folders whose tests share a browser, a server or the machine's whole attention: one worker runs them all.
ONE_WORKER = ("browser", "load")

# Tests run many small forwards, which two threads on a busy machine only slow down.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _main_module_put_back() -> Iterator[None]:
    """AppTest leaves the app as `__main__`, which every child process that is started later would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a file stay together, for what its fixtures share."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        group = "one worker" if folder in ONE_WORKER or item.get_closest_marker("gpu") else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
