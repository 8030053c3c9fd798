"""Paper claims: what was published, what the explorer finds, and how far apart the two are."""

import streamlit as st

from explorer.charts.claims import deviation_chart
from explorer.claims.table import count_verdicts, judge_all, relative_table
from explorer.ui.claims import VERDICT_ICONS, gather_evidence, show_claims, show_details, show_growth
from explorer.ui.conventions import choose_convention
from explorer.ui.frame import end_page
from explorer.ui.panels import image_format_control, show_chart
from explorer.ui.variant import current_variant, show_rejection

current_variant()
st.markdown("### Paper claims: what holds when it is computed again")
show_rejection()
convention = choose_convention(
    "Verdicts are found in the convention in which a figure was published and are the same in all."
)
image_format_control()
evidence = gather_evidence()
if evidence is None:
    end_page()

outcomes = judge_all(evidence)
counts = count_verdicts(outcomes)
for column, (verdict, count) in zip(st.columns(len(counts)), counts.items(), strict=True):
    column.metric(f"{VERDICT_ICONS[verdict]} {verdict}", count)
st.caption(
    f"Costs are counted now, speeds come from the records. Work in this table: **{convention.label}**. "
    f"{convention.explanation}"
)
show_claims(outcomes, convention, evidence)
show_details(outcomes, convention, evidence)

judged = relative_table(outcomes)
show_chart(
    deviation_chart(judged, f"{counts['reproduced']} of {len(judged)} figures lie within the tolerance"),
    "claims_deviation",
    judged,
    alt="Our figure of each claim as a percentage of the published one, with the tolerance",
)
show_growth(evidence)
