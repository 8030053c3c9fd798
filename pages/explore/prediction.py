"""Prediction: what the network gives a picture, and what becomes of it without a part of the network."""

import streamlit as st

from explorer.ui import choices
from explorer.ui.explore.prediction_sections import SECTIONS
from explorer.ui.explore.sight import begin_page, choose_sight
from explorer.ui.explore.take_out import take_out_section

config = begin_page("Prediction", "What the network says of a picture: its mask, its key points or its classes")
sight = choose_sight(config)
section = choices.segments(
    "Section", ("Prediction", "Take it out"), key="prediction_section", label_visibility="collapsed"
)
if section == "Prediction":
    SECTIONS[config.task](sight)
else:
    take_out_section(sight)
st.caption(f"{sight.description}.")
