"""The one visual language: branch colours, scales, and the layout every figure starts from."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale, unlabel_rgb

#: One colour per branch, highest resolution first (Okabe and Ito's colour-blind-safe set, readable on both themes).
BRANCH_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
#: What belongs to no branch: stem, stage 1, head, reference lines.
NEUTRAL_COLOUR = "#8A8F98"
#: HRFormer among other architectures, whether published, measured or the user's own variant.
HRFORMER_COLOUR = "#D55E00"
#: Of the families in `explorer.models.catalogue`, none of them a branch's own.
FAMILY_COLOURS = {
    "HRFormer": HRFORMER_COLOUR,
    "HRNet": "#3D9BD1",
    "DeiT": "#8B6BB8",
    "Swin": "#7C8B1F",
    "ViT": "#B07A5B",
}
#: Families are told apart by shape first, then by colour.
FAMILY_SYMBOLS = {"HRFormer": "circle", "HRNet": "square", "DeiT": "diamond", "Swin": "triangle-up", "ViT": "cross"}
#: Magnitudes.
SEQUENTIAL_SCALE = "Viridis"
#: Signed quantities; always symmetric around zero.
DIVERGING_SCALE = "RdBu_r"
#: No text of a chart is smaller.
TEXT_PX = 12
#: How all text looks except the title: 5:1 on a light page, where Streamlit's own grey has 3.8:1.
FONT = {"size": TEXT_PX, "color": "#6B6E76"}
#: Widths of a page, and of half of one, beside the sidebar on a screen of 1440 pixels.
PAGE_PX, HALF_PX = 800, 390
#: What the buttons of a chart need at its right, so that they lie on nothing.
MODE_BAR_PX = 34
#: Height of what holds a title of one line.
TITLE_TOP_PX = 48
#: What a colour bar with its title and its numbers needs below the maps.
COLOUR_BAR_PX = 66
#: Of a title, on average and with room to spare.
_CHARACTER_PX = 8.4
_TITLE_PX = 15
_LINE_PX = 18
#: Luminance whose contrast with black, (L + 0.05) / 0.05, is that with white, 1.05 / (L + 0.05).
_EQUAL_CONTRAST = (1.05 * 0.05) ** 0.5 - 0.05
_ACTIVE_COLOUR = BRANCH_COLOURS[0]
_LOG_TICKS = [digit * 10**power for power in range(-3, 7) for digit in (1, 2, 5)]
_TITLE_AT_TOP = {"y": 1, "yanchor": "top", "pad": {"t": 14}}
_LEGEND = {
    "orientation": "h",
    "yref": "container",
    "yanchor": "bottom",
    "y": 0,
    "x": 0,
    "traceorder": "normal",
}


def branch_name(branch: int) -> str:
    """How a branch is called everywhere: by its resolution."""
    return f"1/{2 ** (branch + 2)} branch"


def branch_colour(branch: int | None) -> str:
    """Colour of a branch; neutral for what belongs to none."""
    return NEUTRAL_COLOUR if branch is None else BRANCH_COLOURS[branch]


def colours_on_scale(values: Iterable[float], scale: str, low: float, high: float) -> list[tuple[int, int, int]]:
    """The colours, 0 to 255, in which a heat map from `low` to `high` shows values."""
    places = [(value - low) / (high - low) for value in values]
    return [unlabel_rgb(colour) for colour in sample_colorscale(scale, places)]


def readable_on(colour: tuple[float, float, float]) -> str:
    """Black or white, whichever has the larger contrast with a colour (0 to 255): at least 4.5:1."""
    return "black" if _luminance(colour) > _EQUAL_CONTRAST else "white"


def _luminance(colour: tuple[float, float, float]) -> float:
    """Relative luminance of an sRGB colour, 0 to 1, as https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    linear = [(part / 255 / 12.92) if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def literal(text: str) -> str:
    """A text of the user's for a chart, in which Plotly takes < and & for mark-up."""
    return html.escape(text, quote=False)


def log_axis(title: str, ticks: Sequence[float] | None = None) -> dict[str, Any]:
    """A logarithmic axis whose marks read as numbers, not as powers."""
    return {"title": {"text": title}, "type": "log", "tickvals": ticks or _LOG_TICKS}


def colour_bar(says: str) -> dict[str, Any]:
    """A bar below the figure, as long as its maps are wide, whose numbers `says` names."""
    return _readable(
        {
            "orientation": "h",
            "thickness": 12,
            "lenmode": "fraction",
            "len": 1,
            "xpad": 0,
            "ypad": 2,
            "outlinewidth": 0,
            "x": 0.5,
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
            "title": {"text": says, "side": "bottom"},
            "ticklabeloverflow": "hide past div",
        }
    )


def style(figure: go.Figure, title: str, *, height: int = 360, **layout: Any) -> go.Figure:
    """Give a figure its title, size and the common layout; further layout keys win.

    A long title goes on in a second line, for which the figure grows; what it holds in `<sup>` is small print. The
    buttons of the chart stand in a column of their own at the right.
    """
    text = _in_lines(title, layout.get("width", HALF_PX))
    more = _LINE_PX * (text.count("<br>") - title.count("<br>"))
    margin = {"l": 10, "r": MODE_BAR_PX, "t": TITLE_TOP_PX, "b": 10} | layout.pop("margin", {})
    common: dict[str, Any] = {
        "title": {"text": _with_small_print(text), "font": {"size": _TITLE_PX}, "x": 0, "xanchor": "left"}
        | _TITLE_AT_TOP,
        "height": height + more,
        "margin": margin | {"t": margin["t"] + more},
        "font": FONT,
        "legend": layout.pop("legend", _LEGEND) | {"font": {"size": TEXT_PX}},
        "hoverlabel": {"align": "left", "font": {"size": TEXT_PX}},
        "modebar": {
            "orientation": "v",
            "bgcolor": "rgba(0,0,0,0)",
            "color": NEUTRAL_COLOUR,
            "activecolor": _ACTIVE_COLOUR,
        },
    }
    layout |= {name: _readable(layout.get(name, {})) for name in ("xaxis", "yaxis")}
    # Plotly's merging takes ten times as long as setting what is not there yet, and every page pays it per figure.
    held = figure.layout.to_plotly_json()
    for name, value in {**common, **layout}.items():
        if name in held:
            figure.update_layout({name: value})
        else:
            figure.layout[name] = value
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        if axis.plotly_name not in layout:
            axis.update(_readable({}))
    return figure


def on_dark_page(figure: go.Figure) -> go.Figure:
    """Take the colour of a figure's text away, so that Streamlit's own stands in its place: 15:1 on a dark page.

    Whoever changes the theme sees the colour of the other one, which still reads, until the page runs again.
    """
    figure.layout.font.color = None
    scales = [part for part in (figure.layout.coloraxis, *figure.data) if "colorbar" in part]
    for owner in (*figure.select_xaxes(), *figure.select_yaxes(), *(scale.colorbar for scale in scales)):
        owner.tickfont.color = owner.title.font.color = None
    return figure


def _readable(part: dict[str, Any]) -> dict[str, Any]:
    """An axis or a colour bar with the common font."""
    return part | {"tickfont": FONT, "title": (part.get("title") or {}) | {"font": FONT}}


def _in_lines(title: str, width_px: float) -> str:
    """The title with breaks where a line would be too long; lines in small print stay as they are."""
    characters = int(width_px / _CHARACTER_PX)
    lines = [
        textwrap.wrap(line, characters, break_on_hyphens=False) if "<" not in line else [line]
        for line in title.split("<br>")
    ]
    return "<br>".join(part for parts in lines for part in parts)


def _with_small_print(text: str) -> str:
    """Text in `<sup>` in the size of all other text: Plotly would make it smaller than that and raise it."""
    small = f'<span style="font-size:{TEXT_PX}px;font-weight:normal">'
    return text.replace("<sup>", small).replace("</sup>", "</span>")
