"""What the current variant is compared with: a published one or any pinned variant."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from explorer.ui import choices
from explorer.ui.pins import pins
from explorer.ui.variant import started_from
from explorer.variants import PAPER_NAMES
from hrformer import PRESETS, HRFormerConfig, preset

_KEY = "compare"
_PIN = "pin:"


@dataclass(frozen=True)
class Reference:
    """A variant that others are compared with.

    Attributes:
        name: What it is called.
        config: The variant.
    """

    name: str
    config: HRFormerConfig


def reference_for(config: HRFormerConfig) -> Reference:
    """What `config` is compared with: the preset that the user started from, until another one is chosen."""
    chosen = choices.remembered(_KEY, started_from(), read=_read, is_legal=lambda key: key in _options())
    return _reference(chosen, config)


def choose_reference(config: HRFormerConfig) -> Reference:
    """Choose what `config` is compared with: HRFormer-T, -S, -B or any pinned variant."""
    chosen = choices.one_of(
        st.selectbox,
        "Compare with",
        _options(),
        key=_KEY,
        default=started_from(),
        format_func=lambda key: _reference(key, config).name,
        help="All changes are against this variant: a published one, or any that you have pinned.",
    )
    return _reference(chosen, config)


def _options() -> tuple[str, ...]:
    return (*PRESETS, *(_PIN + pin.name for pin in pins()))


def _read(text: str) -> str:
    if text not in _options():
        raise ValueError
    return text


def _reference(key: str, config: HRFormerConfig) -> Reference:
    if key in PAPER_NAMES:
        return Reference(PAPER_NAMES[key], preset(key, config.task))
    return next(Reference(pin.name, pin.config) for pin in pins() if _PIN + pin.name == key)
