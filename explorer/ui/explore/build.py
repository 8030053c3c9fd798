"""The parts of the Architecture page: the headline numbers, pinning, sharing and saving."""

from __future__ import annotations

import streamlit as st

from explorer.cost.complexity import Complexity, estimate_complexity
from explorer.models.variants import to_python, to_query
from explorer.ui import choices
from explorer.ui.comparing import Reference
from explorer.ui.explore.onnx_download import onnx_download
from explorer.ui.pins import MAX_PINS, is_pinned, pin_variant, pins
from explorer.ui.variant import started_from
from explorer.units import mebibytes, signed_percent, with_prefix
from hrformer import HRFormerConfig


def show_headline(cost: Complexity, reference: Reference) -> None:
    """Four numbers, each with its change against the reference."""
    base = estimate_complexity(reference.config)
    figures = (
        ("Parameters", with_prefix(cost.params, ""), cost.params, base.params, "Learned weights."),
        (
            "MACs",
            with_prefix(cost.macs, ""),
            cost.macs,
            base.macs,
            "Multiply-adds of convolutions, linear layers and matrix products, for one image. FLOPs in the plain "
            "convention are twice this.",
        ),
        (
            "FLOPs, published",
            with_prefix(cost.flops_published, ""),
            cost.flops_published,
            base.flops_published,
            "As the paper's tables count: one FLOP per multiply-add, and the norms and element-wise operators.",
        ),
        (
            "Peak activations",
            mebibytes(cost.peak_activation_mib),
            cost.peak_activation_mib,
            base.peak_activation_mib,
            f"Most memory that activations take at one time in an inference forward of one image, from the lifetimes "
            f"of its tensors, in fp32; {mebibytes(cost.peak_activation_half_mib)} in fp16 or bf16. Weights take "
            f"{mebibytes(cost.weights_mib)} more in fp32.",
        ),
    )
    grid = st.grid(4, min_column_width=140)
    for label, text, value, base_value, explanation in figures:
        exact = f"{value:,.0f}" if value == round(value) else f"{value:,.2f} MiB"
        grid.metric(
            label,
            text,
            f"{signed_percent(value, base_value)} vs. {reference.name}",
            delta_color="off",
            delta_arrow="off",
            help=f"{explanation} Exactly {exact}.",
            border=True,
        )


def pin_button(config: HRFormerConfig) -> None:
    """Keep the current variant by a name that says what is changed."""
    full = len(pins()) >= MAX_PINS
    st.button(
        "Pinned" if is_pinned(config) else "Pin",
        icon=":material/keep:",
        key="pin",
        disabled=is_pinned(config) or full,
        on_click=_pin,
        args=(config,),
        help=f"Keep this variant beside others, up to {MAX_PINS}: as a row under Variants, a point among HRNet and "
        "DeiT, and a model on the pages that measure.",
    )


def _pin(config: HRFormerConfig) -> None:
    """A second click may come before the button is off."""
    if not is_pinned(config) and len(pins()) < MAX_PINS:
        pin_variant(config)


def share_popover(config: HRFormerConfig) -> None:
    """The link to the page as it is, and the variant as JSON, Python or ONNX."""
    with st.popover("Share", icon=":material/share:", key="share"):
        st.markdown("**Link to this variant**")
        query = "&".join(f"{key}={value}" for key, value in to_query(config, started_from()).items())
        st.code(f"{(st.context.url or '').split('?')[0]}?{query}", language=None, wrap_lines=True)
        st.caption("The address of the page says all of it too, with what you have pinned and chosen.")
    with st.popover("Save", icon=":material/download:", key="save"):
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
        st.caption(f"Opens again with *Load a variant* in the sidebar. Id {config.config_id}.")
        # Only when asked for: its weights need torch, which the first page does without.
        if choices.toggle("As an ONNX file", key="save_onnx", link=None):
            onnx_download(config)
