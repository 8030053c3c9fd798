"""Comparison: which model is faster, by how much, and what for; measured records beside published figures."""

import streamlit as st

from explorer.ui.comparison import choose_view, import_panel, reported
from explorer.ui.comparison_sections import SECTIONS
from explorer.ui.comparison_tables import show_compared
from explorer.ui.panels import image_format_control, plain
from explorer.ui.variant import current_variant, show_rejection, variant_card

st.markdown("### Comparison: who is faster, and what for")
variant_card(current_variant())
show_rejection()
import_panel()  # first, so that what was imported is compared at once
view = choose_view()
image_format_control()
st.caption(
    f"Measured on {plain(view.name)}, filled. Published figures are hollow and come from other machines."
    if view.name
    else "Published figures, drawn hollow."
)
section = st.segmented_control(
    "Section", tuple(SECTIONS), default="Latency", required=True, key="comparison_section", label_visibility="collapsed"
)
with reported():
    SECTIONS[section](view)
    if section != "Records":
        show_compared(view)
