"""Which network a page looks into: the one that ships trained, or the current variant."""

from __future__ import annotations

import streamlit as st

from explorer.models.trained import TRAINED_ON, trained_config
from explorer.ui import choices
from explorer.ui.variant import (
    CURRENT_NETWORK,
    NETWORK,
    NETWORKS,
    cost_caption,
    current_variant,
    variant_card,
)
from hrformer import HRFormerConfig


def network_to_look_into() -> HRFormerConfig:
    """Choose in the sidebar between the network that ships trained and the current variant, and show which it is.

    Who has not chosen a variant yet sees the trained one, so that the first maps are learned patterns and not noise.
    """
    current = current_variant()
    with st.sidebar:
        chosen = choices.segments(
            "Network",
            tuple(NETWORKS),
            key=NETWORK,
            format_func=lambda key: NETWORKS[key],
            help="The trained network is small and fixed; the current variant has random weights, or your checkpoint.",
        )
    if chosen == CURRENT_NETWORK:
        variant_card(current)
        return current
    return _trained_card()


def _trained_card() -> HRFormerConfig:
    config = trained_config()
    with st.sidebar.container(border=True):
        st.markdown(f"**Small HRFormer, trained on digits** · {config.task} · DW conv on")
        st.caption(f"{cost_caption(config)}. This network was {TRAINED_ON}.")
    return config
