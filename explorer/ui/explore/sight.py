"""How every page that looks into a network begins: its title, the network, the picture, the weights, and the look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Concatenate, ParamSpec, TypeVar

import streamlit as st
from torch import Tensor

from explorer.ui.explore.finite import stop_at_non_finite
from explorer.ui.explore.network import network_to_look_into
from explorer.ui.frame import end_page
from explorer.ui.panels import image_format_control, plain, verbatim
from explorer.ui.sources import PictureSource, WeightsSource, picture_source, random_weights_banner, weights_source
from explorer.ui.variant import current_variant, show_rejection
from hrformer import HRFormer, HRFormerConfig

Place = ParamSpec("Place")
Found = TypeVar("Found")
#: What stands for model, weights and picture.
Key = tuple[str, ...]


@dataclass(frozen=True)
class Sight:
    """A picture before a network with weights.

    Attributes:
        config: The network.
        picture: What it looks at.
        weights: What it has learned, if anything.
    """

    config: HRFormerConfig
    picture: PictureSource
    weights: WeightsSource

    @cached_property
    def x(self) -> Tensor:
        """The picture, normalised, (1, in_chans, H, W)."""
        return self.picture.as_input(self.config)

    @property
    def key(self) -> Key:
        """Stands for model, weights and picture."""
        return self.weights.key, self.picture.key

    @property
    def description(self) -> str:
        """What is looked at with which weights, as Markdown."""
        return f"{describe_picture(self.picture, self.config)}, {verbatim(self.weights.name)}"

    def look(
        self,
        compute: Callable[Concatenate[HRFormer, Tensor, Key, Place], Found],
        is_finite: Callable[[Found], bool],
        *place: Place.args,
        **options: Place.kwargs,
    ) -> Found:
        """What a look finds; where there is nothing to be seen the page says why and ends.

        Args:
            compute: Takes the model, the picture as its input, their key and the place.
            is_finite: Whether what was found holds neither NaN nor infinity.
            *place: Where to look.
            **options: How to look.
        """
        try:
            found = compute(self.weights.model, self.x, self.key, *place, **options)
        except ValueError as error:
            st.error(plain(str(error)), icon=":material/error:")
            end_page()
        if not is_finite(found):
            stop_at_non_finite(self.weights.model, self.x, self.key)
        return found


def begin_page(title: str, caption: str) -> HRFormerConfig:
    """Title, caption and the choice of the network that is looked into, which is returned."""
    current_variant()
    st.title(title)
    st.caption(caption)
    config = network_to_look_into()
    show_rejection()
    return config


def choose_sight(config: HRFormerConfig) -> Sight:
    """Choose picture and weights; where the network cannot be held the page says why and ends."""
    picture, weights = choose_picture_and_weights(config)
    if weights is None:
        end_page()
    return Sight(config, picture, weights)


def choose_picture_and_weights(config: HRFormerConfig) -> tuple[PictureSource, WeightsSource | None]:
    """The same for a page that has something to show without weights, too."""
    picture = picture_source(config)
    weights = weights_source(config)
    image_format_control()
    if weights is not None:
        random_weights_banner(weights)
    return picture, weights


def describe_picture(picture: PictureSource, config: HRFormerConfig) -> str:
    """A picture and its size, as Markdown."""
    height, width = config.img_size
    return f"{plain(picture.name)} at {height}x{width} pixels"
