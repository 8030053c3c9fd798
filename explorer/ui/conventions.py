"""The one switch by which all figures of a page count work."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from explorer.conventions import CONVENTIONS, Convention

_AS_PRINTED = "As printed"
_LABELS = {convention.label: convention for convention in CONVENTIONS.values()}
_EXPLANATIONS = {convention.label: convention.explanation for convention in CONVENTIONS.values()}


def choose_convention(remark: str) -> Convention:
    """One convention for all figures of the page, in the sidebar and in the link.

    Args:
        remark: What the choice does not change, for the help.
    """
    return _LABELS[_choose(_EXPLANATIONS, remark)]


def choose_convention_or_printed(remark: str) -> Convention | None:
    """As `choose_convention`, or each figure in the convention in which it was printed, which is None and comes first.

    Args:
        remark: What the choice does not change, for the help.
    """
    printed = {_AS_PRINTED: "Each figure in the convention of its source; the column Unit says which."}
    return _LABELS.get(_choose(printed | _EXPLANATIONS, remark))


def _choose(explanations: Mapping[str, str], remark: str) -> str:
    return st.sidebar.radio(
        "Count work as",
        tuple(explanations),
        captions=tuple(explanations.values()),
        key="convention",
        bind="query-params",
        help=f"Holds for every figure of the page. {remark}",
    )
