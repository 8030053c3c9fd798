"""Which network the Ablation page takes apart: the current variant or a pinned one."""

from __future__ import annotations

import streamlit as st

from explorer.ui import choices
from explorer.ui.pins import pins
from explorer.ui.variant import current_variant, variant_card, variant_name
from hrformer import HRFormerConfig

_CURRENT = "variant"


def network_to_ablate() -> HRFormerConfig:
    """Choose in the sidebar what things are taken out of, and show which it is."""
    current = current_variant()
    named = {_CURRENT: (variant_name(current), current)} | {pin.key: (pin.name, pin.config) for pin in pins()}
    with st.sidebar:
        chosen = choices.one_of(
            st.selectbox,
            "Network",
            tuple(named),
            key="ablation_network",
            format_func=lambda key: "this variant" if key == _CURRENT else named[key][0],
            help="What things are taken out of: the current variant, or one that is pinned on the Build page.",
        )
    name, config = named[chosen]
    variant_card(config, name)
    return config
