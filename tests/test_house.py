"""The tests stand in the rooms of what they test."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: Source files whose tests stand elsewhere, or which have none: a list that can only become shorter.
WITHOUT_MIRRORED_TEST = ROOT / "tests" / "without_mirrored_test.txt"


def sources() -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for package in ("explorer", "hrformer", "pages")
        for path in (ROOT / package).rglob("*.py")
        if not path.name.startswith("__")
    }


def mirrored(source: str) -> Path:
    path = ROOT / "tests" / source
    return path.with_name(f"test_{path.name}")


def test_every_source_file_has_its_test_in_the_same_room_or_is_named_here() -> None:
    without = {source for source in sources() if not mirrored(source).exists()}
    assert sorted(without) == WITHOUT_MIRRORED_TEST.read_text().splitlines()


def test_every_test_stands_in_a_room_that_exists() -> None:
    rooms = {
        path.parent.relative_to(ROOT / "tests")
        for package in ("explorer", "hrformer", "pages")
        for path in (ROOT / "tests" / package).rglob("test_*.py")
    }
    assert [str(room) for room in sorted(rooms) if not (ROOT / room).is_dir()] == []


def imported(path: Path) -> set[str]:
    """All that a file imports, wherever it does: modules, and what is taken from them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_no_file_imports_a_test() -> None:
    """What several tests share stands in a module beside them."""
    taken = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "tests").rglob("*.py")
        for name in imported(path)
        if any(part.startswith("test_") for part in name.split("."))
    }
    assert sorted(taken) == []
