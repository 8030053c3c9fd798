"""Comparison: which model is faster, by how much, and what for; measured records beside published figures."""

import streamlit as st

from explorer.ui import choices
from explorer.ui.measure.comparison import choose_view, import_panel, reported
from explorer.ui.measure.comparison_sections import SECTIONS
from explorer.ui.measure.comparison_tables import show_compared
from explorer.ui.panels import image_format_control, plain
from explorer.ui.variant import current_variant, show_rejection, variant_card

variant_card(current_variant())
st.title("Comparison")
st.caption("Who is faster, and what for.")
show_rejection()
import_panel()  # first, so that what was imported is compared at once
view = choose_view()
image_format_control()
st.caption(
    f"Measured on {plain(view.name)}, filled. Published figures are hollow and come from other machines."
    if view.name
    else "Published figures, drawn hollow."
)
section = choices.segments("Section", tuple(SECTIONS), key="comparison_section", label_visibility="collapsed")
with reported():
    SECTIONS[section](view)
    if section != "Records":
        show_compared(view)
