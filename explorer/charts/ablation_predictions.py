"""One test picture as the trained arms see it: predicted digits in colours over the picture, all zooming together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from explorer.charts.maps import png_uri
from explorer.charts.theme import NEUTRAL_COLOUR, style

#: One colour per digit, 0 to 9, far apart and bright enough for dark photographs.
DIGIT_COLOURS = (
    "#E6194B",
    "#3CB44B",
    "#FFE119",
    "#4363D8",
    "#F58231",
    "#B14CE6",
    "#42D4F4",
    "#F032E6",
    "#BFEF45",
    "#FABED4",
)
_OPACITY = 0.85
_PANEL_PX = 230
_LEGEND = {
    "title": {"text": "digit  "},
    "orientation": "h",
    "yref": "container",
    "yanchor": "bottom",
    "y": 0,
    "x": 0,
    "itemclick": False,
    "itemdoubleclick": False,
}
_STEPS = [(digit + side) / len(DIGIT_COLOURS) for digit in range(len(DIGIT_COLOURS)) for side in (0, 1)]
_SCALE = [(at, DIGIT_COLOURS[index // 2]) for index, at in enumerate(_STEPS)]


def prediction_row(image: NDArray[np.uint8], masks: Mapping[str, NDArray[np.uint8]], title: str) -> go.Figure:
    """Masks beside each other, each over the picture, which shows where there is background.

    Args:
        image: (H, W, 3), 8 bits a channel.
        masks: What stands above a panel, with " · " for a line break, to classes (H, W): 0 for background, else the
            digit + 1.
        title: What the figure says.
    """
    titles = [name.replace(" · ", "<br>") for name in masks]
    figure = make_subplots(1, len(titles), subplot_titles=titles, horizontal_spacing=0.012)
    source = png_uri(image)
    for column, (name, classes) in enumerate(masks.items(), start=1):
        figure.add_trace(go.Image(source=source, hoverinfo="skip"), row=1, col=column)
        figure.add_trace(_digits(classes, name.split(" · ", maxsplit=1)[0]), row=1, col=column)
    for digit, colour in enumerate(DIGIT_COLOURS):
        marker = {"symbol": "square", "size": 12, "color": colour, "line": {"width": 1, "color": NEUTRAL_COLOUR}}
        figure.add_scatter(x=[None], y=[None], mode="markers", name=str(digit), marker=marker, hoverinfo="skip")
    height, width = image.shape[:2]
    hidden = {"showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False, "constrain": "domain"}
    figure.update_xaxes(matches="x", range=[-0.5, width - 0.5], **hidden)
    figure.update_yaxes(matches="y", range=[height - 0.5, -0.5], **hidden)
    for column in range(1, len(titles) + 1):
        figure.update_yaxes(scaleanchor=f"x{column if column > 1 else ''}", row=1, col=column)
    figure.update_annotations(font={"size": 12})
    return style(
        figure,
        title,
        height=_PANEL_PX + 124,
        legend=_LEGEND,
        margin={"l": 6, "t": 84, "b": 40},
    )


def _digits(classes: NDArray[np.uint8], name: str) -> go.Heatmap:
    """Digits in their colours; no value, and so no colour, where there is background."""
    return go.Heatmap(
        z=np.where(classes > 0, classes.astype(np.float32) - 1, np.float32(np.nan)),
        zmin=-0.5,
        zmax=len(DIGIT_COLOURS) - 0.5,
        colorscale=_SCALE,
        showscale=False,
        opacity=_OPACITY,
        hoverongaps=False,
        hovertemplate=f"{name}: digit %{{z}} at pixel (%{{y}}, %{{x}})<extra></extra>",
    )
