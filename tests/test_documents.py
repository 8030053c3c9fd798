"""What the documents say of files, targets and commands is there."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "results").rglob("*.md")),
]
_TREE_LINE = re.compile(r"(?P<branches>[│├└─ ]*)(?P<name>[\w.]+/?)(?:  +\S.*)?")
_FILE = re.compile(r"`((?:explorer|hrformer|pages|tests|docs|results)/[\w./-]+)`")
_TARGET = re.compile(r"`make ([a-z-]+)|^make ([a-z-]+)", re.MULTILINE)
_COMMAND = re.compile(r"(?:python -m explorer|hrformer-explorer) ([a-z-]+)")
#: Made by running the explorer.
_MADE = {"results/benchmarks.sqlite"}


def drawn(text: str) -> Iterator[str]:
    """Every path of the tree that a document draws."""
    folders: list[str] = []
    for line in text.split("```")[1].strip().splitlines():
        match = _TREE_LINE.fullmatch(line)
        assert match is not None, line
        folders[len(match["branches"]) // 4 :] = [match["name"]]
        yield "".join(folders)


def folders_of(package: str) -> set[str]:
    tracked = subprocess.run(["git", "ls-files", package], capture_output=True, text=True, check=True, cwd=ROOT)
    return {f"{parent}/" for name in tracked.stdout.split() for parent in Path(name).parents if parent != Path()}


def test_the_tree_that_is_drawn_is_the_one_on_the_disk() -> None:
    paths = set(drawn((ROOT / "docs" / "architecture.md").read_text()))
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    assert folders_of("explorer") | folders_of("pages") | folders_of("hrformer") <= paths


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(document: Path) -> None:
    named = set(_FILE.findall(document.read_text())) - _MADE
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_targets_that_are_named_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {first or second for first, second in _TARGET.findall(document.read_text())}
    assert named <= targets


def commands() -> set[str]:
    """All commands that a shell is shown in a document."""
    return {
        line.partition("#")[0].strip()
        for path in DOCUMENTS
        for block in path.read_text().split("```")[1::2]
        for line in block.splitlines()
        if _COMMAND.match(line)
    }


@pytest.mark.parametrize("command", sorted(commands()))
def test_commands_that_are_shown_are_understood(command: str) -> None:
    from explorer.command_line import parser

    words = shlex.split(command)
    parser().parse_args(words[words.index("explorer") + 1 if "explorer" in words else 1 :])
