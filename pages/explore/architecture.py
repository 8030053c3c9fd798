"""Architecture: build a variant from sliders and see at once what each change costs."""

from functools import partial

import streamlit as st

from explorer.capacity import check_capacity
from explorer.charts.cost import cost_bars, reference_scatter
from explorer.charts.diagram import network_diagram
from explorer.complexity import estimate_complexity
from explorer.reference_models import reference_models
from explorer.ui.architecture import (
    FIGURES,
    MAX_TABLE_BLOCKS,
    block_share,
    blocks_of,
    cost_parts,
    cost_table,
    count_table,
    describe_network,
    layer_table,
)
from explorer.ui.controls import variant_controls
from explorer.ui.onnx_download import onnx_download
from explorer.ui.panels import csv_button, half_grid, image_format_control, numbers_first, show_chart
from explorer.ui.variant import current_variant, show_rejection
from explorer.units import mebibytes, signed_percent, with_prefix
from explorer.variants import PAPER_NAMES, nearest_preset, to_python
from hrformer import preset

config = current_variant()
nearest = nearest_preset(config)
reference = PAPER_NAMES[nearest.preset]
cost = estimate_complexity(config)
published = estimate_complexity(preset(nearest.preset, config.task))

st.markdown(f"### {nearest.name} · {config.task} · {config.img_size[0]}x{config.img_size[1]} pixels")
show_rejection()

headline = (
    ("Parameters", with_prefix(cost.params, ""), cost.params, published.params, "Learned weights."),
    (
        "MACs",
        with_prefix(cost.macs, ""),
        cost.macs,
        published.macs,
        "Multiply-adds of convolutions, linear layers and matrix products, for one image. FLOPs in the plain "
        "convention are twice this.",
    ),
    (
        "FLOPs, as published",
        with_prefix(cost.flops_published, ""),
        cost.flops_published,
        published.flops_published,
        "As the paper's tables count: one FLOP per multiply-add, and the norms and element-wise operators.",
    ),
    (
        "Peak activations, fp32",
        mebibytes(cost.peak_activation_mib),
        cost.peak_activation_mib,
        published.peak_activation_mib,
        f"Most memory that activations take at one time in an inference forward of one image, from the lifetimes of "
        f"its tensors; {mebibytes(cost.peak_activation_half_mib)} in fp16 or bf16. Weights take "
        f"{mebibytes(cost.weights_mib)} more in fp32.",
    ),
)
grid = st.grid(4, min_column_width=180)
for label, text, value, base, explanation in headline:
    exact = f"{value:,.0f}" if value == round(value) else f"{value:,.2f} MiB"
    grid.metric(
        label,
        text,
        f"{signed_percent(value, base)} vs. {reference}",
        delta_color="off",
        delta_arrow="off",
        help=f"{explanation} Exactly {exact}.",
        border=True,
    )
numbers_first()

too_large = st.empty()  # always, so that nothing below moves
try:
    check_capacity(config)
except ValueError as error:
    too_large.warning(str(error), icon=":material/memory:")

# After the numbers, so that a moved slider shows them first: callbacks have already made the new variant.
variant_controls(config)
image_format_control()

show_chart(
    network_diagram(
        describe_network(config),
        f"{block_share(cost) * 100:.0f} % of the MACs sit in the blocks; darker boxes cost more",
    ),
    "architecture_diagram",
    alt="Diagram of the network: stages from left to right, branches from high to low resolution",
)
st.caption(
    "Start with **M · modules** of stage 3 or **C · channels** in the sidebar. Hover a box for its shape "
    "and cost; lines are data, crossing between modules where branches are fused."
    + (
        f" {cost.wasted_attention_share * 100:.0f} % of the attention work goes into window padding at this image size."
        if cost.wasted_attention_share > 0
        else ""
    )
)

section = st.segmented_control(
    "Details",
    ("Cost split", "Against HRNet and DeiT", "Layers", "Save and share"),
    default="Cost split",
    required=True,
    key="architecture_section",
    label_visibility="collapsed",
)

if section == "Cost split":
    figure = st.radio("Figure", FIGURES, horizontal=True, key="cost_figure", label_visibility="collapsed")
    unit = FIGURES[figure][1]
    halves = half_grid()
    with halves.cell():
        parts = cost_parts(cost, "stage", figure)
        show_chart(
            cost_bars(parts, unit, f"{figure} by stage and branch"),
            "cost_by_stage",
            partial(cost_table, parts, "stage"),
            alt=f"{figure} by stage, stacked by branch",
        )
    with halves.cell():
        parts = cost_parts(cost, "kind", figure)
        show_chart(
            cost_bars(parts, unit, f"{figure} by kind of work and branch"),
            "cost_by_kind",
            partial(cost_table, parts, "kind"),
            alt=f"{figure} by kind of work, stacked by branch",
        )
    csv_button(partial(count_table, cost), "cost", "Every row and operator as CSV")

elif section == "Against HRNet and DeiT":
    references = reference_models()
    show_chart(
        reference_scatter(
            references, cost.macs, cost.params, nearest.name, f"{config.img_size[0]}x{config.img_size[1]}"
        ),
        "reference_models",
        references,
        alt="Parameters over MACs of HRFormer, HRNet and DeiT with the current variant",
    )
    st.caption(
        "MACs and parameters of all points are counted by the explorer in one convention, on timm's HRNet and DeiT; "
        "accuracies are the published ones on ImageNet-1K, so their markers are hollow."
    )

elif section == "Layers":
    if blocks_of(config) > MAX_TABLE_BLOCKS:
        st.info(
            f"This variant has {blocks_of(config)} blocks; the layer table lists up to {MAX_TABLE_BLOCKS}. "
            "Use fewer modules or blocks to see it."
        )
    else:
        layers = layer_table(config)
        leaves = st.toggle("Only layers that compute", value=True, key="only_leaves")
        shown = (layers[layers["leaf"]] if leaves else layers).drop(columns="leaf")
        st.dataframe(shown, hide_index=True, height=420, alt="Layers of the model with output shapes and parameters")
        csv_button(shown, "layers", f"{len(shown):,} layers as CSV")

else:
    st.markdown("**Build it in Python**")
    st.code(f"from hrformer import create_model, preset\n\nmodel = {to_python(config)}", language="python")
    st.download_button(
        "Variant as JSON",
        config.to_json(indent=2),
        file_name=f"hrformer_{config.config_id}.json",
        mime="application/json",
        icon=":material/download:",
        key="download_json",
        on_click="ignore",
    )
    st.caption(
        f"The address of this page holds the variant: copy it to share (id {config.config_id}). "
        "A downloaded JSON opens again with *Load a variant* in the sidebar."
    )
    onnx_download(config)
