"""The one visual language: branch colours, scales, and the layout every figure starts from."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

#: One colour per branch, highest resolution first (Okabe and Ito's colour-blind-safe set, readable on both themes).
BRANCH_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
#: What belongs to no branch: stem, stage 1, head, reference lines.
NEUTRAL_COLOUR = "#8A8F98"
#: Magnitudes.
SEQUENTIAL_SCALE = "Viridis"
#: Signed quantities; always symmetric around zero.
DIVERGING_SCALE = "RdBu_r"
#: What fits beside each other in half of the page.
_TITLE_CHARACTERS = 62
_LINE_PX = 18
_LOG_TICKS = [digit * 10**power for power in range(-3, 7) for digit in (1, 2, 5)]
_TITLE_AT_TOP = {"y": 1, "yanchor": "top", "pad": {"t": 14}}


def branch_name(branch: int) -> str:
    """How a branch is called everywhere: by its resolution."""
    return f"1/{2 ** (branch + 2)} branch"


def branch_colour(branch: int | None) -> str:
    """Colour of a branch; neutral for what belongs to none."""
    return NEUTRAL_COLOUR if branch is None else BRANCH_COLOURS[branch]


def literal(text: str) -> str:
    """A text of the user's for a chart, in which Plotly takes < and & for mark-up."""
    return html.escape(text, quote=False)


def log_axis(title: str, ticks: Sequence[float] | None = None) -> dict[str, Any]:
    """A logarithmic axis whose marks read as numbers, not as powers."""
    return {"title": {"text": title}, "type": "log", "tickvals": ticks or _LOG_TICKS}


def style(figure: go.Figure, title: str, *, height: int = 360, **layout: Any) -> go.Figure:
    """Give a figure its title, size and the common layout; further layout keys win.

    A long title goes on in a second line, for which the figure grows.
    """
    text = _in_lines(title)
    more = _LINE_PX * (text.count("<br>") - title.count("<br>"))
    margin = {"l": 10, "r": 10, "t": 48, "b": 10} | layout.pop("margin", {})
    common: dict[str, Any] = {
        "title": {"text": text, "font": {"size": 15}, "x": 0, "xanchor": "left", **_TITLE_AT_TOP},
        "height": height + more,
        "margin": margin | {"t": margin["t"] + more},
        "legend": {
            "orientation": "h",
            "yref": "container",
            "yanchor": "bottom",
            "y": 0,
            "x": 0,
            "traceorder": "normal",
        },
        "hoverlabel": {"align": "left"},
    }
    # Plotly's merging takes ten times as long as setting what is not there yet, and every page pays it per figure.
    held = figure.layout.to_plotly_json()
    for name, value in {**common, **layout}.items():
        if name in held:
            figure.update_layout({name: value})
        else:
            figure.layout[name] = value
    return figure


def _in_lines(title: str) -> str:
    """The title with breaks where a line would be too long; lines in small print stay as they are."""
    lines = [
        textwrap.wrap(line, _TITLE_CHARACTERS, break_on_hyphens=False) if "<" not in line else [line]
        for line in title.split("<br>")
    ]
    return "<br>".join(part for parts in lines for part in parts)
