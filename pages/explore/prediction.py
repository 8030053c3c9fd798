"""Prediction: the mask, the key points or the classes that the network gives a picture."""

import streamlit as st

from explorer.ui.explore.prediction_sections import SECTIONS
from explorer.ui.explore.sight import begin_page, choose_sight

config = begin_page("Prediction", "What the network says of a picture: its mask, its key points or its classes")
sight = choose_sight(config)
SECTIONS[config.task](sight)
st.caption(f"{sight.description}.")
