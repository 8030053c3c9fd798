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
from explorer.ui.explore.prediction_strip import show_prediction_strip
from explorer.ui.explore.sight import begin_page, choose_sight
from explorer.ui.panels import half_grid, show_chart

config = begin_page("Attention windows", "What a position sees")
address, head = choose_block(config)
position = choose_position(config, address.branch)
sight = choose_sight(config)
maps = sight.look(attention_of_block, is_finite, address)

answer = st.container()
view = AttentionView(maps, sight.picture.fitted, head, position, as_ratio=choose_drawing(sight.weights))
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
    f"{sight.description}. Hatched or grey is window padding: it takes part in the softmax, as in the published code. "
    "Rows and columns count from 0."
)
show_prediction_strip(sight)
