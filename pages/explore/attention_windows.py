"""Attention windows: which pixels a position attends to, and whether content or position makes the pattern."""

import streamlit as st

from explorer.ui.attention import (
    DETAILS,
    AttentionView,
    all_heads,
    attention_of_block,
    clickable_picture,
    is_finite,
)
from explorer.ui.block_controls import CLICKABLE, choose_block, choose_position, take_click
from explorer.ui.finite import stop_at_non_finite
from explorer.ui.frame import end_page
from explorer.ui.network import network_to_look_into
from explorer.ui.panels import half_grid, image_format_control, show_chart
from explorer.ui.sources import picture_source, weights_source
from explorer.ui.variant import current_variant, show_rejection

current_variant()
st.markdown("### Attention windows: what a position sees")
config = network_to_look_into()
show_rejection()
address, head = choose_block(config)
position = choose_position(config, address.branch)
picture = picture_source(config)
weights = weights_source(config)
image_format_control()
if weights is None:
    end_page()

x, key = picture.as_input(config), (weights.key, picture.key)
try:
    maps = attention_of_block(weights.model, x, key, address)
except ValueError as error:
    st.error(str(error), icon=":material/error:")
    end_page()
if not is_finite(maps):
    stop_at_non_finite(weights.model, x, key)

view = AttentionView(maps, picture.fitted, head, position)
halves = half_grid()
with halves.cell():
    figure, table = clickable_picture(view)
    show_chart(
        figure,
        CLICKABLE,
        table,
        alt="The picture under the branch's window grid; the window of the chosen position shows its attention",
        on_select=take_click,
    )
with halves.cell():
    figure, table = all_heads(view)
    show_chart(figure, "attention_heads", table, alt="Attention of the chosen position over its window in every head")
st.caption(view.describe())

detail = st.segmented_control(
    "Details", DETAILS, default=next(iter(DETAILS)), required=True, key="attention_detail", label_visibility="collapsed"
)
figure, table = DETAILS[detail](view)
show_chart(figure, f"attention_{detail.lower().replace(' ', '_')}", table, alt=f"{detail} of the chosen block")
st.caption(
    f"{picture.name} at {config.img_size[0]}x{config.img_size[1]} pixels, {weights.name}. Hatched or grey is window "
    "padding: it takes part in the softmax, as in the published code. Rows and columns count from 0."
)
