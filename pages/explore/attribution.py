"""Attribution: which pixels speak for a class, somewhere or everywhere, or for a key point."""

import numpy as np
import streamlit as st

from explorer.charts.attribution import attribution_overlay
from explorer.ui import choices
from explorer.ui.explore.attribution import choose_method, finding, pixel_table
from explorer.ui.explore.explained import (
    chart_name,
    choose_output,
    choose_where,
    explanation,
    mark_explained,
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

config = begin_page("Attribution", "Which pixels speak for a class or a key point")
sight = choose_sight(config)
names = OutputNames(sight.weights)
picture = sight.picture
answer = st.container()
halves = st.container(horizontal=True)
shown, controls = halves.container(width=_MAP_PX), halves.container(width=_CONTROLS_PX)
with controls:
    method = choose_method(config)
    where = choose_where(config)
with answer:
    scores = sight.look(scores_of, lambda scores: bool(np.isfinite(scores.values).all()), where)
with controls:
    explained = choose_output(scores, names, where)
    opacity = choices.number(st.slider, "Opacity of the overlay", 0.0, 1.0, key="opacity", default=0.6, step=0.05)
name = names[explained.target]
answer.markdown(explanation(explained, scores, names, config.img_size))
key = (method.settings, sight.key, explained)
with shown:
    try:
        attribution = with_progress(
            method.name,
            key,
            method.label,
            method.work(sight.weights.model, sight.x, explained),
            needed_mib=method.needed_mib(config),
        )
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        end_page()
    if attribution is None:
        st.image(picture.fitted, caption=picture.name, alt=f"The picture: {picture.name}")
        end_page()
    figure = attribution_overlay(
        picture.fitted,
        np.asarray(attribution.values),
        finding(attribution, method.label, name),
        opacity=opacity,
        signed=method.signed,
        quantity=method.quantity,
    )
    show_chart(
        figure,
        chart_name(where),
        pixel_table(attribution, method.quantity),
        alt=f"{method.label} for {name}, laid over the picture",
        on_select=mark_explained(figure, explained, scores, config.img_size),
        boxes=True,
    )
    if not np.asarray(attribution.values).any():
        st.info(
            f"Nothing speaks for {name} here: choose another branch, {names.noun.lower()} or method.",
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
