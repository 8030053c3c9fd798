"""Attention windows: which pixels a position attends to, and whether content or position makes the pattern."""

import streamlit as st

from explorer.ui import choices
from explorer.ui.explore.attention import (
    DETAILS,
    AttentionView,
    all_heads,
    attention_of_block,
    choose_drawing,
    clickable_picture,
    is_finite,
)
from explorer.ui.explore.block_controls import (
    CLICKABLE,
    choose_block,
    choose_position,
    take_click,
)
from explorer.ui.explore.finite import stop_at_non_finite
from explorer.ui.explore.network import network_to_look_into
from explorer.ui.frame import end_page
from explorer.ui.panels import half_grid, image_format_control, plain, show_chart
from explorer.ui.sources import picture_source, random_weights_banner, weights_source
from explorer.ui.variant import current_variant, show_rejection

current_variant()
st.title("Attention windows")
st.caption("What a position sees")
config = network_to_look_into()
show_rejection()
address, head = choose_block(config)
position = choose_position(config, address.branch)
picture = picture_source(config)
weights = weights_source(config)
image_format_control()
if weights is None:
    end_page()
random_weights_banner(weights)

x, key = picture.as_input(config), (weights.key, picture.key)
try:
    maps = attention_of_block(weights.model, x, key, address)
except ValueError as error:
    st.error(plain(str(error)), icon=":material/error:")
    end_page()
if not is_finite(maps):
    stop_at_non_finite(weights.model, x, key)

answer = st.container()
view = AttentionView(maps, picture.fitted, head, position, as_ratio=choose_drawing(weights))
answer.markdown(view.describe())
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

detail = choices.segments("Details", tuple(DETAILS), key="attention_detail", label_visibility="collapsed")
figure, table = DETAILS[detail](view)
show_chart(figure, f"attention_{detail.lower().replace(' ', '_')}", table, alt=f"{detail} of the chosen block")
st.caption(
    f"{picture.name} at {config.img_size[0]}x{config.img_size[1]} pixels, {weights.name}. Hatched or grey is window "
    "padding: it takes part in the softmax, as in the published code. Rows and columns count from 0."
)
