"""What the network says of the picture, in a line with a small picture, on the pages that look inside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer.ui.explore.block_controls import held_position
from explorer.ui.explore.explained import scores_of
from explorer.ui.explore.key_points import found_in, least_score, persons_in_whole_picture
from explorer.ui.explore.output_names import OutputNames
from explorer.ui.explore.prediction import (
    SegmentationView,
    is_finite,
    painted_over,
    probabilities_of,
    segmentation_of,
)
from explorer.ui.explore.sight import Sight
from explorer.units import significant

_THUMBNAIL_PX = 112
_OPACITY = 0.6


@dataclass(frozen=True, eq=False)
class _Said:
    """A prediction in short.

    Attributes:
        sentence: What there is, as Markdown.
        picture: (H, W, 3).
    """

    sentence: str
    picture: NDArray[np.uint8]


def show_prediction_strip(sight: Sight) -> None:
    """The prediction in short, with the way to its page; nothing where nothing was learned.

    Pages call it last: a long pass through the network shows its progress there, and ends the page when it is stopped.
    """
    if sight.weights.are_random:
        return
    said = _SHORT[sight.config.task](sight)
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.image(said.picture, width=_THUMBNAIL_PX, alt="The picture with what the network says of it")
        with st.container():
            st.markdown(said.sentence)
            st.page_link("pages/explore/prediction.py", label="Prediction", icon=":material/image_search:")


def _mask(sight: Sight) -> _Said:
    seen = sight.look(segmentation_of, is_finite)
    view = SegmentationView(sight, seen, held_position(sight.config, 0), _OPACITY)
    row, column = view.pixel
    sure = significant(100 * float(seen.confidence[row, column]))
    here = f"At the chosen position, pixel ({row}, {column}), it says **{view.names[view.at_pixel]}**, {sure} % sure."
    return _Said(f"{here} {view.describe()}", painted_over(view))


def _key_points(sight: Sight) -> _Said:
    (person,) = persons_in_whole_picture(sight)
    least = least_score(sight)
    found = found_in(sight, person, least)
    sentence = f"It finds **{found}** key points in the whole picture, above a score of {least:g}."
    return _Said(sentence, sight.picture.fitted)


def _classes(sight: Sight) -> _Said:
    scores = sight.look(scores_of, lambda scores: bool(np.isfinite(scores.values).all()))
    first = scores.order[0]
    share = significant(100 * float(probabilities_of(scores)[first]))
    return _Said(f"It says **{OutputNames(sight.weights)[first]}**, {share} % sure.", sight.picture.fitted)


_SHORT: dict[str, Callable[[Sight], _Said]] = {
    "segmentation": _mask,
    "pose": _key_points,
    "classification": _classes,
}
