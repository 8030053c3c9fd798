"""What a variant stands beside: its reference, and what is laid over it; published ones and any pinned variant."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from explorer.models.catalogue import PAPER_NAMES
from explorer.ui import choices
from explorer.ui.pins import pins
from explorer.ui.variant import started_from
from hrformer import PRESETS, HRFormerConfig, preset

_COMPARE = "compare"
_NONE = "none"
_REFERENCE = "reference"


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
    chosen = choices.remembered(_COMPARE, started_from(), read=_read, is_legal=lambda key: key in _options())
    return _reference(chosen, config)


def choose_reference(config: HRFormerConfig) -> Reference:
    """Choose what `config` is compared with: HRFormer-T, -S, -B or any pinned variant."""
    names = {key: _reference(key, config).name for key in _options()}
    chosen = choices.one_of(
        st.selectbox,
        "Compare with",
        tuple(names),
        key=_COMPARE,
        default=started_from(),
        format_func=lambda key: names.get(key, key),
        help="All changes are against this variant: a published one, or any that you have pinned.",
    )
    return _reference(chosen, config)


def choose_other(label: str, config: HRFormerConfig, *, key: str, explanation: str) -> Reference | None:
    """Choose what is shown together with `config`: nothing, its reference or any pinned variant.

    Args:
        label: Of the control.
        config: The variant that is shown in any case.
        key: Of the choice, in session and link.
        explanation: What the control does, in one sentence.
    """
    others = {_REFERENCE: reference_for(config)} | {pin.key: Reference(pin.name, pin.config) for pin in pins()}
    names = {_NONE: "nothing", **{option: other.name for option, other in others.items()}}
    names[_REFERENCE] += " (reference)"
    chosen = choices.one_of(
        st.selectbox,
        label,
        tuple(names),
        key=key,
        format_func=lambda option: names.get(option, option),
        help=explanation,
    )
    return others.get(chosen)


def _options() -> tuple[str, ...]:
    return (*PRESETS, *(pin.key for pin in pins()))


def _read(text: str) -> str:
    if text not in _options():
        raise ValueError
    return text


def _reference(key: str, config: HRFormerConfig) -> Reference:
    if key in PAPER_NAMES:
        return Reference(PAPER_NAMES[key], preset(key, config.task))
    return next(Reference(pin.name, pin.config) for pin in pins() if pin.key == key)
