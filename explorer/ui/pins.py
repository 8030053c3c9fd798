"""Pinned variants: up to eight, kept by name in the tab and in its link."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import cast

import streamlit as st

from explorer.ui import address
from explorer.ui.knobs import labelled
from explorer.variants import from_query, short_name, to_query
from hrformer import HRFormerConfig
from hrformer.wording import shown

MAX_PINS = 8
MAX_NAME = 40
_PINS = "pins"
#: Key in the link; it stands there once for each, as name|key=value|key=value.
_LINK = "pin"
_BETWEEN = "|"


@dataclass(frozen=True)
class Pin:
    """A variant with the name under which it is kept.

    Attributes:
        name: One line of up to `MAX_NAME` characters, unlike all others.
        config: The variant.
    """

    name: str
    config: HRFormerConfig

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > MAX_NAME or not self.name.isprintable() or _BETWEEN in self.name:
            raise ValueError(
                f"{shown(self.name)} can't name a variant: use 1 to {MAX_NAME} letters, digits and signs, but no "
                f"{_BETWEEN!r}."
            )


def pins() -> tuple[Pin, ...]:
    """The session's pinned variants, in the user's order."""
    return cast("tuple[Pin, ...]", st.session_state.get(_PINS, ()))


def is_pinned(config: HRFormerConfig) -> bool:
    """Whether a variant is among them."""
    return any(pin.config == config for pin in pins())


def pin_variant(config: HRFormerConfig, name: str | None = None) -> None:
    """Keep a variant; without a name under one that says what is changed.

    Raises:
        ValueError: If the name can't be used or there are `MAX_PINS` already.
    """
    if len(pins()) >= MAX_PINS:
        raise ValueError(f"{MAX_PINS} variants are pinned, which is the most: remove one first.")
    _set((*pins(), Pin(name or _free_name(config), config)))


def rename(old: str, new: str) -> None:
    """Give a pinned variant another name.

    Raises:
        ValueError: If it can't be used.
    """
    _set(tuple(replace(pin, name=new.strip()) if pin.name == old else pin for pin in pins()))


def remove(name: str) -> None:
    """Let go of a pinned variant."""
    _set(tuple(pin for pin in pins() if pin.name != name))


def move_up(name: str) -> None:
    """Let a pinned variant change places with the one before it."""
    order = list(pins())
    place = [pin.name for pin in order].index(name)
    if place:
        order[place - 1 : place + 1] = [order[place], order[place - 1]]
    _set(tuple(order))


def pins_to_json() -> str:
    """All pinned variants as JSON, `[{"name": …, "variant": {…}}, …]`."""
    return json.dumps([{"name": pin.name, "variant": pin.config.to_dict()} for pin in pins()], indent=2)


def pins_from_json(text: str | bytes) -> tuple[Pin, ...]:
    """Read what `pins_to_json` writes.

    Raises:
        ValueError: If it is something else, or a variant in it is illegal.
    """
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("This file is no JSON: use pinned variants that were downloaded here.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and set(row) == {"name", "variant"} for row in rows):
        raise ValueError('Pinned variants are a JSON list with a "name" and a "variant" each.')
    if not all(isinstance(row["name"], str) for row in rows):
        raise ValueError("The name of a pinned variant is a text.")
    found = tuple(Pin(row["name"], HRFormerConfig.from_dict(row["variant"])) for row in rows)
    _check(found)
    return found


def restore(found: tuple[Pin, ...]) -> None:
    """Take these variants in place of those that are pinned.

    Raises:
        ValueError: If they are too many or two have one name.
    """
    _set(found)


def keep_pins() -> None:
    """Take over what a newly read link says of pinned variants, and let the page's address tell them."""
    if linked := address.take_all(_LINK):
        _open_link(linked)
    if pins():
        address.keep(_LINK, *(_BETWEEN.join([pin.name, *_pairs(pin.config)]) for pin in pins()))


def _open_link(linked: list[str]) -> None:
    found: list[Pin] = []
    for text in linked[:MAX_PINS]:
        name, *pairs = text.split(_BETWEEN)
        try:
            pin = Pin(name, from_query(dict(pair.split("=", 1) for pair in pairs if "=" in pair)))
            _check((*found, pin))
        except ValueError as error:
            address.complain(f"Left out of the link: pinned variant {shown(name)}. {labelled(str(error))}")
        else:
            found.append(pin)
    if len(linked) > MAX_PINS:
        address.complain(
            f"Left out of the link: {len(linked) - MAX_PINS} pinned variants, since {MAX_PINS} are the most."
        )
    _set(tuple(found))


def _pairs(config: HRFormerConfig) -> list[str]:
    return [f"{key}={value}" for key, value in to_query(config).items()]


def _free_name(config: HRFormerConfig) -> str:
    taken = {pin.name for pin in pins()}
    name = short_name(config)[: MAX_NAME - 4]
    return next(
        candidate for candidate in (name, *(f"{name} ({n})" for n in range(2, MAX_PINS + 2))) if candidate not in taken
    )


def _check(found: tuple[Pin, ...]) -> None:
    if len(found) > MAX_PINS:
        raise ValueError(f"These are {len(found)} variants; up to {MAX_PINS} can be pinned.")
    names = [pin.name for pin in found]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"Two variants are called {shown(doubled)}: give each a name of its own.")


def _set(found: tuple[Pin, ...]) -> None:
    _check(found)
    st.session_state[_PINS] = found
