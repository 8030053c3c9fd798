"""Texts lose the machine's paths, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer.machine_paths import without_paths


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The store /srv/data/records.sqlite has no space left.", "The store records.sqlite has no space left."),
        ("[Errno 2] No such file or directory: '/srv/my data/x.pth'", "[Errno 2] No such file or directory: 'x.pth'"),
        ("/usr/lib/libcuda.so.1: cannot open shared object", "libcuda.so.1: cannot open shared object"),
        ('connection on socket "/tmp/pg-1/.s.PGSQL.5432" failed', 'connection on socket ".s.PGSQL.5432" failed'),
        ("Load model from /tmp/a/b.onnx failed:/opt/onnx/core.cc:42", "Load model from b.onnx failed:core.cc:42"),
        ("kept in `/srv/records.sqlite` (/srv/records)", "kept in `records.sqlite` (records)"),
        ("the folder /srv/results/ is full", "the folder results is full"),
    ],
)
def test_a_path_becomes_its_last_name(text: str, told: str) -> None:
    assert without_paths(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "postgresql+psycopg://someone:***@db.example.org:5432/records",
        "sqlite:///records.sqlite or ~/records.sqlite, results/records.sqlite",
        "branch 1/4 and 1/32, 3.2 MACs/image, and/or, 12 / 5",
        ":material/error: see https://example.org/a/b.html",
    ],
)
def test_what_is_no_path_stays(text: str) -> None:
    assert without_paths(text) == text


def test_a_known_folder_may_hold_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", "sqlite:////srv/our own results/records.sqlite?mode=ro")
    assert without_paths("/srv/our own results/records.sqlite is full") == "records.sqlite is full"
    assert without_paths(f"{Path.home()}/a b.csv is full") == "a b.csv is full"


NAMES = st.text("abcXYZ019._-", min_size=1, max_size=12).filter(lambda name: re.search(r"\w", name))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(NAMES, min_size=1, max_size=6), st.sampled_from(["{}", "'{}'", '("{}")', "see {}: gone", "`{}`."]))
def test_no_absolute_path_is_left(names: list[str], around: str) -> None:
    told = without_paths(around.format("/" + "/".join(names)))
    assert not re.search(r"(?<!\w)/\w", told)
    assert names[-1] in told
