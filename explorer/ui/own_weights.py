"""Weights out of a file, the user's own or a published one: what was assumed of them is shown, and can be switched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from explorer.cost.capacity import building_mib
from explorer.machine_paths import error_sentence
from explorer.models.variants import check_shown, nearest_preset
from explorer.models.weights import checkpoint_of, model_of
from explorer.reading.uploads import weights_from_file, weights_from_upload
from explorer.ui import choices
from explorer.ui.heavy_work import admitted_on_page
from explorer.ui.panels import plain, verbatim
from explorer.ui.published_weights import forget_published_weights
from explorer.ui.variant import current_variant, look_into_current_variant, use_variant
from explorer.units import MIB
from hrformer import CheckpointReport, HRFormer
from hrformer.checkpoint import SUFFIXES, Assumption, StoredWeights
from hrformer.published import PublishedWeights

MAX_CHECKPOINT_MIB = 300
_SESSION = "uploaded_model"
_ERROR = "checkpoint_error"
_FILE = "checkpoint_file"
_SET = "checkpoint_set"
_LABELS = {
    "task": "Task of its backbone",
    "relative_position_bias": "Relative position bias",
    "fusion_upsample": "Upsampling in fusions",
}
_VALUES = {True: "added", False: "left out"}
_SETS = {"ema": "averaged (EMA)", "raw": "raw"}


@dataclass(frozen=True, eq=False)
class _File:
    """A file that can be read again.

    Attributes:
        name: What the user calls it.
        key: Tells its contents from all others.
        mib: Its size.
        img_size: (height, width) that its variant shall have.
        read: Its weights, of the set that is named.
        is_there: Whether it can still be read.
        published: The published weights that it holds, where it does.
    """

    name: str
    key: str
    mib: float
    img_size: tuple[int, int]
    read: Callable[[str | None], StoredWeights]
    is_there: Callable[[], bool]
    published: PublishedWeights | None = None


@dataclass(frozen=True, eq=False)
class OwnWeights:
    """A checkpoint that was taken.

    Attributes:
        file: Where it comes from.
        model: With the weights, in evaluation mode.
        report: What was found, assumed and adapted.
        assumptions: What was assumed when nothing had been decided yet.
        chosen: What the user decided otherwise.
    """

    file: _File
    model: HRFormer
    report: CheckpointReport
    assumptions: tuple[Assumption, ...]
    chosen: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self.file.name

    @property
    def digest(self) -> str:
        """Tells its weights from all others, those of other sets in the same file too."""
        return f"{self.file.key}-{self.report.weights}"

    @property
    def published(self) -> PublishedWeights | None:
        """Which published weights they are, where they are."""
        return self.file.published

    def show(self, on_taken: Callable[[], None]) -> None:
        """Say in the sidebar what the file is and what was assumed of it, with a switch for each."""
        with st.sidebar:
            self._show_sets(on_taken)
            for assumption in self.assumptions:
                self._show_assumption(assumption, on_taken)
            said = [sentence for sentence in self.report.sentences if sentence not in map(str, self.report.assumptions)]
            st.caption(plain(verbatim(" ".join(said))))
            if not self.file.is_there() and (self.assumptions or self.report.other_weights):
                st.caption("Upload the file again to decide otherwise.")

    def _show_sets(self, on_taken: Callable[[], None]) -> None:
        if not self.report.other_weights:
            return
        options = tuple(sorted((self.report.weights, *self.report.other_weights)))
        choices.present(
            st.segmented_control,
            "Weights in the file",
            options,
            key=_SET,
            value=self.report.weights,
            on_move=lambda name: _decide(self.file, on_taken, part=name),
            place=(self.file.key, options),
            required=True,
            disabled=not self.file.is_there(),
            format_func=lambda name: _SETS.get(name, verbatim(name)),
            help="The file holds several sets of weights; the averaged one is taken where there is one.",
        )

    def _show_assumption(self, assumption: Assumption, on_taken: Callable[[], None]) -> None:
        field = assumption.field
        if field not in _LABELS:
            st.caption(verbatim(str(assumption)))
            return
        options = (assumption.value, *assumption.alternatives)
        choices.present(
            st.segmented_control,
            f"{_LABELS[field]} ({'chosen' if field in self.chosen else 'assumed'})",
            options,
            key=f"assumed_{field}",
            value=getattr(self.model.config, field),
            on_move=lambda value: _decide(self.file, on_taken, **{field: value}),
            place=(self.file.key, options),
            required=True,
            disabled=not self.file.is_there(),
            format_func=lambda value: _VALUES[value] if isinstance(value, bool) else value.capitalize(),
            help=f"The file does not tell. Assumed: {assumption.reason}.",
        )


def own_weights() -> OwnWeights | None:
    """What was uploaded in this session."""
    mine: OwnWeights | None = st.session_state.get(_SESSION)
    return mine


def forget_own_weights() -> None:
    """From now on, nothing was uploaded."""
    st.session_state.pop(_SESSION, None)


def upload_field(on_taken: Callable[[], None]) -> None:
    """Take a checkpoint in the sidebar; `on_taken()` is called once its variant is the current one."""
    with st.sidebar:
        st.file_uploader(
            "Use a checkpoint",
            type=list(SUFFIXES),
            key=_FILE,
            on_change=_take_upload,
            args=(on_taken,),
            max_upload_size=MAX_CHECKPOINT_MIB,
            help="Files of the authors, of mmpose or of a training, .pth or .safetensors; the variant is read off the "
            "weights. Nothing else in a file is read or run.",
        )
        if _ERROR in st.session_state:
            st.error(plain(st.session_state[_ERROR]), icon=":material/error:")


def take_published(weights: PublishedWeights, path: Path, on_taken: Callable[[], None]) -> None:
    """Build the model of a published file and make its variant the current one.

    Raises:
        ValueError: If the file is refused.
    """
    name, mib = f"published weights {weights.name}", path.stat().st_size / MIB
    read = partial(weights_from_file, path)
    _take(_File(name, weights.file.sha256_prefix, mib, weights.img_size, read, path.exists, weights), on_taken)


def _take_upload(on_taken: Callable[[], None]) -> None:
    state = st.session_state
    state.pop(_ERROR, None)
    upload = state[_FILE]
    if upload is None:
        return
    key = hashlib.sha256(upload.getvalue()).hexdigest()

    def is_there() -> bool:
        held = state.get(_FILE)
        return held is not None and held.file_id == upload_id

    def read(part: str | None) -> StoredWeights:
        return weights_from_upload(state[_FILE].getvalue(), name, part)  # what is kept here would be kept twice

    name, upload_id, img_size = upload.name, upload.file_id, current_variant().img_size
    file = _File(name, key, upload.size / MIB, img_size, read, is_there)
    _read_again(file, on_taken, None, {})
    if _ERROR not in state:
        forget_published_weights()


def _decide(file: _File, on_taken: Callable[[], None], part: str | None = None, **chosen: Any) -> None:
    """Take the file with one more decision: on top of those of now, which the page may not have drawn yet."""
    now = own_weights()
    if now is not None and now.file is file:
        _read_again(file, on_taken, part or now.report.weights, {**now.chosen, **chosen})


def _read_again(file: _File, on_taken: Callable[[], None], part: str | None, chosen: Mapping[str, Any]) -> None:
    """Take a file with other choices; nothing changes when it is refused, which is said."""
    st.session_state.pop(_ERROR, None)
    try:
        _take(file, on_taken, part, chosen)
    except (ValueError, OSError) as error:
        st.session_state[_ERROR] = f"{file.name} was not taken. {error_sentence(error)}"


def _take(
    file: _File, on_taken: Callable[[], None], part: str | None = None, chosen: Mapping[str, Any] | None = None
) -> None:
    """Build the model of a file and make its variant the current one.

    Raises:
        ValueError: If the file is refused.
    """
    chosen = chosen or {}
    with admitted_on_page(file.mib):
        stored = file.read(part)
    sized = partial(checkpoint_of, stored, img_size=file.img_size)
    checkpoint = sized(**chosen)
    check_shown(checkpoint.config)
    with admitted_on_page(building_mib(checkpoint.config) + file.mib):  # what was read stays until it is copied
        model = model_of(checkpoint)
    assumptions = sized().report.assumptions if chosen else checkpoint.report.assumptions
    st.session_state[_SESSION] = OwnWeights(file, model, checkpoint.report, assumptions, chosen)
    on_taken()
    use_variant(model.config, nearest_preset(model.config).preset)
    look_into_current_variant()  # also where it is the current variant already
