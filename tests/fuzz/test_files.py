"""Hostile files: no code runs, nothing is written, nothing breaks or swells, and the work is bounded.

`make fuzz` reads many more; `HRFORMER_FUZZ_SEED` makes others.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from explorer.benchmark.plan import Plan
from explorer.models.variants import from_json
from explorer.processes.memory import rss_mib
from explorer.reading.uploads import (
    picture_from_upload,
    plan_values_from_upload,
    table_from_upload,
    weights_from_upload,
)
from explorer.records.exchange import read_table
from tests.fuzz import checkpoints, pictures, tables
from tests.fuzz.checkpoints import REASONS
from tests.fuzz.mutations import Case

ROOT = Path(__file__).parents[2]
#: Calls of functions that reading one file may take, the same on an idle machine and on a busy one. A pickle of a
#: million instructions takes 10.5 million.
MAX_CALLS = {"pictures": 4_000_000, "checkpoints": 12_000_000, "tables": 3_000_000}
#: A table that is refused by its header takes some tens, however many columns it has.
MAX_HEADER_CALLS = 100
#: Resident memory that reading one file may add, above which it counts as a bomb.
MAX_MIB = {"pictures": 800, "checkpoints": 300, "tables": 700}
MAX_SENTENCE = 1500
#: A picture of the largest kept size, and what the interpreter adds.
_RESULT_MIB = 2048 * 2048 * 3 / 2**20 + 20


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
    if kind == "tables":
        (wide,) = (outcome["calls"] for outcome in outcomes if outcome["name"] == "wide.csv")
        assert "The first row has more than 64 KiB" in said["wide.csv"]
        assert wide < MAX_HEADER_CALLS
    accepted = [outcome["name"] for outcome in outcomes if outcome["error"] is None]
    assert any(name.startswith("whole") or kind == "pictures" for name in accepted)


@pytest.mark.parametrize(
    ("cases", "read"),
    [
        (checkpoints.cases, weights_from_upload),
        (pictures.cases, lambda contents, _: picture_from_upload(contents)),
        (tables.cases, lambda contents, name: _READ_TEXT[Path(name).suffix](contents)),
    ],
    ids=["checkpoints", "pictures", "tables"],
)
def test_the_app_takes_or_refuses_each_and_stays_as_small(
    cases: Callable[[], Iterator[Case]], read: Callable[[bytes, str], object]
) -> None:
    found, taken = [], set()
    for name, contents in cases():
        limit_mib = len(contents) / 2**20 + _RESULT_MIB
        # Twice where it grew: what a page before this test left to be imported grows beside it, but once only.
        for _ in range(2):
            before = rss_mib()
            try:
                read(contents, name)
                taken.add(name)
            except ValueError as error:
                if "\n" in str(error) or not str(error).endswith("."):
                    found.append(f"{name} said: {str(error)[:300]}")
            if (grown := rss_mib() - before) <= limit_mib:
                break
        else:
            found.append(f"{name} left {grown:.0f} MiB")
    assert found == []
    assert taken & {"whole-zip.pth", "RGB.png", "whole.csv"}


def _read_csv(contents: bytes) -> None:
    with table_from_upload(contents) as table:
        for _ in read_table(table):
            pass


_READ_TEXT: dict[str, Callable[[bytes], object]] = {
    ".csv": _read_csv,
    ".yaml": lambda contents: Plan.from_dict(plan_values_from_upload(contents)),
    ".json": from_json,
}


def problems(outcome: dict, kind: str) -> list[str]:
    name = outcome["name"]
    found = [f"{name}: {seen}" for seen in outcome["seen"]]
    if outcome["calls"] > MAX_CALLS[kind]:
        found.append(f"{name} took {outcome['calls']:,} calls")
    if outcome["mib"] > MAX_MIB[kind]:
        found.append(f"{name} took {outcome['mib']:.0f} MiB")
    if outcome["error"]:
        error, sentence, documented = outcome["error"]
        if not documented:
            found.append(f"{name} raised {error}: {sentence[:200]}")
        if "\n" in sentence or len(sentence) > MAX_SENTENCE or not sentence.endswith("."):
            found.append(f"{name} said: {sentence[:300]}")
    return found
