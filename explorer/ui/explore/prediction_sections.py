"""The sections of the Prediction page, one a task."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from explorer.ui import choices
from explorer.ui.explore.block_controls import CLICKABLE, choose_position, take_click
from explorer.ui.explore.explained import scores_of
from explorer.ui.explore.key_points import show_key_points
from explorer.ui.explore.output_names import OutputNames
from explorer.ui.explore.prediction import (
    SegmentationView,
    classification_chart,
    confidence_chart,
    error_chart,
    is_finite,
    mask_buttons,
    mask_chart,
    pixel_chart,
    segmentation_of,
    show_ways_on,
)
from explorer.ui.explore.sight import Sight
from explorer.ui.panels import half_grid, npz_button, show_chart


def show_segmentation(sight: Sight) -> None:
    """The mask over the picture, a pixel's classes, confidence and, where the truth is known, errors."""
    cell = choose_position(sight.config, 0)
    seen = sight.look(segmentation_of, is_finite)
    answer = st.container()
    opacity = choices.number(
        st.slider, "Opacity of the mask", 0.0, 1.0, key="mask_opacity", default=0.6, step=0.05, width=320
    )
    view = SegmentationView(sight, seen, cell, opacity)
    answer.markdown(view.describe())
    halves = half_grid()
    with halves.cell():
        figure, table = mask_chart(view)
        alt = "The picture under its mask; the chosen pixel is marked"
        show_chart(figure, CLICKABLE, table, alt=alt, on_select=take_click)
    with halves.cell():
        figure, table = pixel_chart(view)
        show_chart(figure, "pixel_classes", table, alt="The likeliest classes of the chosen pixel")
        row, column = view.pixel
        show_ways_on("What speaks for it", target=view.at_pixel, explained="pixel", pixel_row=row, pixel_column=column)
    with halves.cell():
        figure, of_pixels = confidence_chart(view)
        show_chart(figure, "prediction_confidence", of_pixels, alt="How sure the network is of each pixel")
    if view.truth is not None:
        with halves.cell():
            figure, of_pixels = error_chart(view)
            show_chart(figure, "prediction_errors", of_pixels, alt="The pixels whose class is not the truth")
    with st.container(horizontal=True):
        mask_buttons(view)


def show_classification(sight: Sight) -> None:
    """The likeliest classes of the picture."""
    scores = sight.look(scores_of, lambda scores: bool(np.isfinite(scores.values).all()))
    halves = half_grid()
    with halves.cell():
        st.image(sight.picture.fitted, caption=sight.picture.name, alt=f"The picture: {sight.picture.name}")
    with halves.cell():
        figure, table = classification_chart(scores, OutputNames(sight.weights))
        show_chart(figure, "classes", table, alt="The likeliest classes of the picture")
        show_ways_on("What speaks for it", target=scores.order[0])
        npz_button(lambda: {"logits": scores.values}, "classification", "Logits as NumPy")


#: What the page shows, by the network's task.
SECTIONS: dict[str, Callable[[Sight], None]] = {
    "segmentation": show_segmentation,
    "pose": show_key_points,
    "classification": show_classification,
}
