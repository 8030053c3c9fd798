"""Receptive field: how far a position sees, with and without the depth-wise convolution that joins the windows."""

import streamlit as st

from explorer.ui import choices
from explorer.ui.explore.beside import choose_beside, name_of_network
from explorer.ui.explore.prediction_strip import show_prediction_strip
from explorer.ui.explore.receptive_field import choose_map_position, fields
from explorer.ui.explore.receptive_field_sections import (
    FieldView,
    show_effective,
    show_leak,
    show_reads,
    show_theoretical,
    show_window_sizes,
)
from explorer.ui.explore.receptive_fields_beside import (
    SECTIONS_OF_BOTH,
    NamedView,
    show_theoretical_fields,
    view_beside,
)
from explorer.ui.explore.sight import Sight, begin_page, choose_picture_and_weights, describe_picture
from explorer.ui.panels import plain, verbatim

SECTIONS = {
    "Maps read on the way": show_reads,
    "Effective field": show_effective,
    "Leak test": show_leak,
    "Window sizes": show_window_sizes,
}

config = begin_page(
    "Receptive field", "How far a position sees, with and without the depth-wise convolution that joins the windows"
)
other = choose_beside(config)
position = choose_map_position(config)
picture, weights = choose_picture_and_weights(config)

theoretical = None
try:
    theoretical = fields(config, position)
except ValueError as error:
    st.error(plain(str(error)), icon=":material/error:")
view = FieldView(config, position, picture, weights, theoretical)
both = None
if other is not None:
    try:
        both = (NamedView(name_of_network(config), view), view_beside(view, other))
    except ValueError as error:
        st.error(f"{verbatim(other.name)}: {plain(str(error))}", icon=":material/error:")
if both is None:
    show_theoretical(view)
else:
    show_theoretical_fields(both)
section = choices.segments("Details", tuple(SECTIONS), key="field_section", label_visibility="collapsed")
try:
    if both is None:
        SECTIONS[section](view)
    else:
        SECTIONS_OF_BOTH[section](both)
except ValueError as error:
    st.error(plain(str(error)), icon=":material/error:")
st.caption(
    f"{describe_picture(picture, config)}. Rows and columns count from 0; fields are of positions after the module's "
    "fusion."
)
if weights is not None:
    show_prediction_strip(Sight(config, picture, weights))
