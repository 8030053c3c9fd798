"""Fusion: which branch really feeds which when a module's branches are fused."""

import numpy as np
import streamlit as st

from explorer.charts.fusion import norm_ratio_matrix, share_matrix, summand_panels
from explorer.charts.theme import branch_name
from explorer.ui import choices
from explorer.ui.explore.block_controls import BRANCHES, choose_module
from explorer.ui.explore.fusion import (
    answer,
    contribution_table,
    finding,
    fusion_of_module,
    is_finite,
    summand_table,
    summands_of,
)
from explorer.ui.explore.map_rows import show_maps
from explorer.ui.explore.prediction_strip import show_prediction_strip
from explorer.ui.explore.sight import begin_page, choose_sight
from explorer.ui.panels import csv_button, half_grid, show_chart

config = begin_page("Fusion", "Which branch feeds which")
stage, module = choose_module(config)
sight = choose_sight(config)
fusion = sight.look(fusion_of_module, is_finite, stage, module)

st.markdown(answer(fusion))
halves = half_grid()
with halves.cell():
    show_chart(
        norm_ratio_matrix(np.asarray(fusion.norm_ratios), "How large each summand is against the sum"),
        "fusion_norms",
        alt="Norm of each source's summand over the norm of the sum, for every target branch",
    )
with halves.cell():
    show_chart(
        share_matrix(np.asarray(fusion.shares), "Each source's share: rows add up to 1"),
        "fusion_shares",
        alt="Part of each target that each source makes; negative parts work against the sum",
    )

target = 0
if len(fusion.summand_maps) > 1:
    chosen = choices.segments(
        "Target",
        BRANCHES[: len(fusion.summand_maps)],
        key="fusion_target",
        format_func=lambda branch: f"{branch} branch",
        help="The branch whose summands are shown as maps.",
    )
    target = BRANCHES.index(chosen)
show_maps(
    summand_panels(sight.picture.fitted, summands_of(fusion, target), target),
    config.img_size,
    finding(fusion, target),
    "fusion_summands",
    signed=True,
    alt=f"What each source adds to the {branch_name(target)}, as its mean over channels, beside the picture",
)
with st.container(horizontal=True):
    csv_button(contribution_table(fusion), "fusion_contributions", "Both matrices as CSV")
    csv_button(summand_table(fusion, target), f"fusion_summands_{target}", "These maps as CSV")
st.caption(
    f"Stage {stage}, module {module + 1}, {sight.description}. Summands are taken before the ReLU that ends the "
    "fusion; those that cancel each other have norms above that of their sum. Drag in one map to zoom all."
)
show_prediction_strip(sight)
