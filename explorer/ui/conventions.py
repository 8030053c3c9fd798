"""The one switch by which all figures of a page count work."""

from __future__ import annotations

import streamlit as st

from explorer.conventions import CONVENTIONS, Convention


def choose_convention(remark: str) -> Convention:
    """One convention for all figures of the page, in the sidebar and in the link.

    Args:
        remark: What the choice does not change, for the help.
    """
    labels = {convention.label: convention for convention in CONVENTIONS.values()}
    label = st.sidebar.radio(
        "Count work as",
        tuple(labels),
        captions=[convention.explanation for convention in labels.values()],
        key="convention",
        bind="query-params",
        help=f"Holds for every figure of the page. {remark}",
    )
    return labels[label]
