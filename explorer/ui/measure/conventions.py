"""The one switch by which all figures of a page count work."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from explorer.cost.conventions import CONVENTIONS, Convention
from explorer.ui import choices

_AS_PRINTED = "printed"
_LABELS = {_AS_PRINTED: "As printed"} | {key: convention.label for key, convention in CONVENTIONS.items()}
_EXPLANATIONS = {key: convention.explanation for key, convention in CONVENTIONS.items()}


def choose_convention(remark: str) -> Convention:
    """One convention for all figures of the page, in the sidebar and in the link.

    Args:
        remark: What the choice does not change, for the help.
    """
    return CONVENTIONS[_choose(_EXPLANATIONS, remark)]


def choose_convention_or_printed(remark: str) -> Convention | None:
    """As `choose_convention`, or each figure in the convention in which it was printed, which is None and comes first.

    Args:
        remark: What the choice does not change, for the help.
    """
    printed = {_AS_PRINTED: "Each figure in the convention of its source; the column Unit says which."}
    return CONVENTIONS.get(_choose(printed | _EXPLANATIONS, remark))


def _choose(explanations: Mapping[str, str], remark: str) -> str:
    with st.sidebar:
        return choices.one_of(
            st.radio,
            "Count work as",
            tuple(explanations),
            key="convention",
            format_func=lambda key: _LABELS[key],
            captions=tuple(explanations.values()),
            help=f"Holds for every figure of the page. {remark}",
        )
