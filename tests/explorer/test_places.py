"""Where files lie: in this checkout, in one that is the current folder, and away from any."""

from pathlib import Path

import platformdirs
import pytest

from explorer import places

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As if the code lay elsewhere than in a checkout; gives a new current folder."""
    monkeypatch.setattr(places, "CODE", tmp_path / "site-packages")
    monkeypatch.setattr(platformdirs, "user_data_path", lambda name, appauthor: tmp_path / "data" / name)
    monkeypatch.delenv("HRFORMER_RESULTS_URL", raising=False)
    current = tmp_path / "current"
    current.mkdir()
    monkeypatch.chdir(current)
    return current


def test_all_that_ships_is_there() -> None:
    assert places.FROM_CHECKOUT
    assert places.CODE == ROOT
    files = (places.APP, places.ICON, places.LOGO)
    folders = (places.DATA, places.PUBLISHED, places.REFERENCE)
    assert [path for path in files if not path.is_file()] == []
    assert [path for path in folders if not list(path.iterdir())] == []


def test_a_checkout_is_known_by_its_project(tmp_path: Path) -> None:
    files = {"other": b'name = "hrformer"\n', "broken": b"\xff", "mine": b'name = "hrformer-explorer"\n'}
    for name, content in files.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_bytes(content)
    assert [name for name in files if places.is_checkout(tmp_path / name)] == ["mine"]
    assert not places.is_checkout(tmp_path)
    assert places.is_checkout(ROOT)


def test_code_in_a_checkout_keeps_records_there_whatever_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert places.default_store() == ROOT / "results" / "benchmarks.sqlite"


def test_installed_code_keeps_records_in_the_checkout_that_is_the_current_folder(installed: Path) -> None:
    (installed / "pyproject.toml").write_text('[project]\nname = "hrformer-explorer"\n')
    assert places.default_store() == installed / "results" / "benchmarks.sqlite"


def test_away_from_any_checkout_records_are_kept_in_the_users_data_folder(installed: Path) -> None:
    assert places.default_store() == installed.parent / "data" / "hrformer-explorer" / "benchmarks.sqlite"
    assert places.store_url() == f"sqlite:///{places.default_store()}"


def test_the_environment_variable_goes_before_all(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", "sqlite:////srv/records.sqlite")
    assert places.store_url() == "sqlite:////srv/records.sqlite"
