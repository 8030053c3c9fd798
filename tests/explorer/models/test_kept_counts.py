"""Counts on disk: taken only where they are whole and of the same model, size and versions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import timm

from explorer.benchmark.footprint import footprint
from explorer.models import kept_counts
from explorer.models.counting import model_cost
from explorer.models.kept_counts import kept
from explorer.models.model_ref import model_by_name
from explorer.places import default_store

ROOT = Path(__file__).parents[3]
KEY = {"what": "cost", "settings": {"model": "resnet10t"}, "img_size": (64, 64)}
#: tests/conftest.py lets no other test keep counts.
_folder = kept_counts.folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept_counts, "folder", lambda: tmp_path / "counts")
    return tmp_path / "counts"


class Counting:
    """Counts something else each time it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, int]:
        self.times += 1
        return {"macs": 100 + self.times}


def test_a_count_is_made_once(folder: Path) -> None:
    count = Counting()
    assert [kept(KEY, count) for _ in range(3)] == [{"macs": 101}] * 3
    assert count.times == 1
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"img_size": (64, 65)},
        {"settings": {"model": "resnet14t"}},
        {"settings": {"model": "resnet10t", "img_size": (64, 64)}},
        {"what": "memory"},
    ],
)
def test_another_model_size_or_kind_of_count_is_counted_for_itself(changes: dict[str, object], folder: Path) -> None:
    count = Counting()
    assert kept(KEY, count) == {"macs": 101}
    assert kept({**KEY, **changes}, count) == {"macs": 102}
    assert kept(KEY, count) == {"macs": 101}


@pytest.mark.parametrize("changed", ["torch", "timm", "fused_attention", "code"])
def test_what_other_versions_counted_is_not_taken(changed: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = Counting()
    kept(KEY, count)
    versions = kept_counts.versions()
    monkeypatch.setattr(kept_counts, "versions", lambda: {**versions, changed: "another"})
    assert kept(KEY, count) == {"macs": 102}
    monkeypatch.setattr(kept_counts, "versions", lambda: versions)
    assert kept(KEY, count) == {"macs": 101}


def test_the_version_is_that_of_the_code_which_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert all(list(ROOT.glob(pattern)) for pattern in kept_counts.CODE)
    for path in (path for pattern in kept_counts.CODE for path in ROOT.glob(pattern)):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    monkeypatch.setattr("explorer.places.CODE", tmp_path)
    versions = kept_counts.versions.__wrapped__
    assert versions() == kept_counts.versions()
    for changed in ("hrformer/heads.py", "explorer/models/catalogue.py", "explorer/models/counting.py"):
        before = versions()["code"]
        with (tmp_path / changed).open("a") as file:
            file.write("# counted otherwise\n")
        assert versions()["code"] != before


def flip_a_digit(contents: bytes) -> bytes:
    return contents.replace(b'{"macs": 101}', b'{"macs": 901}')


@pytest.mark.parametrize(
    "damage",
    [
        lambda contents: b"",
        lambda contents: contents[: len(contents) // 2],
        lambda contents: contents[:-5],
        flip_a_digit,
        lambda contents: contents.replace(b"resnet10t", b"resnet14t"),
        lambda contents: b"\xff\x00" * 500,
        lambda contents: b"[" * 10**6,
        lambda contents: contents * 2,
        lambda contents: b"\x80\x04}q\x00.",
    ],
    ids=["empty", "half", "cut", "digit", "other model", "binary", "brackets", "twice", "pickle"],
)
def test_a_damaged_file_is_counted_again_and_replaced(damage: Callable[[bytes], bytes], folder: Path) -> None:
    count = Counting()
    kept(KEY, count)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    assert damage(whole) != whole
    path.write_bytes(damage(whole))
    assert kept(KEY, count) == {"macs": 102}
    assert kept(KEY, count) == {"macs": 102}


def test_a_file_under_anothers_name_is_not_taken(folder: Path) -> None:
    count = Counting()
    kept(KEY, count)
    (first,) = folder.iterdir()
    kept({**KEY, "img_size": (96, 96)}, count)
    (second,) = set(folder.iterdir()) - {first}
    second.replace(first)
    assert kept(KEY, count) == {"macs": 103}


def test_what_fails_is_not_kept(folder: Path) -> None:
    def fail() -> dict[str, int]:
        raise ValueError("no room just now")

    with pytest.raises(ValueError, match="no room just now"):
        kept(KEY, fail)
    assert kept(KEY, lambda: {"macs": 1}) == {"macs": 1}


@pytest.mark.parametrize("place", ["a file", "missing parent", "a folder in its place", "nowhere"])
def test_where_nothing_can_be_written_everything_is_counted(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("")
    counts = {"a file": tmp_path / "a file", "missing parent": tmp_path / "no" / "counts", "nowhere": None}
    monkeypatch.setattr(kept_counts, "folder", lambda: counts.get(place, tmp_path / "counts"))
    count = Counting()
    if place == "a folder in its place":
        kept(KEY, count)
        (path,) = (tmp_path / "counts").iterdir()
        path.unlink()
        path.mkdir()
        count = Counting()
    assert [kept(KEY, count)["macs"] for _ in range(2)] == [101, 102]
    assert not list(tmp_path.rglob("*unfinished*"))


def test_a_full_disk_leaves_no_half_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_text

    def fill_the_disk(path: Path, text: str, **options: str) -> int:
        write(path, text[:20], **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill_the_disk)
    assert kept(KEY, Counting()) == {"macs": 101}
    assert list(folder.iterdir()) == []


def test_the_oldest_go_when_there_are_too_many_and_nobody_elses_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_counts, "MOST_FILES", 3)
    folder.mkdir()
    (folder / "mine.csv").write_text("kept")
    os.utime(folder / "mine.csv", (0, 0))
    count = Counting()
    for side in range(5):
        kept({"img_size": side}, count)
        newest = max(folder.glob("*.count"), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (1e9 + side, 1e9 + side))  # a clock may be too coarse to tell them apart
    assert len(list(folder.glob("*.count"))) == 3
    assert (folder / "mine.csv").exists()
    assert [kept({"img_size": side}, count)["macs"] for side in (2, 3, 4)] == [103, 104, 105]
    assert kept({"img_size": 0}, count) == {"macs": 106}


@pytest.mark.parametrize(
    ("url", "beside"),
    [
        ("sqlite:////srv/records.sqlite", Path("/srv/counts")),
        ("postgresql://somebody:secret@db.example/records", default_store().parent / "counts"),
        ("", default_store().parent / "counts"),
        ("no url", None),
    ],
)
def test_counts_are_beside_the_store(url: str, beside: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRFORMER_RESULTS_URL", url)
    assert _folder() == beside


def run(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


#: Building fails there, and so does what has to be counted.
WITHOUT_BUILDING = """
import timm
from explorer.benchmark.footprint import footprint
from explorer.models.counting import model_cost
from explorer.models.model_ref import model_by_name

timm.create_model = None
ref = model_by_name("resnet10t", pretrained=True)
print([model_cost(ref, (64, 64)), footprint(ref, (64, 64), training=True)])
"""


def test_another_process_finds_what_one_has_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    monkeypatch.setenv("HRFORMER_RESULTS_URL", url)
    monkeypatch.setattr(kept_counts, "folder", _folder)
    ref, size = model_by_name("resnet10t"), (64, 64)
    model_cost.cache_clear()
    footprint.cache_clear()
    counted = [model_cost(ref, size), footprint(ref, size, training=True)]
    model = timm.create_model("resnet10t")
    assert counted[0].params == sum(parameter.numel() for parameter in model.parameters())
    assert len(list((tmp_path / "counts").iterdir())) == 3  # work, memory of inference and of training
    found, _ = run(WITHOUT_BUILDING, HRFORMER_RESULTS_URL=url).communicate(timeout=300)
    assert found == f"{counted}\n"


KEEP_FIFTY = """
import sys
from pathlib import Path
from explorer.models import kept_counts

kept_counts.folder = lambda: Path(sys.argv[1])
kept_counts.versions = lambda: {}
for turn in range(20):
    for number in range(50):
        assert kept_counts.kept({"number": number}, lambda: {"macs": number**2}) == {"macs": number**2}
    if turn % 2:
        for path in kept_counts.folder().glob(f"*{turn % 7}.count"):
            path.unlink(missing_ok=True)
print("kept")
"""


def test_processes_that_write_at_once_find_each_others_counts_whole(folder: Path) -> None:
    processes = [run(KEEP_FIFTY, folder) for _ in range(3)]
    assert [process.communicate(timeout=300)[0] for process in processes] == ["kept\n"] * 3
    lines = [path.read_text().splitlines() for path in folder.iterdir()]
    numbers = {json.loads(key)["number"]: json.loads(counts)["macs"] for _, key, counts in lines}
    assert len(numbers) == len(lines) > 20  # some are removed at the end, none is unfinished
    assert all(macs == number**2 for number, macs in numbers.items())
