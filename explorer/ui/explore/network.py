"""Which network a page looks into: one that ships trained, or the current variant."""

from __future__ import annotations

import streamlit as st

from explorer.models.trained import TRAINED_NETWORKS, TrainedNetwork
from explorer.ui import choices
from explorer.ui.variant import (
    CURRENT_NETWORK,
    NETWORK,
    cost_caption,
    current_variant,
    variant_card,
)
from hrformer import HRFormerConfig

_TRAINED = {network.key: network for network in TRAINED_NETWORKS}
_LABELS = {network.key: network.label for network in TRAINED_NETWORKS} | {CURRENT_NETWORK: "Current variant"}


def network_to_look_into() -> HRFormerConfig:
    """Choose in the sidebar among the networks that ship trained and the current variant, and show which it is.

    Who has not chosen a variant yet sees a trained one, so that the first maps are learned patterns and not noise.
    """
    current = current_variant()
    with st.sidebar:
        chosen = choices.segments(
            "Network",
            tuple(_LABELS),
            key=NETWORK,
            format_func=lambda key: _LABELS[key],
            help="The trained network is small and fixed; the current variant has random weights, or your checkpoint.",
        )
    if chosen == CURRENT_NETWORK:
        variant_card(current)
        return current
    return _trained_card(_TRAINED[chosen])


def _trained_card(network: TrainedNetwork) -> HRFormerConfig:
    config = network.config
    with st.sidebar.container(border=True):
        st.markdown(f"**{network.title}** · {config.task} · DW conv on")
        st.caption(f"{cost_caption(config)}. This network was {network.trained_for}.")
    return config
