"""Imports go down the floors of docs/architecture.md, never up, and streamlit stays in its places."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [
    *sorted((ROOT / "hrformer").rglob("*.py")),
    *sorted((ROOT / "explorer").rglob("*.py")),
    *sorted((ROOT / "pages").rglob("*.py")),
    ROOT / "streamlit_app.py",
]
#: What a file may not import, by the first floor that its path starts with.
FORBIDDEN = {
    "hrformer": ("explorer", "streamlit", "timm", "numpy", "pandas", "plotly", "captum"),
    "explorer/charts": ("torch", "streamlit", "hrformer", "timm", "captum", "explorer"),
    "explorer/ui": (),
    "explorer": ("streamlit", "explorer.ui", "explorer.charts", "plotly"),
    "pages": ("torch",),
    "streamlit_app.py": ("explorer", "hrformer", "torch"),
}
#: `explorer.units` writes numbers; it imports nothing. The router knows of the app only what stands around its pages.
ALLOWED = {
    "explorer/charts": ("explorer.charts", "explorer.units"),
    "streamlit_app.py": ("explorer.ui.frame",),
}


def imported_modules(path: Path) -> set[str]:
    """Every module a file imports, also inside functions; `from a import b` counts as a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def climbing_imports(relative: str, modules: set[str]) -> list[str]:
    floor = next(floor for floor in FORBIDDEN if relative == floor or relative.startswith(floor + "/"))
    allowed = ALLOWED.get(floor, ())
    return [module for module in sorted(modules) if is_in(module, FORBIDDEN[floor]) and not is_in(module, allowed)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    assert climbing_imports(str(path.relative_to(ROOT)), imported_modules(path)) == []


@pytest.mark.parametrize(
    ("relative", "module"),
    [
        ("hrformer/model.py", "timm.models"),
        ("explorer/cost/complexity.py", "streamlit"),
        ("explorer/cost/complexity.py", "explorer.ui.variant"),
        ("explorer/charts/maps.py", "explorer.cost.complexity"),
    ],
)
def test_an_import_that_climbs_is_found(relative: str, module: str) -> None:
    assert climbing_imports(relative, {module}) == [module]


def test_importing_hrformer_pulls_in_neither_timm_nor_streamlit() -> None:
    unwanted = ("timm", "streamlit", "pandas", "plotly")
    code = f"import sys, hrformer; print([name for name in {unwanted} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"
