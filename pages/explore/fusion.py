"""Fusion: which branch really feeds which when a module's branches are fused."""

import numpy as np
import streamlit as st

from explorer.charts.fusion import norm_ratio_matrix, share_matrix, summand_maps
from explorer.charts.theme import branch_name
from explorer.ui.block_controls import choose_module
from explorer.ui.finite import stop_at_non_finite
from explorer.ui.frame import end_page
from explorer.ui.fusion import (
    contribution_table,
    finding,
    fusion_of_module,
    is_finite,
    summand_table,
    summands_of,
)
from explorer.ui.panels import csv_button, half_grid, image_format_control, show_chart
from explorer.ui.sources import picture_source, weights_source
from explorer.ui.variant import current_variant, show_rejection, variant_card

current_variant()
st.markdown("### Fusion: which branch feeds which")
config = current_variant()
variant_card(config)
show_rejection()
stage, module = choose_module(config)
picture = picture_source(config)
weights = weights_source(config)
image_format_control()
if weights is None:
    end_page()

x, key = picture.as_input(config), (weights.key, picture.key)
try:
    fusion = fusion_of_module(weights.model, x, key, stage, module)
except ValueError as error:
    st.error(str(error), icon=":material/error:")
    end_page()
if not is_finite(fusion):
    stop_at_non_finite(weights.model, x, key)

halves = half_grid()
with halves.cell():
    show_chart(
        norm_ratio_matrix(np.asarray(fusion.norm_ratios), "How large each summand is against the sum"),
        "fusion_norms",
        alt="Norm of each source's summand over the norm of the sum, for every target branch",
    )
with halves.cell():
    show_chart(
        share_matrix(np.asarray(fusion.shares), "How much of the sum each source makes: rows add up to 1"),
        "fusion_shares",
        alt="Part of each target that each source makes; negative parts work against the sum",
    )

targets = range(len(fusion.summand_maps))
target = 0
if len(targets) > 1:
    target = st.segmented_control(
        "Target",
        targets,
        default=0,
        required=True,
        format_func=branch_name,
        key="fusion_target",
        help="The branch whose summands are shown as maps.",
    )
target = target if target in targets else 0
show_chart(
    summand_maps(picture.fitted, summands_of(fusion, target), target, finding(fusion, target)),
    "fusion_summands",
    alt=f"What each source adds to the {branch_name(target)}, as its mean over channels, beside the picture",
)
with st.container(horizontal=True):
    csv_button(contribution_table(fusion), "fusion_contributions", "Both matrices as CSV")
    csv_button(summand_table(fusion, target), f"fusion_summands_{target}", "These maps as CSV")
st.caption(
    f"Stage {stage}, module {module + 1}, {picture.name} at {config.img_size[0]}x{config.img_size[1]} pixels, "
    f"{weights.name}. Summands are taken before the ReLU that ends the fusion; those that cancel each other have norms "
    "above that of their sum. Drag in one map to zoom all."
)
