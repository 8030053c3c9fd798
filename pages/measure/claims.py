"""Paper claims: what was published, what the explorer finds, and how far apart the two are."""

import streamlit as st

from explorer.charts.claims import deviation_chart
from explorer.claims.answer import answer
from explorer.claims.table import count_verdicts, file_table, judge_all, ranked, relative_table
from explorer.ui.frame import end_page
from explorer.ui.measure.claims import (
    VERDICT_ICONS,
    gather_evidence,
    show_claims,
    show_details,
    show_growth,
    show_origin,
)
from explorer.ui.measure.conventions import choose_convention_or_printed
from explorer.ui.panels import csv_button, image_format_control, show_chart
from explorer.ui.variant import current_variant, show_rejection

current_variant()
st.title("Paper claims")
st.caption("What holds of the paper's figures when they are computed again.")
show_rejection()
convention = choose_convention_or_printed(
    "Verdicts are found in the convention in which a figure was published and are the same in all."
)
image_format_control()
evidence = gather_evidence()
if evidence is None:
    end_page()

outcomes = judge_all(evidence)
by_interest = ranked(outcomes)
counts = count_verdicts(outcomes)
st.markdown(f"**{answer(outcomes)}**")
for column, (verdict, count) in zip(st.columns(len(counts)), counts.items(), strict=True):
    column.metric(f"{VERDICT_ICONS[verdict]} {verdict}", count)
show_origin(outcomes, evidence)
if convention is not None:
    st.caption(f"Work in this table: **{convention.label}**. {convention.explanation}")
show_claims(by_interest, convention, evidence)
with st.container(horizontal=True, vertical_alignment="center"):
    csv_button(file_table(outcomes), "claims", f"{len(outcomes)} claims as CSV")
    st.page_link(
        "pages/measure/benchmark.py",
        label="Measure the speeds on this machine",
        icon=":material/speed:",
        width="content",
    )
show_details(by_interest, convention, evidence)

judged = relative_table(by_interest)
show_chart(
    deviation_chart(judged, f"{counts['reproduced']} of {len(judged)} figures lie within the tolerance"),
    "claims_deviation",
    judged,
    alt="Our figure of each claim as a percentage of the published one, with the tolerance",
)
show_growth(evidence)
