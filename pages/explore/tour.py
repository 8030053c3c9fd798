"""Guided tour: HRFormer in five short steps, each with a live figure and a link to the page that goes on."""

import streamlit as st

from explorer.ui.explore.tour import STEPS, choose_step, show_way
from explorer.ui.panels import plain
from explorer.ui.variant import current_variant, show_rejection, variant_card

st.title("Guided tour")
variant_card(current_variant())
show_rejection()
number = choose_step()
step = STEPS[number - 1]
st.markdown(f"## {number} of {len(STEPS)} · {step.title}")
st.markdown(step.text)
try:
    link = step.show()
except ValueError as error:
    st.error(plain(str(error)), icon=":material/error:")
else:
    show_way(number, link)
