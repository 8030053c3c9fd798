"""The picture and the weights that a page looks into: chosen once, the same on every page of a session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import streamlit as st
from torch import Tensor

from explorer.cost.capacity import building_mib, looking_mib
from explorer.models.trained import (
    DIGIT_SAMPLES,
    SEGMENTER,
    TRAINED_NETWORKS,
    TrainedNetwork,
    load_digit_sample,
    trained_network,
)
from explorer.models.weights import MAX_SEED, random_model
from explorer.pictures.photographs import (
    SAMPLES,
    Framing,
    Picture,
    fit,
    load_sample,
    to_input,
)
from explorer.sharing.memory_budget import memory_budget
from explorer.ui import address, choices
from explorer.ui.heavy_work import admitted_on_page, shared
from explorer.ui.own_picture import OwnPicture, own_picture, upload_field
from explorer.ui.own_weights import OwnWeights, forget_own_weights, own_weights, take_published
from explorer.ui.own_weights import upload_field as upload_weights
from explorer.ui.panels import plain, verbatim
from explorer.ui.published_weights import (
    chosen_published_weights,
    published_weights_field,
)
from explorer.ui.variant import (
    CURRENT_NETWORK,
    NETWORK,
    use_variant,
)
from explorer.units import MIB
from hrformer import HRFormer, HRFormerConfig
from hrformer.geometry import area
from hrformer.published import PublishedWeights

_PICTURE = "picture"
_OWN = "own"
_WEIGHTS = "weights"
_TRAINED_WEIGHTS = "trained"
_OTHER_WEIGHTS = "other"
_WEIGHTS_NAMES = {_TRAINED_WEIGHTS: "Trained", _OTHER_WEIGHTS: "Random or yours"}
_SEED = "seed"
#: For each pixel: Pillow's own four bytes, those between its two ways and the result; or three values of four bytes.
_MAKING_BYTES = 12
_ORDINARY_MIB = 32


@dataclass(frozen=True)
class PictureSource:
    """A chosen picture as the variant sees it.

    Attributes:
        name: What the user calls it.
        key: Tells it from every other picture, for caches.
        whole: (height, width, 3), before it is fitted.
        img_size: Height and width that the variant takes, in pixels.
        framing: As in `explorer.pictures.photographs.fit`.
    """

    name: str
    key: str
    whole: Picture
    img_size: tuple[int, int]
    framing: Framing = "crop"

    @cached_property
    def fitted(self) -> Picture:
        """(H, W, 3) at the variant's image size; made when it is asked for, as a variant may be refused before."""
        with _room_for(self.img_size):
            return fit(self.whole, self.img_size, self.framing)

    def as_input(self, config: HRFormerConfig) -> Tensor:
        """Normalised, (1, in_chans, H, W)."""
        fitted = self.fitted
        with _room_for(self.img_size):
            return to_input(fitted, config.in_chans)


@dataclass(frozen=True)
class WeightsSource:
    """A model with weights.

    Attributes:
        model: In evaluation mode.
        key: Tells model and weights from all others, for caches.
        name: What the weights are.
        origin: Where they come from; random ones have learned nothing.
        class_names: What the outputs mean, where the weights say it.
    """

    model: HRFormer
    key: str
    name: str
    origin: Literal["trained", "random", "uploaded"]
    class_names: tuple[str, ...] | None = None

    @property
    def are_random(self) -> bool:
        """Whether they have learned nothing, so that nothing is to be told about classes."""
        return self.origin == "random"


@st.cache_resource(max_entries=16, show_spinner=False)
def _sample(name: str) -> Picture:
    return load_digit_sample(name) if name in DIGIT_SAMPLES else load_sample(name)


@st.cache_resource(max_entries=len(TRAINED_NETWORKS), show_spinner=False)
def _trained_model(key: str) -> HRFormer:
    return next(network for network in TRAINED_NETWORKS if network.key == key).load()


def _trained_weights(network: TrainedNetwork, config: HRFormerConfig) -> WeightsSource:
    name = network.weights_name
    return WeightsSource(
        _trained_model(network.key), f"{config.config_id}-trained", name, "trained", network.class_names
    )


def _random_model(config: HRFormerConfig, seed: int) -> HRFormer:
    key = config, seed
    return shared("model", key, building_mib(config), "Building the variant", partial(random_model, config, seed))


def _samples_for(config: HRFormerConfig) -> tuple[str, ...]:
    """All sample pictures, those of the trained network's own task first where it fits."""
    photographs = tuple(SAMPLES)
    return DIGIT_SAMPLES + photographs if trained_network(config) else photographs + DIGIT_SAMPLES


def picture_source(config: HRFormerConfig) -> PictureSource:
    """Choose a picture that ships, or one's own, in the sidebar."""
    own = own_picture()
    name = _choose_picture(_samples_for(config), own)
    upload_field(partial(choices.hold, _PICTURE, _OWN))
    if own is not None and name == _OWN:
        framing = own.choose_framing(config.img_size)
        return PictureSource(own.name, f"{own.digest}-{framing}", own.picture, config.img_size, framing)
    return PictureSource(name, name, _sample(name), config.img_size)


@contextmanager
def _room_for(img_size: tuple[int, int]) -> Iterator[None]:
    """Memory for making something in a picture's size; what is ordinary does not wait for it.

    Raises:
        ValueError: If there can never be that much memory.
    """
    needed_mib = _MAKING_BYTES * area(img_size) / MIB
    with admitted_on_page(needed_mib) if needed_mib > _ORDINARY_MIB else nullcontext():
        yield


def _choose_picture(samples: Sequence[str], own: OwnPicture | None) -> str:
    """The name of a sample, or that of one's own picture in links; another browser does not have that one."""
    if own is None and address.says(_PICTURE) == _OWN:
        address.take(_PICTURE)
        address.complain("Left out of the link: a picture of one's own, which only the browser that sent it has.")
    with st.sidebar:
        return choices.one_of(
            st.selectbox,
            "Picture",
            (*samples, *([_OWN] if own else [])),
            key=_PICTURE,
            format_func=lambda option: f"Yours: {own.name}" if own and option == _OWN else option,
        )


def weights_source(config: HRFormerConfig) -> WeightsSource | None:
    """Choose random weights by their seed, or upload a checkpoint, in the sidebar; those that ship where they fit.

    Returns:
        The model, or None where this machine or the memory budget cannot hold the variant; the page then shows why.
    """
    weights = _choose_weights(config)
    if weights is None or weights.are_random:  # random ones are made only where there is room
        return weights
    return weights if _can_be_looked_into(config) else None


def _can_be_looked_into(config: HRFormerConfig) -> bool:
    """Whether a picture's way through the variant can ever fit; said before the picture is made for it."""
    try:
        memory_budget().refuse_impossible(building_mib(config) + looking_mib(config))
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/memory:")
        return False
    return True


def _choose_weights(config: HRFormerConfig) -> WeightsSource | None:
    uploaded = _file_weights()
    trained = trained_network(config)
    if trained is not None and _chose_trained_weights():
        upload_weights(_take_other_weights)
        published_weights_field(_take_published, None)
        return _trained_weights(trained, config)
    is_shown = uploaded is not None and _fits(uploaded, config)
    seed = choices.held(_SEED, 0) if is_shown else _choose_seed()
    upload_weights(_take_other_weights)
    published_weights_field(_take_published, uploaded.published if uploaded is not None and is_shown else None)
    if uploaded is not None:
        return _uploaded_weights(uploaded, config, seed)
    return _random_weights(config, seed)


def _choose_seed() -> int:
    with st.sidebar:
        return choices.number(
            st.number_input,
            "Seed of the random weights",
            0,
            MAX_SEED,
            key=_SEED,
            default=0,
            help="Untrained weights: maps show what the structure does, not what a trained network has learned.",
        )


def _file_weights() -> OwnWeights | None:
    """The model of a file; published weights are let go of where none are chosen any more."""
    uploaded = own_weights()
    if uploaded is not None and uploaded.published is not None and chosen_published_weights() is None:
        forget_own_weights()
        return None
    return uploaded


def _fits(uploaded: OwnWeights, config: HRFormerConfig) -> bool:
    """Whether the model is of a variant, at whatever image size."""
    return replace(uploaded.model.config, img_size=config.img_size) == config


def random_weights_banner(weights: WeightsSource) -> None:
    """Say above what a page shows that nothing was learned, with one click to the network that was trained."""
    if weights.are_random:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(
                "Random weights: this shows what the structure does, not what training makes of it.",
                icon=":material/casino:",
            )
            st.button(
                "Show the trained network",
                icon=":material/school:",
                key="show_trained_network",
                on_click=_show_trained_network,
            )


def _show_trained_network() -> None:
    """The weights of the network that is looked into where it ships with some, else the first that does."""
    if choices.held(NETWORK, SEGMENTER.key) == CURRENT_NETWORK:
        choices.hold(NETWORK, SEGMENTER.key)
    choices.hold(_WEIGHTS, _TRAINED_WEIGHTS)


def _take_other_weights() -> None:
    choices.hold(_WEIGHTS, _OTHER_WEIGHTS)


def _chose_trained_weights() -> bool:
    with st.sidebar:
        chosen = choices.segments(
            "Weights",
            tuple(_WEIGHTS_NAMES),
            key=_WEIGHTS,
            format_func=lambda key: _WEIGHTS_NAMES[key],
            help="The same network before it learned anything, or with a checkpoint of yours, for comparison.",
        )
    return chosen == _TRAINED_WEIGHTS


def known_weights(config: HRFormerConfig) -> tuple[HRFormer | int, str, str]:
    """What other pages of the session use for the variant, for pages without that choice.

    Returns:
        The weights that ship or the uploaded model where they are of this variant, else the seed of random weights;
        the key of `WeightsSource`; and what the weights are.
    """
    trained = _known_trained(config)
    if trained is not None:
        return trained.model, trained.key, trained.name
    uploaded = _file_weights()
    if uploaded is not None and _fits(uploaded, config):
        return uploaded.model, f"{config.config_id}-{uploaded.digest}", uploaded.name
    seed = choices.held(_SEED, 0)
    return seed, f"{config.config_id}-random-{seed}", f"random weights, seed {seed}"


def _known_trained(config: HRFormerConfig) -> WeightsSource | None:
    """The weights that ship for a variant, unless others are chosen for it."""
    trained = trained_network(config)
    is_chosen = choices.held(_WEIGHTS, _TRAINED_WEIGHTS) == _TRAINED_WEIGHTS
    return _trained_weights(trained, config) if trained is not None and is_chosen else None


def weights_beside(config: HRFormerConfig) -> WeightsSource | None:
    """The session's weights for a variant that stands beside another; None where it cannot be held, which is said."""
    weights, key, name = known_weights(config)
    if isinstance(weights, int):
        return _random_weights(config, weights)
    if not _can_be_looked_into(config):
        return None
    return _known_trained(config) or WeightsSource(weights, key, name, "uploaded")


def _random_weights(config: HRFormerConfig, seed: int) -> WeightsSource | None:
    if not _can_be_looked_into(config):
        return None
    try:
        model = _random_model(config, seed)
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/memory:")
        return None
    return WeightsSource(model, f"{config.config_id}-random-{seed}", f"random weights, seed {seed}", "random")


def _uploaded_weights(uploaded: OwnWeights, config: HRFormerConfig, seed: int) -> WeightsSource | None:
    if _fits(uploaded, config):
        uploaded.show(_take_other_weights)
        return WeightsSource(uploaded.model, f"{config.config_id}-{uploaded.digest}", uploaded.name, "uploaded")
    with st.sidebar:
        st.info(f"{verbatim(uploaded.name)} fits another variant; random weights are shown.", icon=":material/info:")
        left, right = st.columns(2)
        fitting = replace(uploaded.model.config, img_size=config.img_size)
        left.button("Back to it", on_click=use_variant, args=(fitting,), key="back_to_checkpoint")
        right.button("Forget it", on_click=forget_own_weights, key="forget_checkpoint")
    return _random_weights(config, seed)


def _take_published(weights: PublishedWeights, path: Path) -> None:
    take_published(weights, path, _take_other_weights)
