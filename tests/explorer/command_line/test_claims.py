"""`claims`: what ships is what the command writes on a fresh checkout."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from explorer.claims import attention_timing
from explorer.claims.attention_timing import reference_growth
from explorer.command_line import main
from explorer.command_line.watching import Notes
from explorer.processes.device_lock import device_lock

COMMITTED = Path(__file__).parents[3] / "results" / "reference" / "claims.csv"


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", f"sqlite:///{tmp_path / 'records.sqlite'}")


def test_without_records_the_reference_run_gives_the_committed_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["claims", "--csv", str(tmp_path / "claims.csv")]) == 0
    assert "23 reproduced, 4 differs, 8 not checkable here." in capsys.readouterr().err
    written, committed = (pd.read_csv(path) for path in (tmp_path / "claims.csv", COMMITTED))
    timed = committed["kind"].isin(["speed", "scaling"])
    assert set(written.loc[timed, "origin"]) == {"reference run"}
    compared = ["key", "published", "ours", "tolerance", "unit", "verdict", "reason"]
    pd.testing.assert_frame_equal(written[compared], committed[compared], rtol=1e-3)  # times are kept to 0.1 µs


def test_a_measured_growth_is_written_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    growth = pd.DataFrame({"positions": [100, 200], "window_ms": [1.0, 2.0], "global_ms": [1.0, 4.0]})
    monkeypatch.setattr(attention_timing, "measure_growth", lambda on_progress, should_stop: growth)
    path = tmp_path / "growth.csv"
    assert main(["claims", "--measure", "--growth", str(path), "--csv", str(tmp_path / "claims.csv")]) == 0
    monkeypatch.setattr(attention_timing, "REFERENCE_PATH", path)
    pd.testing.assert_frame_equal(reference_growth()[[*growth]], growth)
    written = pd.read_csv(tmp_path / "claims.csv").set_index("key")
    assert written.loc["scaling-global-time", ["ours", "origin"]].to_list() == [2.0, "measured here"]


def test_another_program_that_measures_is_waited_for_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held, is_measured_while_held, told = threading.Event(), [], []
    tell = Notes.tell

    def note(notes: Notes, text: str | None) -> None:
        tell(notes, text)
        told.append(text)

    def measure(on_progress: object, should_stop: object) -> pd.DataFrame:
        is_measured_while_held.append(held.is_set())
        return pd.DataFrame({"positions": [100, 200], "window_ms": [1.0, 2.0], "global_ms": [1.0, 4.0]})

    def hold() -> None:
        with device_lock("cpu", "benchmark", lambda told: None, lambda: False):
            held.set()
            end = time.monotonic() + 100
            while len(told) < 2 and time.monotonic() < end:  # it is said once, however often it is told
                time.sleep(0.01)
            held.clear()

    monkeypatch.setattr(attention_timing, "measure_growth", measure)
    monkeypatch.setattr(Notes, "tell", note)
    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(100)
    assert main(["claims", "--measure"]) == 0
    holder.join()
    assert is_measured_while_held == [False]
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Waiting for cpu: process ")]
    assert len(said) == 1


def test_a_growth_that_is_not_measured_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "--growth", str(tmp_path / "growth.csv")]) == 2
    assert "--growth writes what --measure finds: give --measure, too." in capsys.readouterr().err
