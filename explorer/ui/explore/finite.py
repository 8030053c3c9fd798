"""What a page shows in place of empty charts when the weights hold NaN or infinity."""

from __future__ import annotations

from typing import NoReturn

import streamlit as st
from torch import Tensor

from explorer.cost.capacity import looking_mib
from explorer.inspection.finite import explain_non_finite
from explorer.ui.frame import end_page
from explorer.ui.heavy_work import shared
from explorer.ui.panels import plain
from hrformer import HRFormer


def stop_at_non_finite(model: HRFormer, x: Tensor, key: tuple[str, ...]) -> NoReturn:
    """Name the first layer that produces NaN or infinite values, and end the page there.

    Args:
        model: The model.
        x: One picture, (1, in_chans, H, W).
        key: Stands for model, weights and picture.
    """
    sentence = shared(
        "non-finite values",
        key,
        looking_mib(model.config),
        "Looking for the first layer with NaN or infinite values",
        lambda: explain_non_finite(model, x) or "",
    )
    st.error(plain(sentence), icon=":material/error:")
    end_page()
