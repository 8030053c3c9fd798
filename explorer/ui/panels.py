"""Charts with their exports, and messages, the same on every page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray
from streamlit.elements.lib.grid_container import GridContainer

from explorer.ui import choices

#: What a table shows where there is no figure.
NO_VALUE = "–"
#: Less is too little for a chart: two stand beside each other on a screen of 1440 pixels, below each other on 1024.
_HALF_PX = 400
_MARKDOWN_SIGNS = re.compile(r"[\\`*_\[\]<>!:$~]")
_IMAGE_FORMAT = "chart_image_format"


def plain(text: str) -> str:
    """Text that may quote a file or a link, for a message: Markdown in it must load no picture from elsewhere."""
    return text.replace("![", r"!\[")


def verbatim(text: str) -> str:
    """A text of the user's, such as a name, for a label or message: Markdown shows every sign of it as it is."""
    return _MARKDOWN_SIGNS.sub(r"\\\g<0>", text)


def half_grid() -> GridContainer:
    """Cells that each take half of the page where it is wide enough, else all of it."""
    return st.grid(2, min_column_width=_HALF_PX)


def image_format_control() -> None:
    """Which kind of image the camera button of every chart saves."""
    with st.sidebar:
        choices.segments(
            "Chart images",
            ("PNG", "SVG"),
            key=_IMAGE_FORMAT,
            link=None,
            help="What the camera button of a chart saves.",
        )


def show_chart(
    figure: go.Figure,
    name: str,
    data: pd.DataFrame | None = None,
    *,
    alt: str,
    on_select: Callable[[], None] | None = None,
) -> None:
    """A chart with its image by the camera button and its data as CSV.

    Args:
        figure: The chart.
        name: Names the files and the element; unique on a page.
        data: What the chart shows.
        alt: What a screen reader says.
        on_select: Called after a click on a point; the click is in the session state under `chart_<name>`.
    """
    image = choices.held(_IMAGE_FORMAT, "PNG").lower()
    st.plotly_chart(
        figure,
        key=f"chart_{name}",
        alt=alt,
        on_select=on_select or "ignore",
        selection_mode="points",
        config={
            "displaylogo": False,
            "toImageButtonOptions": {"format": image, "filename": name, "scale": 2},
            "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
        },
    )
    if data is not None:
        csv_button(data, name)


def csv_button(data: pd.DataFrame, name: str, label: str = "Data as CSV") -> None:
    """Download a table; the file is written only when it is asked for."""
    st.download_button(
        label,
        data=lambda: data.to_csv(index=False).encode(),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        key=f"csv_{name}",
        on_click="ignore",
    )


def npz_button(collect: Callable[[], Mapping[str, NDArray[np.generic]]], name: str, label: str) -> None:
    """Download arrays as one compressed NumPy file; they are collected only when they are asked for."""

    def write() -> bytes:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **collect())
        return buffer.getvalue()

    st.download_button(
        label,
        data=write,
        file_name=f"{name}.npz",
        mime="application/octet-stream",
        icon=":material/download:",
        type="tertiary",
        key=f"npz_{name}",
        on_click="ignore",
    )
