"""Attribution: which pixels speak for a class."""

import numpy as np
import streamlit as st

from explorer.charts.attribution import attribution_overlay
from explorer.inspection.attribution import TASKS_WITH_CLASSES
from explorer.ui import choices
from explorer.ui.explore.attribution import (
    choose_class,
    choose_method,
    explanation,
    finding,
    offer_classification,
    pixel_table,
    scores_of,
)
from explorer.ui.explore.output_names import OutputNames
from explorer.ui.explore.prediction_strip import show_prediction_strip
from explorer.ui.explore.sight import begin_page, choose_sight
from explorer.ui.frame import end_page
from explorer.ui.panels import plain, show_chart
from explorer.ui.progress import throw_away_button, with_progress
from explorer.units import significant

#: The map and what chooses it stand beside each other on a screen of 1440 pixels.
_MAP_PX, _CONTROLS_PX = 464, 320

config = begin_page("Attribution", "Which pixels speak for a class")
if config.task not in TASKS_WITH_CLASSES:
    offer_classification(config)
    end_page()
sight = choose_sight(config)
scores = sight.look(scores_of, lambda scores: bool(np.isfinite(scores.values).all()))

names = OutputNames(sight.weights)
picture = sight.picture
answer = st.container()
halves = st.container(horizontal=True)
shown, controls = halves.container(width=_MAP_PX), halves.container(width=_CONTROLS_PX)
with controls:
    method = choose_method(config)
    target = choose_class(scores, names)
    opacity = choices.number(st.slider, "Opacity of the overlay", 0.0, 1.0, key="opacity", default=0.6, step=0.05)
answer.markdown(explanation(target, scores, names))
key = (method.settings, sight.key, target)
with shown:
    try:
        attribution = with_progress(
            method.name,
            key,
            method.label,
            method.work(sight.weights.model, sight.x, target),
            needed_mib=method.needed_mib(config),
        )
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        end_page()
    if attribution is None:
        st.image(picture.fitted, caption=picture.name, alt=f"The picture: {picture.name}")
        end_page()
    show_chart(
        attribution_overlay(
            picture.fitted,
            np.asarray(attribution.values),
            finding(attribution, method.label, names[target]),
            opacity=opacity,
            signed=method.signed,
            quantity=method.quantity,
        ),
        "attribution",
        pixel_table(attribution, method.quantity),
        alt=f"{method.label} for {names[target]}, laid over the picture",
    )
    if not np.asarray(attribution.values).any():
        st.info(
            f"Nothing speaks for {names[target]} here: choose another branch, {names.noun.lower()} or method.",
            icon=":material/info:",
        )
with controls:
    if attribution.convergence_delta is not None:
        st.metric(
            "Convergence delta",
            significant(attribution.convergence_delta),
            help="What the attributed total exceeds the score's true change from the mean colour by; near 0 is exact.",
            border=True,
        )
    throw_away_button(method.name, key)
st.caption(f"{sight.description}.")
show_prediction_strip(sight)
