"""Pinned variants: up to eight, kept by name in the tab and in its link."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import streamlit as st

from explorer.models.variants import (
    QUERY_KEYS,
    from_query,
    short_name,
    to_query,
)
from explorer.ui import address, choices
from explorer.ui.knobs import labelled
from hrformer import HRFormerConfig
from hrformer.wording import listed, shown

MAX_PINS = 8
MAX_NAME = 40
_PINS = "pins"
#: Key in the link; it stands there once for each.
_LINK = "pin"
_BETWEEN = "|"


@dataclass(frozen=True)
class Pin:
    """A variant with the name under which it is kept.

    Attributes:
        name: One line of up to `MAX_NAME` characters, unlike all others; words stand one space apart.
        config: The variant.
    """

    name: str
    config: HRFormerConfig

    def __post_init__(self) -> None:
        tidy = _tidy(self.name)
        if not tidy or len(self.name) > MAX_NAME or not self.name.isprintable() or _BETWEEN in self.name:
            raise ValueError(
                f"{shown(self.name)} can't name a variant: use 1 to {MAX_NAME} letters, digits and signs, but no "
                f"{_BETWEEN!r}."
            )
        if self.name != tidy:  # else two names could look the same
            raise ValueError(f"{shown(self.name)} can't name a variant: write {shown(tidy)}.")

    @property
    def key(self) -> str:
        """What choices and links call it."""
        return _key(self.name)

    @property
    def link(self) -> str:
        """As a link tells it: `name|key=value|key=value`."""
        return _BETWEEN.join([self.name, *(f"{key}={value}" for key, value in to_query(self.config).items())])

    @classmethod
    def from_link(cls, text: str) -> Pin:
        """The inverse of `link`.

        Raises:
            ValueError: If the name can't be used, or something in it is illegal or means nothing.
        """
        name, *pairs = text.split(_BETWEEN)
        query = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        meaningless = [pair for pair in pairs if pair.partition("=")[0] not in QUERY_KEYS or "=" not in pair]
        if meaningless:
            raise ValueError(f"It says {listed(meaningless)}, which means nothing here.")
        return cls(name, from_query(query))


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
    """Give a pinned variant another name; what it was chosen for, it stays.

    Raises:
        ValueError: If it can't be used.
    """
    renamed = tuple(Pin(_tidy(new), pin.config) if pin.name == old else pin for pin in pins())
    _set(renamed)
    choices.replace_everywhere(_key(old), _key(_tidy(new)))


def remove(name: str) -> None:
    """Unpin a variant; what it was chosen for goes back to its default."""
    _set(tuple(pin for pin in pins() if pin.name != name))
    choices.forget_everywhere(_key(name))


def move(name: str, by: int) -> None:
    """Move a pinned variant up (-1) or down (1) in the order, as far as that goes."""
    order = list(pins())
    place = next((place for place, pin in enumerate(order) if pin.name == name), None)
    if place is not None:  # a second click may come after it is gone
        order.insert(max(0, place + by), order.pop(place))
        _set(tuple(order))


def pins_to_json(some: Sequence[Pin]) -> str:
    """Pinned variants as JSON, `[{"name": …, "variant": {…}}, …]`."""
    return json.dumps([{"name": pin.name, "variant": pin.config.to_dict()} for pin in some], indent=2)


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
    _check_names([row["name"] for row in rows])
    return tuple(_from_json(row["name"], row["variant"]) for row in rows)


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
        address.keep(_LINK, *(pin.link for pin in pins()))


def _open_link(linked: list[str]) -> None:
    found: list[Pin] = []
    for text in linked[:MAX_PINS]:
        try:
            pin = Pin.from_link(text)
            _check_names([other.name for other in (*found, pin)])
        except ValueError as error:
            name = shown(text.split(_BETWEEN)[0])
            address.complain(f"Left out of the link: pinned variant {name}. {labelled(str(error))}")
        else:
            found.append(pin)
    if len(linked) > MAX_PINS:
        address.complain(
            f"Left out of the link: {len(linked) - MAX_PINS} pinned variants, since {MAX_PINS} are the most."
        )
    _set(tuple(found))


def _from_json(name: str, variant: Mapping[str, object]) -> Pin:
    try:
        return Pin(name, HRFormerConfig.from_dict(variant))
    except ValueError as error:
        raise ValueError(f"Pinned variant {shown(name)} can't be had. {labelled(str(error))}") from error


def _tidy(name: str) -> str:
    return " ".join(name.split())


def _key(name: str) -> str:
    return f"pin:{name}"


def _free_name(config: HRFormerConfig) -> str:
    taken = {pin.name for pin in pins()}
    name = short_name(config)[: MAX_NAME - 4].rstrip()
    return next(
        candidate for candidate in (name, *(f"{name} ({n})" for n in range(2, MAX_PINS + 2))) if candidate not in taken
    )


def _check_names(names: list[str]) -> None:
    if len(names) > MAX_PINS:
        raise ValueError(f"These are {len(names)} variants; up to {MAX_PINS} can be pinned.")
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"Two variants are called {shown(doubled)}: give each a name of its own.")


def _set(found: tuple[Pin, ...]) -> None:
    _check_names([pin.name for pin in found])
    st.session_state[_PINS] = found
