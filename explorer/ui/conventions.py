"""The one switch by which all figures of a page count work."""

from __future__ import annotations

import streamlit as st

from explorer.conventions import CONVENTIONS, Convention
from explorer.ui import choices


def choose_convention(remark: str) -> Convention:
    """One convention for all figures of the page, in the sidebar and in the link.

    Args:
        remark: What the choice does not change, for the help.
    """
    with st.sidebar:
        key = choices.one_of(
            st.radio,
            "Count work as",
            tuple(CONVENTIONS),
            key="convention",
            format_func=lambda key: CONVENTIONS[key].label,
            captions=[convention.explanation for convention in CONVENTIONS.values()],
            help=f"Holds for every figure of the page. {remark}",
        )
    return CONVENTIONS[key]
