"""Commands say where records are kept, unless the user has said it."""

from pathlib import Path

import pytest

from explorer import places
from explorer.command_line import main


@pytest.fixture
def data(monkeypatch, tmp_path):
    """A folder that stands for the default store's."""
    monkeypatch.delenv("HRFORMER_RESULTS_URL", raising=False)
    folder = tmp_path / "results"
    for module in ("explorer.places", "explorer.command_line.own_store"):
        monkeypatch.setattr(f"{module}.default_store", lambda: folder / "benchmarks.sqlite")
    return folder


def test_the_default_store_is_told_and_made(data: Path, capsys) -> None:
    assert main(["list"]) == 2  # there is no record yet
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"Records are kept in {data / 'benchmarks.sqlite'}."
    assert told[1].startswith(f"The store {data / 'benchmarks.sqlite'} is empty")
    assert (data / "benchmarks.sqlite").exists()


def test_a_store_that_the_user_named_is_not_told(data: Path, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv(places.URL_VARIABLE, f"sqlite:///{tmp_path / 'mine.sqlite'}")
    assert main(["list"]) == 2
    assert "Records are kept" not in capsys.readouterr().err
    assert not data.exists()


def test_a_fault_of_our_own_is_not_taken_for_a_missing_library(monkeypatch) -> None:
    def broken(*_: object) -> int:
        raise ModuleNotFoundError("No module named 'explorer.no_such_module'", name="explorer.no_such_module")

    monkeypatch.setattr("explorer.command_line._run", broken)
    with pytest.raises(ModuleNotFoundError):
        main(["list"])
