"""What import-linter (`make lint`) does not see: scripts that are no package, and modules named in strings."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from explorer.processes.neighbours import MODULES

ROOT = Path(__file__).parent.parent
SCRIPTS = [ROOT / "streamlit_app.py", *sorted((ROOT / "pages").rglob("*.py"))]
#: What a script takes of the product; the router knows only what stands around its pages.
ALLOWED = {"streamlit_app.py": ("explorer.ui.frame",), "pages": ("explorer", "hrformer")}
#: Modules that a test names because they are not there.
MISSING = {"explorer.no_such_module"}
#: Torch is for what is below the pages.
LIBRARIES = {"collections", "functools", "numpy", "pandas", "streamlit", "sys"}
_MODULE = re.compile(r"(?:explorer|hrformer)(?:\.\w+)+")
_RUN = re.compile(r"python -m ((?:explorer|hrformer|tests)[\w.]*)")


def imported_modules(path: Path) -> set[str]:
    """Every module a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_script_takes_only_what_is_for_it(path: Path) -> None:
    allowed = ALLOWED[path.relative_to(ROOT).parts[0]]
    modules = {name for name in imported_modules(path) if name.partition(".")[0] not in LIBRARIES}
    assert [name for name in sorted(modules) if not is_in(name, allowed)] == []


def strings_of(path: Path) -> Iterator[str]:
    """All strings of a file but those that only describe it."""
    tree = ast.parse(path.read_text())
    described = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield node.value


def test_modules_that_are_named_in_strings_exist() -> None:
    sources = [*(ROOT / "explorer").rglob("*.py"), *(ROOT / "hrformer").rglob("*.py")]
    named = {text for path in sources for text in strings_of(path) if _MODULE.fullmatch(text)}
    assert "explorer.benchmark.measuring.worker" in named
    assert [name for name in sorted(named) if find_spec(name) is None] == []


def test_modules_of_the_product_that_tests_name_in_strings_exist() -> None:
    """Beside modules these name what stands in one, as for `monkeypatch`."""
    named = {text for path in (ROOT / "tests").rglob("*.py") for text in strings_of(path) if _MODULE.fullmatch(text)}
    in_rooms = {name for name in named if (ROOT / name.replace(".", "/")).parent.is_dir()}
    assert "explorer.claims.attention_timing" in in_rooms
    assert [name for name in sorted(in_rooms - MISSING) if not is_there(name)] == []


def is_there(name: str) -> bool:
    room, _, last = name.rpartition(".")
    return find_spec(name) is not None or hasattr(import_module(room), last)


def test_busy_processes_are_known_by_modules_that_can_be_run() -> None:
    assert [name for name in MODULES if not can_be_run(name)] == []


def test_modules_that_are_said_to_be_run_exist_and_can_be_run() -> None:
    files = [ROOT / "Makefile", *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "explorer").rglob("*.py")]
    said = {match[1] for path in files for match in _RUN.finditer(path.read_text())}
    assert "explorer.ablation.training_worker" in said
    assert [name for name in sorted(said) if not can_be_run(name)] == []


def can_be_run(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    if (path / "__main__.py").exists():
        return True
    source = path.with_suffix(".py")
    return source.exists() and 'if __name__ == "__main__"' in source.read_text()


def test_importing_hrformer_pulls_in_neither_timm_nor_streamlit() -> None:
    unwanted = ("timm", "streamlit", "pandas", "plotly")
    code = f"import sys, hrformer; print([name for name in {unwanted} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"
