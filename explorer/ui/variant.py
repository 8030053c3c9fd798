"""The current variant: one per session, the same on every page and in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import streamlit as st

from explorer.cost.complexity import estimate_complexity
from explorer.models.variants import (
    QUERY_KEYS,
    difference_from,
    legal_part,
    nearest_legal,
    to_query,
)
from explorer.ui import address, choices
from explorer.ui.knobs import labelled
from explorer.ui.panels import plain, verbatim
from explorer.ui.pins import keep_pins
from explorer.units import mebibytes, with_prefix
from hrformer import PRESETS, HRFormerConfig, preset

#: Key, in session and link, of the choice of network on the pages that look into one, and its value for the variant;
#: its others are the keys of the networks that ship trained.
NETWORK = "network"
CURRENT_NETWORK = "variant"
_VARIANT = "variant"
_STARTED_FROM = "variant_started_from"
_UNDO = "variant_undo"
_REDO = "variant_redo"
_REJECTION = "variant_rejection"
_MAX_HISTORY = 50


class _Step(NamedTuple):
    """A variant that can be brought back, and the preset from which the user had come to it."""

    config: HRFormerConfig
    started_from: str


def current_variant() -> HRFormerConfig:
    """The session's variant, after taking over what a link says; every page starts with this."""
    state = st.session_state
    state.setdefault(_VARIANT, preset("tiny"))
    state.setdefault(_STARTED_FROM, "tiny")
    _open_link()
    for key, value in to_query(_variant(), started_from()).items():
        address.keep(key, value)
    keep_pins()
    return _variant()


def started_from() -> str:
    """The preset that the user started from: what the variant is a change of, and compared with by default."""
    return cast("str", st.session_state.get(_STARTED_FROM, "tiny"))


def variant_name(config: HRFormerConfig) -> str:
    """What the current variant is called: the preset that it was made from, and whether it was changed."""
    return difference_from(started_from(), config).name


def use_variant(config: HRFormerConfig, base: str | None = None) -> None:
    """Make a variant the current one; the one before can be brought back.

    Args:
        config: The variant.
        base: The preset that it starts from; by default that of the variant before.
    """
    state = st.session_state
    state.pop(_REJECTION, None)
    now, then = _Step(config, base or started_from()), _step()
    if now == then:
        return
    look_into_current_variant()
    if then not in state.get(_UNDO, [])[-1:]:  # it is there where a script that was stopped had come so far
        state[_UNDO] = [*state.get(_UNDO, []), then][-_MAX_HISTORY:]
    state[_REDO] = []
    _take(now)


def look_into_current_variant() -> None:
    """Let the pages that look into a network show the current variant, instead of the one that ships trained."""
    choices.hold(NETWORK, CURRENT_NETWORK)


def reject(sentence: str, values: Mapping[str, Any] | None = None) -> None:
    """Keep the last good variant and say why; `values` are what the user asked for, to offer the nearest legal one."""
    st.session_state[_REJECTION] = (labelled(sentence), nearest_legal(values) if values else None)


def undo() -> None:
    """Bring back the variant before the last change."""
    _go(_UNDO, _REDO)


def redo() -> None:
    """Bring back the variant that was undone last."""
    _go(_REDO, _UNDO)


def can_undo() -> bool:
    """Whether there is a change to undo."""
    return bool(st.session_state.get(_UNDO))


def can_redo() -> bool:
    """Whether there is an undone change to bring back."""
    return bool(st.session_state.get(_REDO))


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


def variant_card(config: HRFormerConfig, name: str | None = None) -> None:
    """The variant at a glance, for the sidebar of every page but the one that builds it; pinned ones by their name."""
    state = "off" if not config.dw_conv else "on" if config.dw_kernel_size == 3 else "1x1"
    with st.sidebar.container(border=True):
        st.markdown(f"**{verbatim(name or variant_name(config))}** · {config.task} · DW conv {state}")
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


def _open_link() -> None:
    """Make the variant of a newly read link the current one, as much of it as is legal."""
    linked = {key: value for key in QUERY_KEYS if (value := address.take(key)) is not None}
    if not linked:
        return
    config, problems = legal_part(linked)
    for problem in problems:
        address.complain(f"Left out of the link: {labelled(problem)}")
    use_variant(config, linked["preset"] if linked.get("preset") in PRESETS else "tiny")


def _go(back: str, forth: str) -> None:
    state = st.session_state
    state.pop(_REJECTION, None)
    if state.get(back):
        state.setdefault(forth, []).append(_step())
        _take(state[back].pop())


def _variant() -> HRFormerConfig:
    return cast("HRFormerConfig", st.session_state[_VARIANT])


def _step() -> _Step:
    return _Step(_variant(), started_from())


def _take(step: _Step) -> None:
    st.session_state[_VARIANT], st.session_state[_STARTED_FROM] = step
