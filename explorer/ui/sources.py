"""The picture and the weights that a page looks into: chosen once, the same on every page of a session."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st
from torch import Tensor

from explorer.capacity import building_mib
from explorer.complexity import MIB
from explorer.models import MAX_SEED, model_from_upload, random_model
from explorer.pictures import FORMATS, MAX_FILE_MIB, SAMPLES, Picture, fit, load_sample, read_picture, to_input
from explorer.trained import DIGIT_SAMPLES, TEST_MIOU, fits_trained_weights, load_digit_sample, load_trained
from explorer.ui import choices
from explorer.ui.heavy_work import admitted_on_page, shared
from explorer.ui.panels import plain
from explorer.ui.variant import current_variant, look_into_current_variant, use_variant
from explorer.variants import nearest_preset
from hrformer import HRFormer, HRFormerConfig

_PICTURE = "picture"
_OWN = "own"
_WEIGHTS = "weights"
_TRAINED_WEIGHTS = "trained"
_OTHER_WEIGHTS = "other"
_WEIGHTS_NAMES = {_TRAINED_WEIGHTS: "Trained", _OTHER_WEIGHTS: "Random or yours"}
_SEED = "seed"
_LONGEST_NAME = 40
_TRAINED_NAME = f"weights trained to segment digits (test mIoU {TEST_MIOU:.3f})"
MAX_CHECKPOINT_MIB = 300


@dataclass(frozen=True)
class PictureSource:
    """A chosen picture as the variant sees it.

    Attributes:
        name: What the user calls it.
        key: Tells it from every other picture, for caches.
        fitted: (H, W, 3) at the variant's image size.
    """

    name: str
    key: str
    fitted: Picture

    def as_input(self, config: HRFormerConfig) -> Tensor:
        """Normalised, (1, in_chans, H, W)."""
        return to_input(self.fitted, config.in_chans)


@dataclass(frozen=True)
class WeightsSource:
    """A model with weights.

    Attributes:
        model: In evaluation mode.
        key: Tells model and weights from all others, for caches.
        name: What the weights are.
    """

    model: HRFormer
    key: str
    name: str


@dataclass(frozen=True, eq=False)
class _OwnPicture:
    name: str
    digest: str
    picture: Picture


@dataclass(frozen=True)
class _UploadedModel:
    name: str
    digest: str
    model: HRFormer


@st.cache_resource(max_entries=16, show_spinner=False)
def _sample(name: str) -> Picture:
    return load_digit_sample(name) if name in DIGIT_SAMPLES else load_sample(name)


@st.cache_resource(max_entries=1, show_spinner=False)
def _trained_model() -> HRFormer:
    return load_trained()


def _random_model(config: HRFormerConfig, seed: int) -> HRFormer:
    key = config, seed
    return shared("model", key, building_mib(config), "Building the variant", partial(random_model, config, seed))


def _samples_for(config: HRFormerConfig) -> tuple[str, ...]:
    """All sample pictures, those of the trained network's own task first where it fits."""
    photographs = tuple(SAMPLES)
    return DIGIT_SAMPLES + photographs if fits_trained_weights(config) else photographs + DIGIT_SAMPLES


def picture_source(config: HRFormerConfig) -> PictureSource:
    """Choose a photograph or upload one, in the sidebar."""
    state = st.session_state
    with st.sidebar:
        own: _OwnPicture | None = state.get("uploaded_picture")
        names = [*_samples_for(config), *([_OWN] if own else [])]
        name = choices.one_of(
            st.selectbox,
            "Picture",
            names,
            key=_PICTURE,
            format_func=lambda option: f"Yours: {own.name}" if own and option == _OWN else option,
        )
        file = st.file_uploader(
            "Use your own picture",
            type=["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"],
            key="picture_file",
            on_change=_take_picture,
            max_upload_size=MAX_FILE_MIB,
            help=f"{', '.join(FORMATS)}, 8 bits a channel; it is cropped around its centre to the variant's image size "
            "and stays on this server only as long as your session.",
        )
        if file is not None and "picture_error" in state:
            st.error(plain(state["picture_error"]), icon=":material/error:")
    if own and name == _OWN:
        return PictureSource(own.name, own.digest, fit(own.picture, config.img_size))
    return PictureSource(name, name, fit(_sample(name), config.img_size))


def picture_at(picture: PictureSource, img_size: tuple[int, int]) -> PictureSource:
    """The same picture at another image size."""
    if picture.fitted.shape[:2] == img_size:
        return picture
    own: _OwnPicture | None = st.session_state.get("uploaded_picture")
    whole = own.picture if own is not None and own.digest == picture.key else _sample(picture.name)
    return replace(picture, fitted=fit(whole, img_size))


def _take_picture() -> None:
    """Decode an upload; the picture chosen before stays when it is refused."""
    state = st.session_state
    state.pop("picture_error", None)
    file = state["picture_file"]
    if file is None:
        return
    contents = file.getvalue()
    try:
        picture = read_picture(contents)
    except ValueError as error:
        state["picture_error"] = f"{file.name} was not taken. {error}"
        return
    name = re.sub(r"[^\w .-]", "_", file.name)[-_LONGEST_NAME:]
    state["uploaded_picture"] = _OwnPicture(name, hashlib.sha256(contents).hexdigest(), picture)
    choices.hold(_PICTURE, _OWN)


def weights_source(config: HRFormerConfig) -> WeightsSource | None:
    """Choose random weights by their seed, or upload a checkpoint, in the sidebar; those that ship where they fit.

    Returns:
        The model, or None where this machine cannot hold the variant; the page then shows why.
    """
    state = st.session_state
    uploaded: _UploadedModel | None = state.get("uploaded_model")
    if fits_trained_weights(config) and _chose_trained_weights():
        _checkpoint_field()
        return WeightsSource(_trained_model(), f"{config.config_id}-trained", _TRAINED_NAME)
    with st.sidebar:
        seed = choices.number(
            st.number_input,
            "Seed of the random weights",
            0,
            MAX_SEED,
            key=_SEED,
            default=0,
            help="Untrained weights: maps show what the structure does, not what a trained network has learned.",
        )
    _checkpoint_field()
    if uploaded is not None:
        return _uploaded_weights(uploaded, config, seed)
    return _random_weights(config, seed)


def _checkpoint_field() -> None:
    with st.sidebar:
        file = st.file_uploader(
            "Use a checkpoint",
            type=["pth", "pt", "safetensors"],
            key="checkpoint_file",
            on_change=_take_checkpoint,
            max_upload_size=MAX_CHECKPOINT_MIB,
            help="The authors' .pth files or .safetensors; the variant is read off the weights. Files are read as "
            "weights only: nothing in them is executed.",
        )
        if file is not None and "checkpoint_error" in st.session_state:
            st.error(plain(st.session_state["checkpoint_error"]), icon=":material/error:")


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
    if fits_trained_weights(config) and choices.held(_WEIGHTS, _TRAINED_WEIGHTS) == _TRAINED_WEIGHTS:
        return _trained_model(), f"{config.config_id}-trained", _TRAINED_NAME
    uploaded: _UploadedModel | None = st.session_state.get("uploaded_model")
    if uploaded is not None and replace(uploaded.model.config, img_size=config.img_size) == config:
        return uploaded.model, f"{config.config_id}-{uploaded.digest}", uploaded.name
    seed = choices.held(_SEED, 0)
    return seed, f"{config.config_id}-random-{seed}", f"random weights, seed {seed}"


def weights_beside(config: HRFormerConfig) -> WeightsSource | None:
    """The session's weights for a variant that stands beside another; None where this machine cannot hold it."""
    weights, key, name = known_weights(config)
    if isinstance(weights, int):
        return _random_weights(config, weights)
    return WeightsSource(weights, key, name)


def _random_weights(config: HRFormerConfig, seed: int) -> WeightsSource | None:
    try:
        model = _random_model(config, seed)
    except ValueError as error:
        st.error(str(error), icon=":material/memory:")
        return None
    return WeightsSource(model, f"{config.config_id}-random-{seed}", f"random weights, seed {seed}")


def _uploaded_weights(uploaded: _UploadedModel, config: HRFormerConfig, seed: int) -> WeightsSource | None:
    fitting = replace(uploaded.model.config, img_size=config.img_size)
    if fitting == config:
        return WeightsSource(uploaded.model, f"{config.config_id}-{uploaded.digest}", uploaded.name)
    with st.sidebar:
        st.info(f"{uploaded.name} fits another variant; random weights are shown.", icon=":material/info:")
        left, right = st.columns(2)
        left.button("Back to it", on_click=use_variant, args=(fitting,), key="back_to_checkpoint")
        right.button("Forget it", on_click=_forget_checkpoint, key="forget_checkpoint")
    return _random_weights(config, seed)


def _take_checkpoint() -> None:
    """Build the uploaded model and make its variant the current one; nothing changes when it is refused."""
    state = st.session_state
    state.pop("checkpoint_error", None)
    file = state["checkpoint_file"]
    if file is None:
        return
    contents = file.getvalue()
    try:
        # Read, renamed and copied into the model, it is there three times.
        with admitted_on_page(3 * len(contents) / MIB):
            model = model_from_upload(contents, file.name, current_variant().img_size)
    except ValueError as error:
        state["checkpoint_error"] = f"{file.name} was not taken. {error}"
        return
    state["uploaded_model"] = _UploadedModel(file.name, hashlib.sha256(contents).hexdigest(), model)
    choices.hold(_WEIGHTS, _OTHER_WEIGHTS)
    use_variant(model.config, nearest_preset(model.config).preset)
    look_into_current_variant()  # also where it is the current variant already


def _forget_checkpoint() -> None:
    st.session_state.pop("uploaded_model", None)
