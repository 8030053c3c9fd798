"""A checkpoint of the user's own: taken in, what was assumed of it shown, and decided otherwise at a click."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from explorer.cost.capacity import building_mib
from explorer.models.variants import nearest_preset
from explorer.models.weights import checkpoint_of, model_of
from explorer.reading.uploads import weights_from_upload
from explorer.ui import choices
from explorer.ui.heavy_work import admitted_on_page
from explorer.ui.panels import plain, verbatim
from explorer.ui.variant import current_variant, look_into_current_variant, use_variant
from explorer.units import MIB
from hrformer import CheckpointReport, HRFormer
from hrformer.checkpoint import SUFFIXES, Assumption

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
class OwnWeights:
    """An uploaded checkpoint.

    Attributes:
        name: Of its file.
        digest: Tells its weights from all others, those of other sets in the same file too.
        file: Streamlit's name of the upload.
        model: With the weights, in evaluation mode.
        report: What was found, assumed and adapted.
        assumptions: What was assumed when nothing had been decided yet.
        chosen: What the user decided otherwise.
    """

    name: str
    digest: str
    file: str
    model: HRFormer
    report: CheckpointReport
    assumptions: tuple[Assumption, ...]
    chosen: Mapping[str, Any]

    def show(self, on_taken: Callable[[], None]) -> None:
        """Say in the sidebar what the file is and what was assumed of it, with a switch for each."""
        with st.sidebar:
            self._show_sets(on_taken)
            for assumption in self.assumptions:
                self._show_assumption(assumption, on_taken)
            said = [sentence for sentence in self.report.sentences if sentence not in map(str, self.report.assumptions)]
            st.caption(plain(verbatim(" ".join(said))))
            if not _is_there(self) and (self.assumptions or self.report.other_weights):
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
            on_move=lambda name: _read_again(on_taken, name, self.chosen),
            place=(self.file, options),
            required=True,
            disabled=not _is_there(self),
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
            on_move=lambda value: _read_again(on_taken, self.report.weights, {**self.chosen, field: value}),
            place=(self.file, options),
            required=True,
            disabled=not _is_there(self),
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
        file = st.file_uploader(
            "Use a checkpoint",
            type=list(SUFFIXES),
            key=_FILE,
            on_change=_take,
            args=(on_taken,),
            max_upload_size=MAX_CHECKPOINT_MIB,
            help="Files of the authors, of mmpose or of a training, .pth or .safetensors; the variant is read off the "
            "weights. Nothing else in a file is read or run.",
        )
        if file is not None and _ERROR in st.session_state:
            st.error(plain(st.session_state[_ERROR]), icon=":material/error:")


def _is_there(own: OwnWeights) -> bool:
    """Whether the browser's file is still at hand, so that it can be read again."""
    file = st.session_state.get(_FILE)
    return file is not None and file.file_id == own.file


def _take(on_taken: Callable[[], None]) -> None:
    _read_again(on_taken, None, {})


def _read_again(on_taken: Callable[[], None], part: str | None, chosen: Mapping[str, Any]) -> None:
    """Build the uploaded model and make its variant the current one; nothing changes when it is refused."""
    state = st.session_state
    state.pop(_ERROR, None)
    file = state[_FILE]
    if file is None:
        return
    contents = file.getvalue()
    try:
        file_mib = len(contents) / MIB
        with admitted_on_page(file_mib):
            stored = weights_from_upload(contents, file.name, part)
        size = partial(checkpoint_of, stored, img_size=current_variant().img_size)
        checkpoint = size(**chosen)
        with admitted_on_page(building_mib(checkpoint.config) + file_mib):  # what was read stays until it is copied
            model = model_of(checkpoint)
        assumptions = size().report.assumptions if chosen else checkpoint.report.assumptions
    except ValueError as error:
        state[_ERROR] = f"{file.name} was not taken. {error}"
        return
    report = checkpoint.report
    digest = f"{hashlib.sha256(contents).hexdigest()}-{report.weights}"
    state[_SESSION] = OwnWeights(file.name, digest, file.file_id, model, report, assumptions, chosen)
    on_taken()
    use_variant(model.config, nearest_preset(model.config).preset)
    look_into_current_variant()  # also where it is the current variant already
