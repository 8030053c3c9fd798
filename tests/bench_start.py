"""How long the explorer takes from cold: `python -m tests.bench_start`.

What the first page imports beside Streamlit, and the time from the start of a server's process to the first numbers in
a browser that runs already. Both are also told as ratios in the same rounds, for machines differ and are shared.
"""

from __future__ import annotations

import ast
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.bench_report import report
from tests.browser.driver import CHROMIUM_FLAGS, find_chromium
from tests.browser.serving import ROOT, running_server

ROUNDS = 5
FIRST_PAGE = ("streamlit_app.py", "pages/explore/architecture.py")
_NUMBER = "[data-testid=stMetricValue]"
_CHART = ".js-plotly-plot .plot-container"
_NUMBER_IN_JS = f"const number = '{_NUMBER}';"
#: Notes when the first number has been painted. Waiting for its element from outside would end with Plotly's script,
#: which blocks the page for a second.
_NOTE_NUMBER = """
new MutationObserver((_, observer) => {
  if (!document.querySelector(number)) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    window.numberAt = (performance.timeOrigin + performance.now()) / 1000;
  }));
}).observe(document, {childList: true, subtree: true});
"""
_HELLO = 'import streamlit as st\n\nst.metric("Hello", "world")\n'
_STREAMLIT = "import streamlit.web.cli\n"
_IMPORT_LINE = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|(.*)")


def imports_of(*paths: str) -> str:
    """The import statements at the top of files, as a program."""
    nodes = [node for path in paths for node in ast.parse((ROOT / path).read_text()).body]
    return "\n".join(ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def import_ms(code: str) -> dict[str, float]:
    """Milliseconds that each package takes of its own when the code runs in a fresh interpreter, dearest first."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    packages: dict[str, float] = {}
    for microseconds, name in _IMPORT_LINE.findall(result.stderr):
        package = name.strip().partition(".")[0]
        packages[package] = packages.get(package, 0.0) + int(microseconds) / 1e3
    return dict(sorted(packages.items(), key=lambda item: -item[1]))


def bench_imports() -> None:
    """What the first page imports beside Streamlit, over what torch takes in the same rounds."""
    page = _STREAMLIT + imports_of(*FIRST_PAGE)
    beside, torch = [], []
    for _ in range(ROUNDS):
        beside.append(sum(import_ms(page).values()) - sum(import_ms(_STREAMLIT).values()))
        torch.append(sum(import_ms("import torch").values()))
    report(
        "imports of the first page beside Streamlit / import torch",
        f"{statistics.median(beside):.0f} ms, {statistics.median(beside) / statistics.median(torch):.2f}",
        "<= 0.1",
    )
    dearest = list(import_ms(page).items())[:5]
    report("  dearest packages, ms", ", ".join(f"{package} {ms:.0f}" for package, ms in dearest))


@contextmanager
def hello_app() -> Iterator[Path]:
    """The least that shows a number."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hello.py")
        path.write_text(_HELLO)
        yield path


def cold_start_s(browser: Browser, script: Path, element: str) -> tuple[float, float]:
    """Seconds from the start of the server's process until a fresh page shows a number, and until an element."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(_NUMBER_IN_JS + _NOTE_NUMBER)
    start = time.time()
    with running_server({}, script) as (address, _):
        page.goto(address, wait_until="commit")
        page.wait_for_selector(element, timeout=90_000)
        to_element = time.time() - start
        number_at: float = page.wait_for_function("window.numberAt").json_value()
    context.close()
    return number_at - start, to_element


def import_torch_s() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - start


def bench_cold_start() -> None:
    """From `streamlit run` to the first numbers and the first chart."""
    chromium = find_chromium()
    if chromium is None:
        report("cold start to the first numbers in the browser", "no Chromium", "< 4 s")
        return
    numbers, charts, floors = [], [], []
    with hello_app() as hello, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        for _ in range(ROUNDS):
            to_numbers, to_chart = cold_start_s(browser, ROOT / "streamlit_app.py", _CHART)
            numbers.append(to_numbers)
            charts.append(to_chart)
            floors.append(import_torch_s() + cold_start_s(browser, hello, _NUMBER)[0])
        browser.close()
    median, floor = statistics.median(numbers), statistics.median(floors)
    spread = f"{median:.2f} s ({min(numbers):.2f} to {max(numbers):.2f})"
    report(f"cold start to the first numbers in the browser, {ROUNDS} rounds", spread, "< 4 s on a quiet machine")
    report("  over import torch and a page that says hello", f"{median / floor:.2f}", "<= 1")
    report("  to the first chart", f"{statistics.median(charts):.2f} s")


def main() -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    bench_imports()
    bench_cold_start()


if __name__ == "__main__":
    main()
