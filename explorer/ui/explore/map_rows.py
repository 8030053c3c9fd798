"""Rows of maps on a page, of which each can be enlarged by a click or from the keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from explorer.charts.maps import Panel, map_row
from explorer.ui.panels import show_chart

#: A map with its colour bar, beside which nothing else stands.
_DIALOG_PX = 760


def show_maps(
    panels: Sequence[Panel],
    img_size: tuple[int, int],
    title: str,
    name: str,
    *,
    signed: bool,
    alt: str,
    beside: Sequence[Panel] = (),
    mark: tuple[float, float] | None = None,
) -> None:
    """Maps that zoom together; a click on a map's corner, or the menu below, shows it alone and large.

    Args:
        panels: What to show, the photograph first.
        img_size: (height, width) of the picture in pixels.
        title: What the figure says.
        name: Names the files and the elements; unique on a page.
        signed: Whether values are signed.
        alt: What a screen reader says.
        beside: Maps of another row, with which these share their scale.
        mark: As in `explorer.charts.maps.map_row`.
    """
    state = st.session_state
    clicks, clicked = f"{name}_clicks", f"{name}_clicked"
    # After a click the chart is a new one: a second click on the same corner would take the first one back.
    chart = f"{name}_{state[clicks]}" if clicks in state else name
    draw = partial(map_row, panels, img_size, title, signed=signed, beside=beside, mark=mark)
    show_chart(draw(), chart, alt=alt, on_select=partial(_take_click, chart, name))
    chosen = st.menu_button(
        "Enlarge",
        range(len(panels)),
        format_func=lambda index: panels[index].name,
        icon=":material/zoom_in:",
        key=f"enlarge_{name}",
    )
    enlarged = state.pop(clicked, chosen)
    if enlarged is not None:
        enlarge = st.dialog(panels[enlarged].name, width=_DIALOG_PX)(show_chart)
        enlarge(draw(only=enlarged), f"{name}_enlarged", alt=f"{panels[enlarged].name} of: {alt}")


def _take_click(chart: str, name: str) -> None:
    """Remember whose corner was clicked."""
    points = st.session_state[f"chart_{chart}"].selection.points
    if points:
        st.session_state[f"{name}_clicked"] = points[0]["customdata"]
        st.session_state[f"{name}_clicks"] = st.session_state.get(f"{name}_clicks", 0) + 1
