"""Bursts of moves in Chromium at a server whose runs are slow: which there are, and doing one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser.driver import open_page
from tests.browser.serving import ROOT, running_server
from tests.bursts.hand import MEANS, Control, burst, controls

GAPS_MS = (0, 30, 80, 150, 300)
SLOWNESS_S = (0.1, 0.5, 2.0)
#: The paths of all pages; the first is the one on which variants are built.
PAGES = ("", *sorted({path.stem for path in (ROOT / "pages").rglob("*.py")} - {"architecture"}))
#: Stands on every page.
EVERYWHERE = "chart_image_format"


@dataclass(frozen=True)
class Burst:
    """One burst.

    Attributes:
        control: What is moved.
        means: By keyboard or mouse.
        gap_ms: Between two moves.
        slowness_s: How long a run is made to take.
    """

    control: Control
    means: str
    gap_ms: int
    slowness_s: float


@dataclass(frozen=True)
class SlowApp:
    """A running app.

    Attributes:
        address: http://host:port.
        folder: Where it looks how slow it is to be, and writes what its session holds.
    """

    address: str
    folder: Path

    def be_slow(self, seconds: float) -> None:
        """Let each run from now on take so much longer."""
        (self.folder / "slowness").write_text(str(seconds))

    def open(self, browser: Browser, path: str) -> Page:
        """A new tab, in a browser that knows nothing yet, with a page that has come to rest."""
        self.be_slow(0)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        open_page(page, f"{self.address}/{path}")
        return page

    def do(self, page: Page, wanted: Burst) -> tuple[object, list[str]]:
        """Do a burst; gives what the last move chose, and where anything else is shown."""
        self.be_slow(wanted.slowness_s)
        found = burst(page, wanted.control, wanted.means, wanted.gap_ms, self.folder / "held.json")
        self.be_slow(0)
        return found


@contextmanager
def slow_app() -> Iterator[SlowApp]:
    """Start the app with a store of its own; stops it at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {
            "HRFORMER_SLOWNESS": str(folder / "slowness"),
            "HRFORMER_HELD": str(folder / "held.json"),
            "HRFORMER_RESULTS_URL": f"sqlite:///{folder / 'records.sqlite'}",
        }
        with running_server(environment, run=["tests.bursts.slow_app"]) as (address, _):
            yield SlowApp(address, folder)


def some_bursts(page: Page, path: str) -> list[Burst]:
    """For the suite: the knobs of the page that builds variants, and on any other one control of each kind."""
    first = PAGES.index(path)
    found = controls(page)
    if path == "":
        letters = ("num_modules", "num_blocks", "channels-all", "num_heads-all", "mlp_ratios-all", "window_sizes-all")
        chosen = [each for each in found if each.name.startswith(letters) or each.name in ("dw_conv", "preset")]
    else:
        own = sorted(found, key=lambda each: each.name == EVERYWHERE)
        chosen = list({each.kind: each for each in reversed(own)}.values())
    means, gaps, slowness = (cycle(each) for each in (MEANS, GAPS_MS, (0.1, 0.5, 0.1, 0.5, 0.1, 2.0)))
    plan = [Burst(each, next(means), next(gaps), next(slowness)) for each in [None] * first + chosen]
    return plan[first:]


def all_bursts(control: Control, number: int, each: int) -> list[Burst]:
    """For `make bursts`: of one control by either means as many of all combinations as are wanted, in turn."""
    ways = list(product(GAPS_MS, SLOWNESS_S))
    return [
        Burst(control, means, *ways[(7 * (number + 3 * turn) + 4 * place) % len(ways)])
        for place, means in enumerate(MEANS)
        for turn in range(each)
    ]
