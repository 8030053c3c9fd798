"""Take it out: what the network says without a head, a block, a branch or an arrow, and what each is worth."""

import streamlit as st

from explorer.ui.explore.sight import begin_page, choose_sight
from explorer.ui.explore.take_out import take_out_section

config = begin_page("Take it out", "What the network says without a part of it, and what each part is worth")
sight = choose_sight(config)
take_out_section(sight)
st.caption(f"{sight.description}.")
