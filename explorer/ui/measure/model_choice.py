"""Choosing what to measure by name: the session's variant, pinned ones, and every model that has a name."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from explorer.models.model_ref import ModelRef, Size, all_names, is_model_name, model_by_name, variant
from explorer.ui.pins import pins
from hrformer import HRFormerConfig

THIS_VARIANT = "this variant"
#: Where a second model can be left out.
NO_MODEL = "none"
OWN_SIZE = "own"
#: Ready choices for a text field of image sizes; others can be typed.
SIZES = (OWN_SIZE, "128x128", "160x160", "224x224", "256x192", "384x288", "384x384")
_FROM_PLANS = "models_from_plans"


def model_options() -> list[str]:
    """This variant, pinned ones, those of opened plans, the ready choices and all of timm: none is left to be typed."""
    return [THIS_VARIANT, *pinned_models(), *_from_plans(), *all_names()]


def pinned_models() -> dict[str, ModelRef]:
    """Pinned variants by what choices call them, which follows a rename, each with the name that its records get."""
    return {pin.key: ModelRef(name=_own_name(pin.name), config=pin.config) for pin in pins()}


def model_labels() -> Callable[[str], str]:
    """What a field shows for the options."""
    pinned = {key: model.name for key, model in pinned_models().items()}
    return lambda option: pinned.get(option, option)


def model_of(name: str, config: HRFormerConfig) -> ModelRef:
    """The model that a name stands for, while `config` is the session's variant.

    Raises:
        ValueError: If there is no such name; the nearest ones are named.
    """
    if name == THIS_VARIANT:
        return variant(config)
    return pinned_models().get(name) or _from_plans().get(name) or model_by_name(name.strip())


def name_of(model: ModelRef) -> str:
    """The name under which `model_of` returns this model, in this session."""
    pinned = next((key for key, ref in pinned_models().items() if ref == model), None)
    if pinned is not None:
        return pinned
    if is_model_name(model.name) and model_by_name(model.name) == model:
        return model.name
    name = f"{model.name}, from a plan"
    _from_plans()[name] = model
    return name


def parse_img_size(text: str) -> Size | None:
    """An image size as written by a person: "256x192", "224" for a square, "own" for the model's own (None).

    Raises:
        ValueError: If it is none of these.
    """
    if text.strip() == OWN_SIZE:
        return None
    sides = text.lower().replace(" ", "").split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise ValueError(f"Image size {text!r} is not legal: write height x width in pixels, such as 256x192, or 224.")
    return int(sides[0]), int(sides[-1])


def write_img_size(size: Size | None) -> str:
    """The inverse of `parse_img_size`."""
    return OWN_SIZE if size is None else f"{size[0]}x{size[1]}"


def _own_name(name: str) -> str:
    """A pin's name, or a longer one where it is that of something else."""
    return f"{name} (pinned)" if name in (THIS_VARIANT, NO_MODEL) or is_model_name(name) else name


def _from_plans() -> dict[str, ModelRef]:
    refs: dict[str, ModelRef] = st.session_state.setdefault(_FROM_PLANS, {})
    return refs
