"""Attribution: which pixels speak for a class."""

import numpy as np
import streamlit as st

from explorer.charts.attribution import attribution_overlay
from explorer.ui.attribution import (
    choose_class,
    choose_method,
    class_label,
    class_logits,
    offer_classification,
    pixel_table,
)
from explorer.ui.finite import stop_at_non_finite
from explorer.ui.frame import end_page
from explorer.ui.panels import image_format_control, show_chart
from explorer.ui.progress import throw_away_button, with_progress
from explorer.ui.sources import picture_source, weights_source
from explorer.ui.variant import current_variant, show_rejection, variant_card
from explorer.units import significant

#: The map and what chooses it stand beside each other on a screen of 1440 pixels.
_MAP_PX, _CONTROLS_PX = 560, 350

current_variant()
st.markdown("### Attribution: which pixels speak for a class")
config = current_variant()
variant_card(config)
show_rejection()
if config.task != "classification":
    offer_classification(config)
    end_page()
picture = picture_source(config)
weights = weights_source(config)
image_format_control()
if weights is None:
    end_page()

x, source = picture.as_input(config), (weights.key, picture.key)
try:
    logits = class_logits(weights.model, x, source)
except ValueError as error:
    st.error(str(error), icon=":material/error:")
    end_page()
if not np.isfinite(logits).all():
    stop_at_non_finite(weights.model, x, source)

halves = st.container(horizontal=True)
shown, controls = halves.container(width=_MAP_PX), halves.container(width=_CONTROLS_PX)
with controls:
    method = choose_method(config)
    target = choose_class(logits)
    opacity = st.slider("Opacity of the overlay", 0.0, 1.0, 0.6, step=0.05, key="opacity", persist_state="session")
key = (method.settings, source, target)
with shown:
    try:
        attribution = with_progress(
            method.name,
            key,
            method.label,
            method.work(weights.model, x, target),
            needed_mib=method.needed_mib(config),
        )
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        end_page()
    if attribution is None:
        st.image(picture.fitted, caption=picture.name)
        end_page()
    show_chart(
        attribution_overlay(
            picture.fitted,
            np.asarray(attribution.values),
            f"{method.label} for class {class_label(target, logits)}",
            opacity=opacity,
            signed=method.signed,
            quantity=method.quantity,
        ),
        "attribution",
        pixel_table(attribution, method.quantity),
        alt=f"{method.label} for class {target}, laid over the picture",
    )
    if not np.asarray(attribution.values).any():
        st.info(
            f"Nothing speaks for class {target} here: choose another branch, class or method.",
            icon=":material/info:",
        )
with controls:
    if attribution.convergence_delta is not None:
        st.metric(
            "Convergence delta",
            significant(attribution.convergence_delta),
            help="What the attributed total exceeds the logit's true change from the mean colour by; near 0 is exact.",
            border=True,
        )
    throw_away_button(method.name, key)
st.caption(
    f"{picture.name} at {config.img_size[0]}x{config.img_size[1]} pixels, {weights.name}. The logit of class {target} "
    f"is {significant(float(logits[target]))}."
)
