"""Architecture: build a variant from sliders and see at once what each change costs."""

from functools import partial

import streamlit as st

from explorer.charts.cost import reference_scatter
from explorer.charts.diagram import network_diagram
from explorer.cost.capacity import check_capacity
from explorer.cost.complexity import estimate_complexity
from explorer.models.reference_models import reference_models
from explorer.ui import choices
from explorer.ui.comparing import choose_reference, reference_for
from explorer.ui.explore.architecture import (
    FIGURES,
    MAX_TABLE_BLOCKS,
    block_share,
    blocks_of,
    count_table,
    describe_network,
    layer_table,
)
from explorer.ui.explore.build import pin_button, share_popover, show_headline
from explorer.ui.explore.controls import variant_controls
from explorer.ui.explore.laid_over import choose_overlay, cost_split, overlay_diagram
from explorer.ui.explore.variants_section import placed_pins, placed_table, show_variants
from explorer.ui.panels import csv_button, half_grid, image_format_control, numbers_first, plain, show_chart
from explorer.ui.variant import current_variant, show_rejection, variant_name

config = current_variant()
name = variant_name(config)
cost = estimate_complexity(config)

with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.title(f"{name} · {config.task} · {config.img_size[0]}x{config.img_size[1]} px", width="content")
    st.page_link("pages/explore/tour.py", label="Take the tour", icon=":material/tour:")
st.caption(
    "HRFormer keeps a high-resolution map from the first layer to the last: branches of four resolutions side by side, "
    "attention inside small windows, and a fusion of all branches after every module."
)
show_rejection()
show_headline(cost, reference_for(config))
numbers_first()

too_large = st.empty()  # always, so that nothing below moves
try:
    check_capacity(config)
except ValueError as error:
    too_large.warning(plain(str(error)), icon=":material/memory:")

# After the numbers, so that a moved slider shows them first: callbacks have already made the new variant.
variant_controls(config)
with st.container(horizontal=True, vertical_alignment="bottom"):
    reference = choose_reference(config)
    other = choose_overlay(config)
    pin_button(config)
    share_popover(config)

show_chart(
    network_diagram(
        describe_network(config),
        f"Blocks: {block_share(cost) * 100:.0f} % of the MACs; fuller costs more",
    )
    if other is None
    else overlay_diagram(config, other),
    "architecture_diagram",
    alt="Diagram of the network: stages from left to right, branches from high to low resolution"
    + ("" if other is None else f"; {other.name} is laid over it"),
)

section = choices.segments(
    "Details",
    ("Cost split", "Variants", "HRNet and DeiT", "Layers"),
    key="architecture_section",
    label_visibility="collapsed",
)

if section == "Cost split":
    figure = choices.one_of(
        st.radio, "Figure", tuple(FIGURES), key="cost_figure", horizontal=True, label_visibility="collapsed"
    )
    halves = half_grid()
    for group, by in (("stage", "stage"), ("kind", "kind of work")):
        with halves.cell():
            chart, table = cost_split(cost, other, group, figure)
            show_chart(chart, f"cost_by_{group}", table, alt=f"{figure} by {by}, stacked by branch")
    if cost.wasted_attention_share > 0:
        st.caption(
            f"{cost.wasted_attention_share * 100:.0f} % of the attention work goes into window padding at this image "
            "size."
        )
    csv_button(partial(count_table, cost), "cost", "Every row and operator as CSV")

elif section == "Variants":
    show_variants(config, reference)

elif section == "HRNet and DeiT":
    references = reference_models()
    show_chart(
        reference_scatter(
            references,
            cost.macs,
            cost.params,
            name,
            f"{config.img_size[0]}x{config.img_size[1]}",
            pinned=placed_pins(),
        ),
        "reference_models",
        placed_table(references, config),
        alt="Parameters over MACs of HRFormer, HRNet and DeiT with the current variant",
    )
    st.caption(
        "MACs and parameters of all points are counted by the explorer in one convention, on timm's HRNet and DeiT; "
        "accuracies are the published ones on ImageNet-1K, so their markers are hollow."
    )

elif blocks_of(config) > MAX_TABLE_BLOCKS:
    st.info(
        f"This variant has {blocks_of(config)} blocks; the layer table lists up to {MAX_TABLE_BLOCKS}. "
        "Use fewer modules or blocks to see it."
    )
else:
    layers = layer_table(config)
    leaves = choices.toggle("Only layers that compute", key="only_leaves", default=True, link=None)
    shown = (layers[layers["leaf"]] if leaves else layers).drop(columns="leaf")
    st.dataframe(shown, hide_index=True, height=420, alt="Layers of the model with output shapes and parameters")
    csv_button(shown, "layers", f"{len(shown):,} layers as CSV")
image_format_control()
