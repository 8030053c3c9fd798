"""Hostile files: no code runs, nothing is written, nothing breaks or swells, and the answer comes in time.

`make fuzz` reads many more; `HRFORMER_FUZZ_SEED` makes others.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.checkpoints import REASONS

ROOT = Path(__file__).parents[2]
#: CPU time of one file, so that a busy machine changes nothing.
MAX_SECONDS = 5
#: Resident memory that reading one file may add, above which it counts as a bomb.
MAX_MIB = {"pictures": 800, "checkpoints": 300, "tables": 700}
MAX_SENTENCE = 1500


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are read from /proc")
@pytest.mark.parametrize("kind", MAX_MIB)
def test_hostile_files_do_no_harm(kind: str, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    working = tmp_path / "working"
    temporary.mkdir()
    working.mkdir()
    result = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.child", kind],
        cwd=working,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0, f"{lines[-1:]} {result.stderr[-2000:]}"
    outcomes = [line for line in lines if "name" in line]
    assert outcomes
    assert [problem for outcome in outcomes for problem in problems(outcome, kind)] == []
    assert list(working.iterdir()) == []
    said = {outcome["name"]: outcome["error"] and outcome["error"][1] for outcome in outcomes}
    for name, reason in REASONS.items() if kind == "checkpoints" else ():
        assert re.search(reason, said[name] or "accepted"), f"{name}: {said[name]}"
    accepted = [outcome["name"] for outcome in outcomes if outcome["error"] is None]
    assert any(name.startswith("whole") or kind == "pictures" for name in accepted)


def problems(outcome: dict, kind: str) -> list[str]:
    name = outcome["name"]
    found = [f"{name}: {seen}" for seen in outcome["seen"]]
    if outcome["seconds"] > MAX_SECONDS:
        found.append(f"{name} took {outcome['seconds']:.1f} s")
    if outcome["mib"] > MAX_MIB[kind]:
        found.append(f"{name} took {outcome['mib']:.0f} MiB")
    if outcome["error"]:
        error, sentence, documented = outcome["error"]
        if not documented:
            found.append(f"{name} raised {error}: {sentence[:200]}")
        if "\n" in sentence or len(sentence) > MAX_SENTENCE or not sentence.endswith("."):
            found.append(f"{name} said: {sentence[:300]}")
    return found
