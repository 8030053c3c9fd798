"""Charts with their exports, and messages, the same on every page."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.elements.lib.grid_container import GridContainer

from explorer.machine_paths import without_paths
from explorer.ui import choices

if TYPE_CHECKING:  # the first page of a cold server shows its numbers without them
    import numpy as np
    import pandas as pd
    import plotly.graph_objects as go
    from numpy.typing import NDArray

    Table = pd.DataFrame | Callable[[], pd.DataFrame]

#: What a table shows where there is no figure.
NO_VALUE = "–"
#: Less is too little for a chart: two stand beside each other on a screen of 1440 pixels, below each other on 1024.
_HALF_PX = 370
_MARKDOWN_SIGNS = re.compile(r"[\\`*_\[\]<>!:$~]")
_IMAGE_FORMAT = "chart_image_format"
#: What a browser takes to draw numbers that have changed, s.
NUMBERS_FIRST_S = 0.08


def plain(text: str) -> str:
    """Text that may quote a file, link or error, for a message: no picture from elsewhere, no path of this machine."""
    return without_paths(text).replace("![", r"!\[")


def verbatim(text: str) -> str:
    """A text of the user's, such as a name, for a label or message: Markdown shows every sign of it as it is."""
    return _MARKDOWN_SIGNS.sub(r"\\\g<0>", text)


def show_table(table: pd.DataFrame) -> None:
    """A small table; its texts may name what another visitor calls a model, and `st.table` would take Markdown."""
    st.table(table.map(lambda value: verbatim(value) if isinstance(value, str) else value), hide_index=True)


def half_grid() -> GridContainer:
    """Cells that each take half of the page where it is wide enough, else all of it."""
    return st.grid(2, min_column_width=_HALF_PX)


def numbers_first() -> None:
    """Let the browser draw the numbers above before it gets what it takes longer for: called between the two.

    What comes within some milliseconds is drawn together: without this a moved slider's numbers wait for the charts.
    """
    time.sleep(NUMBERS_FIRST_S)
    # Plotly takes what there is of pandas for all of it: while another thread imports pandas, it would find a part.
    import_module("pandas")


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
    data: Table | None = None,
    *,
    alt: str,
    on_select: Callable[[], None] | None = None,
    boxes: bool = False,
) -> None:
    """A chart with its image by the camera button and its data as CSV.

    Args:
        figure: The chart; one that has a width gets no more.
        name: Names the files and the element; unique on a page.
        data: What the chart shows, or what makes it when it is asked for.
        alt: What a screen reader says.
        on_select: Called after a click on a point; the click is in the session state under `chart_<name>`.
        boxes: Whether it is called after a box was dragged, too.
    """
    from explorer.charts.theme import on_dark_page  # with Plotly, which the first numbers of a cold server need not

    image = choices.held(_IMAGE_FORMAT, "PNG").lower()
    st.plotly_chart(
        on_dark_page(figure) if st.context.theme.type == "dark" else figure,
        width=figure.layout.width or "stretch",
        key=f"chart_{name}",
        alt=alt,
        on_select=on_select or "ignore",
        selection_mode=("points", "box") if boxes else "points",
        config={
            "displaylogo": False,
            "toImageButtonOptions": {"format": image, "filename": name, "scale": 2},
            "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
        },
    )
    if data is not None:
        csv_button(data, name)


def csv_button(data: Table, name: str, label: str = "Data as CSV") -> None:
    """Download a table; the file is written only when it is asked for, and the table may be made only then."""

    def write() -> bytes:
        from explorer.records.csv_cells import table_csv

        return table_csv(data() if callable(data) else data)

    file_button(label, write, f"{name}.csv", "text/csv", key=f"csv_{name}")


def npz_button(collect: Callable[[], Mapping[str, NDArray[np.generic]]], name: str, label: str) -> None:
    """Download arrays as one compressed NumPy file; they are collected only when they are asked for."""

    def write() -> bytes:
        import numpy as np

        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **collect())
        return buffer.getvalue()

    file_button(label, write, f"{name}.npz", "application/octet-stream", key=f"npz_{name}")


def png_button(paint: Callable[[], NDArray[np.unsignedinteger]], name: str, label: str) -> None:
    """Download pixels as PNG, painted only when they are asked for.

    Args:
        paint: Gives (H, W) of 8 or 16 bits, or (H, W, 3) of 8.
        name: Of the file and the element.
        label: On the button.
    """

    def write() -> bytes:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(paint()).save(buffer, "PNG")
        return buffer.getvalue()

    file_button(label, write, f"{name}.png", "image/png", key=f"png_{name}")


def file_button(
    label: str, write: Callable[[], str | bytes], file_name: str, mime: str, *, key: str, **options: Any
) -> None:
    """Download a file, written only when it is asked for; the page does not run again.

    Args:
        label: On the button.
        write: Gives what is in it.
        file_name: What it is called.
        mime: Its type.
        key: Of the element.
        options: Further arguments of `st.download_button`.
    """
    st.download_button(
        label,
        data=write,
        file_name=file_name,
        mime=mime,
        icon=":material/download:",
        type="tertiary",
        key=key,
        on_click="ignore",
        **options,
    )
