"""The parts of the Architecture page: the headline numbers, sharing and saving, and the pinned variants."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer.complexity import Complexity, estimate_complexity
from explorer.ui.comparing import Reference
from explorer.ui.onnx_download import onnx_download
from explorer.ui.panels import csv_button, plain
from explorer.ui.pins import (
    MAX_NAME,
    MAX_PINS,
    Pin,
    is_pinned,
    move_up,
    pin_variant,
    pins,
    pins_from_json,
    pins_to_json,
    remove,
    rename,
    restore,
)
from explorer.ui.variant import started_from, use_variant, variant_name
from explorer.units import mebibytes, signed_percent, with_prefix
from explorer.variants import nearest_preset, to_python, to_query
from hrformer import HRFormerConfig

if TYPE_CHECKING:
    import pandas as pd

_PROBLEM = "pin_problem"
_MAX_JSON_MIB = 1


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
        on_click=_attempt,
        args=(pin_variant, config),
        help=f"Keep this variant beside others, up to {MAX_PINS}: as a row under Variants, a point among HRNet and "
        "DeiT, and a model on the pages that measure.",
    )


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
        onnx_download(config)


def show_variants(config: HRFormerConfig, reference: Reference) -> None:
    """The current, the reference and all pinned variants as rows, each figure with its change."""
    rows = [(f"{variant_name(config)} (this variant)", config), (f"{reference.name} (reference)", reference.config)]
    rows += [(pin.name, pin.config) for pin in pins()]
    table = variant_table(rows, reference.config)
    st.dataframe(
        table,
        hide_index=True,
        alt="Figures of this variant, the reference and all pinned variants",
        column_config=_COLUMNS,
    )
    csv_button(table, "variants", "Variants as CSV")
    if problem := st.session_state.get(_PROBLEM):
        st.error(plain(problem), icon=":material/error:")
    if not pins():
        st.info(
            "Nothing is pinned yet: **Pin** above keeps this variant here while you change it.", icon=":material/keep:"
        )
    for place, pin in enumerate(pins()):
        _pin_row(pin, place)
    _exchange()


def variant_table(rows: list[tuple[str, HRFormerConfig]], reference: HRFormerConfig) -> pd.DataFrame:
    """One row per variant: its letters, its figures, and the change of each against the reference in percent."""
    import pandas as pd  # the first page of a cold server shows its numbers without it

    base = estimate_complexity(reference)
    return pd.DataFrame(
        [
            {
                "variant": name,
                "task": config.task,
                "M": _joined(config.num_modules),
                "B": _joined(config.num_blocks),
                "C": _joined(config.channels),
                "H": _joined(config.num_heads),
                "R": _joined(config.mlp_ratios),
                "K": _joined(config.window_sizes),
                "dw_conv": config.dw_conv,
                **{
                    column: value
                    for figure in ("params", "macs", "flops_published", "peak_activation_mib")
                    for column, value in _figure(figure, estimate_complexity(config), base).items()
                },
            }
            for name, config in rows
        ]
    )


def _figure(figure: str, cost: Complexity, base: Complexity) -> dict[str, float]:
    value, against = getattr(cost, figure), getattr(base, figure)
    return {figure: value, f"{figure}_change": 100 * (value / against - 1)}


def _joined(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _pin_row(pin: Pin, place: int) -> None:
    """A pinned variant with what can be done with it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        key = f"pin_name_{place}_{pin.name}"
        st.text_input(
            f"Name of pinned variant {place + 1}",
            pin.name,
            max_chars=MAX_NAME,
            key=key,
            label_visibility="collapsed",
            on_change=lambda: _attempt(rename, pin.name, st.session_state[key]),
        )
        base = nearest_preset(pin.config).preset
        st.button("Open", key=f"open_{pin.name}", icon=":material/tune:", on_click=use_variant, args=(pin.config, base))
        st.button(
            "",
            key=f"up_{pin.name}",
            icon=":material/arrow_upward:",
            help=f"Move {plain(pin.name)} up",
            disabled=place == 0,
            on_click=move_up,
            args=(pin.name,),
        )
        st.button(
            "",
            key=f"remove_{pin.name}",
            icon=":material/delete:",
            help=f"Remove {plain(pin.name)}",
            on_click=remove,
            args=(pin.name,),
        )


def _exchange() -> None:
    """All pinned variants as a file, and back."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if pins():
            st.download_button(
                "All pinned as JSON",
                data=pins_to_json,
                file_name="hrformer_pinned.json",
                mime="application/json",
                icon=":material/download:",
                type="tertiary",
                key="download_pins",
                on_click="ignore",
            )
    st.file_uploader(
        "Restore pinned variants",
        type="json",
        key="pins_json",
        on_change=_restore,
        max_upload_size=_MAX_JSON_MIB,
        help="A file that was downloaded here; it takes the place of what is pinned now.",
    )


def _restore() -> None:
    file = st.session_state["pins_json"]
    if file is not None:
        _attempt(lambda: restore(pins_from_json(file.getvalue())), subject=f"{file.name} was not restored. ")


def _attempt(change: Callable[..., None], *arguments: object, subject: str = "") -> None:
    """Change what is pinned, or say why that can't be; then nothing has changed."""
    st.session_state.pop(_PROBLEM, None)
    try:
        change(*arguments)
    except ValueError as error:
        st.session_state[_PROBLEM] = f"{subject}{error}"


_percent = partial(st.column_config.NumberColumn, format="%+.1f %%")
_COLUMNS: dict[str, Any] = {
    "variant": st.column_config.TextColumn("Variant", pinned=True),
    "task": "Task",
    "dw_conv": st.column_config.CheckboxColumn("DW conv"),
    "params": st.column_config.NumberColumn("Parameters", format="compact"),
    "params_change": _percent("change"),
    "macs": st.column_config.NumberColumn("MACs", format="compact"),
    "macs_change": _percent("change "),
    "flops_published": st.column_config.NumberColumn("FLOPs, as published", format="compact"),
    "flops_published_change": _percent("change  "),
    "peak_activation_mib": st.column_config.NumberColumn("Peak activations, MiB", format="%.3g"),
    "peak_activation_mib_change": _percent("change   "),
}
