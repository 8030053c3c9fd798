"""The current variant: one per session, the same on every page and in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import streamlit as st

from explorer.complexity import estimate_complexity
from explorer.ui.panels import plain
from explorer.units import mebibytes, with_prefix
from explorer.variants import QUERY_KEYS, from_query, nearest_legal, nearest_preset, to_query
from hrformer import HRFormerConfig, preset

#: Key, in session and link, of the choice of network on the pages that look into one, and its two values.
NETWORK = "network"
TRAINED_NETWORK = "Trained on digits"
CURRENT_NETWORK = "Current variant"
NETWORKS = {"digits": TRAINED_NETWORK, "variant": CURRENT_NETWORK}
_VARIANT = "variant"
_HISTORY = "variant_history"
_REJECTION = "variant_rejection"
_QUERY = "variant_query"
_MAX_HISTORY = 50


def current_variant() -> HRFormerConfig:
    """The session's variant, after taking over what a link or an edited URL says; every page starts with this."""
    state = st.session_state
    is_new = _VARIANT not in state
    state.setdefault(_VARIANT, preset("tiny"))
    query = {key: value for key, value in st.query_params.items() if key in QUERY_KEYS}
    if query and query != state.get(_QUERY):
        try:
            use_variant(from_query(query))
        except ValueError as error:
            reject(f"The link's variant is not legal. {error}")
    if is_new and st.query_params.get(NETWORK) in NETWORKS:
        state[NETWORK] = NETWORKS[st.query_params[NETWORK]]
    _write_query()
    return _variant()


def use_variant(config: HRFormerConfig) -> None:
    """Make a variant the current one; the one before can be brought back."""
    state = st.session_state
    state.pop(_REJECTION, None)
    if config == state.get(_VARIANT):
        return
    look_into_current_variant()
    history = state.setdefault(_HISTORY, [])
    history.append(state[_VARIANT])
    del history[:-_MAX_HISTORY]
    state[_VARIANT] = config


def look_into_current_variant() -> None:
    """Let the pages that look into a network show the current variant, instead of the one that ships trained."""
    st.session_state[NETWORK] = CURRENT_NETWORK


def reject(sentence: str, values: Mapping[str, Any] | None = None) -> None:
    """Keep the last good variant and say why; `values` are what the user asked for, to offer the nearest legal one."""
    st.session_state[_REJECTION] = (sentence, nearest_legal(values) if values else None)


def undo() -> None:
    """Bring back the variant before the last change."""
    state = st.session_state
    state.pop(_REJECTION, None)
    if state.get(_HISTORY):
        state[_VARIANT] = state[_HISTORY].pop()


def can_undo() -> bool:
    """Whether there is a change to undo."""
    return bool(st.session_state.get(_HISTORY))


def show_rejection() -> None:
    """The sentence on the last illegal input, until the next legal one, with a button that does what would work."""
    rejection = st.session_state.get(_REJECTION)
    if rejection is None:
        return
    sentence, legal = rejection
    with st.container(horizontal=True, vertical_alignment="center"):
        st.error(plain(f"{sentence} Shown below is the last legal variant."), icon=":material/error:")
        if legal is not None:
            st.button("Use the nearest legal variant", on_click=use_variant, args=(legal,), key="use_nearest_legal")


def variant_card(config: HRFormerConfig) -> None:
    """The variant at a glance, for the sidebar of every page but the one that builds it."""
    state = "off" if not config.dw_conv else "on" if config.dw_kernel_size == 3 else "1x1"
    with st.sidebar.container(border=True):
        st.markdown(f"**{nearest_preset(config).name}** · {config.task} · DW conv {state}")
        st.caption(cost_caption(config))
        st.page_link("pages/explore/architecture.py", label="Change the variant", icon=":material/tune:")


def cost_caption(config: HRFormerConfig) -> str:
    """What a variant costs, in one line."""
    cost = estimate_complexity(config)
    return (
        f"{with_prefix(cost.params, 'parameters')} · {with_prefix(cost.macs, 'MACs')} · "
        f"{with_prefix(cost.flops_published, 'FLOPs')} (published convention) · "
        f"{mebibytes(cost.peak_activation_mib)} peak activations, at {config.img_size[0]}x{config.img_size[1]}"
    )


def _variant() -> HRFormerConfig:
    return cast("HRFormerConfig", st.session_state[_VARIANT])


def _write_query() -> None:
    """Put the variant into the URL; keys of the page stay."""
    query = to_query(_variant())
    for key in QUERY_KEYS:
        if key in st.query_params and key not in query:
            del st.query_params[key]
    for key, value in query.items():
        if st.query_params.get(key) != value:
            st.query_params[key] = value
    st.session_state[_QUERY] = query
