"""What a page shows in place of empty charts when the weights hold NaN or infinity."""

from __future__ import annotations

from typing import NoReturn

import streamlit as st
from torch import Tensor

from explorer.finite import explain_non_finite
from hrformer import HRFormer


def stop_at_non_finite(model: HRFormer, x: Tensor, key: tuple[str, ...]) -> NoReturn:
    """Name the first layer that produces NaN or infinite values, and end the page there.

    Args:
        model: The model.
        x: One picture, (1, in_chans, H, W).
        key: Stands for model, weights and picture.
    """
    st.error(_sentence(model, x, key), icon=":material/error:")
    st.stop()


@st.cache_data(max_entries=16, show_spinner="Looking for the first layer with NaN or infinite values")
def _sentence(_model: HRFormer, _x: Tensor, key: tuple[str, ...]) -> str | None:
    return explain_non_finite(_model, _x)
