"""A model by its name or its variant, and what builds it: HRFormer variants, dense baselines, and any timm model."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import timm
from torch import nn

from explorer.models.catalogue import BY_NAME, DENSE_BASELINES, HRFORMER_PRESETS
from explorer.models.dense_baselines import IN_CHANS, build_dense
from explorer.records.record import ModelSource
from hrformer import HRFormerConfig, create_model, preset
from hrformer.wording import shown

Size = tuple[int, int]

_LONGEST_NAME = 80


@dataclass(frozen=True, kw_only=True)
class ModelRef:
    """A model that can be built anywhere from what is written here.

    Attributes:
        name: A preset's name, any label for a variant, a dense baseline's name, or timm's.
        config: The variant; None for all others.
        pretrained: Whether timm fetches its published weights; they change no speed, so random ones are the default.

    Raises:
        ValueError: If nobody knows the name, or weights are asked for where there are none.
    """

    name: str
    config: HRFormerConfig | None = None
    pretrained: bool = False

    def __post_init__(self) -> None:
        if self.config is None and self.name not in DENSE_BASELINES and not timm.is_model(self.name):
            raise ValueError(_unknown_name(self.name))
        if not isinstance(self.pretrained, bool):
            raise ValueError(f"pretrained = {shown(self.pretrained)} is not legal: use true or false, without quotes.")
        if self.pretrained and (self.config is not None or self.name in DENSE_BASELINES):
            raise ValueError(f"{self.name} has no weights to fetch: leave pretrained out, it is for timm models.")

    @property
    def source(self) -> ModelSource:
        """Where the backbone's code comes from: "hrformer" or "timm"."""
        return "timm" if self.config is None else "hrformer"

    @property
    def default_img_size(self) -> Size:
        """The size the model was made for, (height, width) in pixels."""
        if self.config is not None:
            return self.config.img_size
        if self.name in DENSE_BASELINES:
            return preset("base", BY_NAME[self.name].task).img_size
        _, height, width = _timm_input_size(self.name)
        return height, width

    @property
    def in_chans(self) -> int:
        """Channels of the images it takes."""
        if self.config is not None:
            return self.config.in_chans
        return IN_CHANS if self.name in DENSE_BASELINES else _timm_input_size(self.name)[0]

    def settings(self, img_size: Size) -> dict[str, Any]:
        """Everything that builds the model at this size, as a record keeps it."""
        if self.config is not None:
            return replace(self.config, img_size=img_size).to_dict()
        if self.name in DENSE_BASELINES:
            return {"model": self.name, **vars(DENSE_BASELINES[self.name]), "pretrained": False}
        return {"model": self.name, "pretrained": self.pretrained, **_size_argument(self.name, img_size)}

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        config = None if self.config is None else self.config.to_dict()
        return {"name": self.name, "config": config, "pretrained": self.pretrained}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | str) -> ModelRef:
        """From `to_dict`, or from a name alone.

        Raises:
            ValueError: If the name or a key is unknown, or the configuration is illegal.
        """
        if isinstance(values, str):
            return model_by_name(values)
        known = {"name", "config", "pretrained"}
        if not isinstance(values, Mapping) or set(values) - known or not isinstance(values.get("name"), str):
            raise ValueError(
                f"A model is a name, or a mapping of name, config and pretrained; {shown(values)} is not one."
            )
        pretrained = values.get("pretrained", False)
        if values.get("config") is None:
            return model_by_name(values["name"], pretrained=pretrained)
        return cls(name=values["name"], config=HRFormerConfig.from_dict(values["config"]), pretrained=pretrained)


def model_by_name(name: str, *, pretrained: bool = False) -> ModelRef:
    """A preset, a dense baseline or a timm model.

    Raises:
        ValueError: If there is no such name; the nearest ones are named.
    """
    return ModelRef(name=name, config=HRFORMER_PRESETS.get(name), pretrained=pretrained)


@lru_cache(maxsize=1)
def all_names() -> tuple[str, ...]:
    """Every name that `model_by_name` knows, the catalogue's first; timm's without the tags of their weights."""
    return tuple(dict.fromkeys([*BY_NAME, *timm.list_models()]))


def is_model_name(name: str) -> bool:
    """Whether a preset, a dense baseline or one of timm's models is called so."""
    return name in BY_NAME or timm.is_model(name)


def variant(config: HRFormerConfig) -> ModelRef:
    """A variant under its preset's name where it is one (at any image size), else under its configuration's id."""
    for name, known in HRFORMER_PRESETS.items():
        if replace(config, img_size=known.img_size) == known:
            return ModelRef(name=name, config=config)
    return ModelRef(name=f"hrformer_{config.config_id}", config=config)


def build_model(ref: ModelRef, img_size: Size) -> nn.Module:
    """The model for images of this size, on torch's default device, in inference mode.

    timm's transformers are built for one size (`img_size`); HRNet and other convolutional networks take any.

    Raises:
        ValueError: If the model can't be built for this size.
    """
    if ref.config is not None:
        return create_model(replace(ref.config, img_size=img_size)).eval()
    try:
        model = _build_baseline(ref, img_size)
    except (TypeError, AssertionError) as error:
        raise ValueError(wrong_size(ref, img_size, error)) from error
    return model.eval()


def _build_baseline(ref: ModelRef, img_size: Size) -> nn.Module:
    if ref.name in DENSE_BASELINES:
        return build_dense(DENSE_BASELINES[ref.name], img_size)
    model: nn.Module = timm.create_model(ref.name, pretrained=ref.pretrained, **_size_argument(ref.name, img_size))
    return model


def _timm_input_size(name: str) -> tuple[int, int, int]:
    config = timm.get_pretrained_cfg(name)
    size: tuple[int, int, int] = (3, 224, 224) if config is None else config.input_size
    return size


def _size_argument(name: str, img_size: Size) -> dict[str, Any]:
    """What tells a timm model its image size, where it must be told."""
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.fixed_input_size or img_size == tuple(config.input_size[1:]):
        return {}
    return {"img_size": img_size}


def _unknown_name(name: str) -> str:
    names = all_names()
    longer = [known for known in names if name and known.startswith(name)]
    asked = name[:_LONGEST_NAME]  # comparing takes time with the square of the length
    nearest = [*longer, *difflib.get_close_matches(asked, names, n=3, cutoff=0.4), "hrformer_tiny", "hrnet_w18"]
    suggested = list(dict.fromkeys(nearest))[:3]
    return f"There is no model called {shown(name)}: use {' or '.join(suggested)}, or any other of timm's names."


def wrong_size(ref: ModelRef, img_size: Size, error: Exception) -> str:
    """What a model that failed at a size says to a person, in one sentence."""
    height, width = ref.default_img_size
    cause = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
    asked = f"{img_size[0]}x{img_size[1]} pixels"
    if img_size == (height, width):
        return f"{ref.name} can't be run with images of {asked}, the size it was made for: {cause}."
    return f"{ref.name} can't take images of {asked} ({cause}): use {height}x{width}, the size it was made for."
