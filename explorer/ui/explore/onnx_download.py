"""The current variant as an ONNX file: written when asked for, beside the page, and kept for the download."""

from __future__ import annotations

from functools import partial

import streamlit as st

from explorer.engines.export_run import (
    OnnxFile,
    export_in_process,
    exporting_mib,
    why_not,
)
from explorer.ui.later_imports import LATER_IMPORTS
from explorer.ui.panels import plain
from explorer.ui.progress import throw_away_button, with_progress
from hrformer import HRFormerConfig

_WORK = "onnx_export"
_WANTED = "onnx_wanted"


def onnx_download(config: HRFormerConfig) -> None:
    """A button that writes the file; once it is there, its download and what was checked."""
    LATER_IMPORTS.wait()
    from explorer.ui.sources import known_weights  # needs torch, and the page that has this button opens without

    st.markdown("**Run it elsewhere**")
    weights, weights_key, weights_name = known_weights(config)
    key = weights_key
    problem = why_not(config)
    st.button(
        "Write the ONNX file",
        key="write_onnx",
        icon=":material/deployed_code:",
        disabled=problem is not None or st.session_state.get(_WANTED) == key,
        on_click=_want,
        args=(key,),
        help=f"This variant with {weights_name}, in float32 and its optimised form, for any number of images of "
        f"{config.img_size[0]}x{config.img_size[1]} pixels; the file is checked against the model.",
    )
    if problem is not None:
        st.info(problem, icon=":material/extension_off:")
    elif st.session_state.get(_WANTED) == key:
        try:
            file = with_progress(
                _WORK,
                key,
                "Writing the ONNX file",
                partial(export_in_process, config, weights),
                needed_mib=exporting_mib(config),
            )
        except ValueError as error:
            st.error(plain(f"There is no ONNX file. {error}"), icon=":material/error:")
        else:
            _show(file, key, config)


def _show(file: OnnxFile | None, key: str, config: HRFormerConfig) -> None:
    if file is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download the ONNX file",
            data=file.path.read_bytes,
            file_name=f"hrformer_{config.config_id}.onnx",
            mime="application/octet-stream",
            icon=":material/download:",
            key="download_onnx",
            on_click="ignore",
        )
        throw_away_button(_WORK, key)
    st.caption(file.summary)


def _want(key: str) -> None:
    st.session_state[_WANTED] = key
