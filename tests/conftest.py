"""What every test starts from."""

import os
import sys
import tempfile
from collections.abc import Iterator

import pytest
import torch

# Neither wait for what else is measured on this machine, nor let it wait.
_LOCKS = tempfile.TemporaryDirectory(prefix="hrformer-locks-")
os.environ["HRFORMER_LOCK_FOLDER"] = _LOCKS.name

# Tests run many small forwards, which two threads on a busy machine only slow down.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _main_module_put_back() -> Iterator[None]:
    """AppTest leaves the app as `__main__`, which every child process that is started later would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def _no_counts_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests count stand-ins under real models' names."""
    monkeypatch.setattr("explorer.models.kept_counts.folder", lambda: None)


@pytest.fixture(autouse=True)
def _nothing_runs_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests of another process measure meanwhile is no neighbour of what these do."""
    monkeypatch.setattr("explorer.processes.neighbours.busy_groups", lambda own: ())
