"""The sidebar that builds a variant: one knob for each of the paper's letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.charts.theme import branch_name
from explorer.ui.variant import can_undo, reject, undo, use_variant
from explorer.variants import PAPER_NAMES, from_json, nearest_preset
from hrformer import PRESETS, TASKS, HRFormerConfig, preset
from hrformer.config import (
    DW_KERNEL_SIZES,
    LIMITS,
    FusedOutputs,
    FusionUpsample,
    SegmentationHeadKind,
    published_task_fields,
)

Number = int | float
MAX_JSON_MIB = 1


@dataclass(frozen=True)
class Knob:
    """One of the paper's letters.

    Attributes:
        field: Field of `HRFormerConfig` that it sets.
        label: The letter and the plain word.
        explanation: One sentence, with the place in the paper.
        low: Lowest value of the slider.
        high: Highest value of the slider; it grows where a variant already has more.
        step: Step of the slider.
        factor: What each lower branch has of the branch above it while one slider sets all: 2 doubles, 1 repeats.
    """

    field: str
    label: str
    explanation: str
    low: Number
    high: Number
    step: Number = 1
    factor: int = 1


STAGE_KNOBS = (
    Knob("num_modules", "M · modules", "How often a stage fuses its branches (paper, table 1).", 1, 8),
    Knob("num_blocks", "B · blocks", "Transformer blocks per branch between two fusions (paper, table 1).", 1, 8),
)
BRANCH_KNOBS = (
    Knob("channels", "C · channels", "Width of each branch; it doubles as the resolution halves.", 4, 128, factor=2),
    Knob("num_heads", "H · heads", "Attention heads per branch; they divide the channels.", 1, 16, factor=2),
    Knob("mlp_ratios", "R · MLP ratio", "Hidden over input channels of the FFN (paper, section 3).", 1.0, 8.0, 0.5),
    Knob("window_sizes", "K · window", "Side of the attention window in tokens; the paper uses 7 to 15.", 1, 32),
)
_SCALARS = (
    "img_size.height",
    "img_size.width",
    "in_chans",
    "num_classes",
    "dw_conv",
    "relative_position_bias",
    "fusion_upsample",
    "fused_outputs",
    "drop_path_rate",
    "dw_kernel_size",
    "multi_scale_fusion",
    "segmentation_head",
)


def variant_controls(config: HRFormerConfig) -> None:
    """All knobs in the sidebar, showing `config`; a change makes a new variant, or says why there is none."""
    with st.sidebar:
        _preset_and_task(config)
        st.toggle(
            "3x3 depth-wise convolution in the FFN",
            key=_seed("dw_conv", config.dw_conv),
            on_change=_apply,
            help="Lets windows exchange information; off takes out the convolution with its norm and activation "
            "(paper, section 3 and table 7).",
        )
        with st.expander("M, B · depth", expanded=True):
            for knob in STAGE_KNOBS:
                _stage_sliders(knob, getattr(config, knob.field))
        with st.expander("C, H, R · width", expanded=True):
            for knob in BRANCH_KNOBS[:3]:
                _branch_sliders(knob, getattr(config, knob.field))
        with st.expander("K · window", expanded=True):
            _branch_sliders(BRANCH_KNOBS[3], config.window_sizes)
        with st.expander("Input and output", expanded=False):
            _input_and_output(config)
        with st.expander("Published differences", expanded=False):
            _published_differences(config)
        with st.expander("Switches of the ablation", expanded=False):
            _ablation_switches(config)
        st.file_uploader(
            "Load a variant",
            type="json",
            key="variant_json",
            on_change=_load_json,
            max_upload_size=MAX_JSON_MIB,
            help="A JSON file that was downloaded here.",
        )


def _preset_and_task(config: HRFormerConfig) -> None:
    nearest = nearest_preset(config)
    exact = nearest.preset if not nearest.overrides else None
    columns = st.columns([3, 1], vertical_alignment="bottom")
    columns[0].segmented_control(
        "Preset",
        PRESETS,
        format_func=lambda name: PAPER_NAMES[name][-1],
        key=_seed("preset", exact),
        on_change=_apply_preset,
        help="HRFormer-T, -S and -B as published; none is marked while a variant differs from all of them.",
    )
    columns[1].button(
        ":material/undo:", on_click=undo, disabled=not can_undo(), key="undo", help="Undo: take back the last change."
    )
    st.selectbox("Task", TASKS, key=_seed("task", config.task), on_change=_apply_task, format_func=str.capitalize)


def _stage_sliders(knob: Knob, values: Sequence[Number]) -> None:
    st.markdown(f"**{knob.label}**", help=knob.explanation)
    for stage, (column, value) in enumerate(zip(_two_by_two(), values, strict=True)):
        with column:
            _slider(knob, f"Stage {stage + 1}", f"{knob.field}.{stage}", value)


def _branch_sliders(knob: Knob, values: Sequence[Number]) -> None:
    follows = tuple(values) == spread(values[0], knob.factor)
    each_key = f"{knob.field}.each"
    if not follows:
        st.session_state[each_key] = True
    columns = st.columns([3, 2], vertical_alignment="center")
    columns[0].markdown(f"**{knob.label}**", help=knob.explanation)
    each = columns[1].toggle("each", key=each_key, on_change=_apply_each, args=(knob,), help="One value per branch.")
    if not each:
        label = "1/4 branch; doubles downwards" if knob.factor == 2 else "all branches"
        _slider(knob, label, f"{knob.field}.all", values[0])
        return
    for branch, (column, value) in enumerate(zip(_two_by_two(), values, strict=True)):
        wide = replace(knob, high=knob.high * knob.factor**branch)
        with column:
            _slider(wide, branch_name(branch), f"{knob.field}.{branch}", value)


def _two_by_two() -> Sequence[DeltaGenerator]:
    left, right = st.columns(2)
    return left, right, left, right


def _slider(knob: Knob, label: str, key: str, value: Number) -> None:
    st.slider(
        label,
        min(knob.low, value),
        max(knob.high, value),
        step=knob.step,
        key=_seed(key, value),
        on_change=_apply,
    )


def _input_and_output(config: HRFormerConfig) -> None:
    columns = st.columns(2)
    outputs = "Key points" if config.task == "pose" else "Classes"
    with columns[0]:
        _number("Image height, px", "img_size.height", config.img_size[0], step=32)
        _number("Input channels", "in_chans", config.in_chans)
    with columns[1]:
        _number("Image width, px", "img_size.width", config.img_size[1], step=32)
        _number(outputs, "num_classes", config.num_classes)


def _number(label: str, key: str, value: int, step: int = 1) -> None:
    low, high = LIMITS[key.split(".", maxsplit=1)[0]]
    st.number_input(label, low, high, step=step, key=_seed(key, value), on_change=_apply)


def _published_differences(config: HRFormerConfig) -> None:
    st.selectbox(
        "Upsampling in fusions",
        get_args(FusionUpsample),
        key=_seed("fusion_upsample", config.fusion_upsample),
        on_change=_apply,
        help="The published classification and segmentation code uses nearest, the pose code bilinear.",
    )
    st.toggle(
        "Relative position bias",
        key=_seed("relative_position_bias", config.relative_position_bias),
        on_change=_apply,
        help="The published pose code keeps the table but does not add it.",
    )
    st.selectbox(
        "Last fusion makes",
        get_args(FusedOutputs),
        format_func=lambda outputs: "all branches" if outputs == "all" else "the 1/4 branch only",
        key=_seed("fused_outputs", config.fused_outputs),
        on_change=_apply,
        help="The published pose network keeps only the highest resolution.",
    )
    st.slider(
        "Drop path rate",
        0.0,
        max(0.5, config.drop_path_rate),
        step=0.05,
        key=_seed("drop_path_rate", config.drop_path_rate),
        on_change=_apply,
        help="Stochastic depth in training; costs nothing in inference.",
    )


def _ablation_switches(config: HRFormerConfig) -> None:
    st.segmented_control(
        "Depth-wise kernel",
        DW_KERNEL_SIZES,
        format_func=lambda side: f"{side}x{side}",
        required=True,
        key=_seed("dw_kernel_size", config.dw_kernel_size),
        on_change=_apply,
        disabled=not config.dw_conv,
        help="1x1 is a control: the same norm and activation, but no mixing of positions.",
    )
    st.toggle(
        "Multi-scale fusion",
        key=_seed("multi_scale_fusion", config.multi_scale_fusion),
        on_change=_apply,
        help="Off, each fusion hands on only the branch's own map.",
    )
    st.selectbox(
        "Segmentation head",
        get_args(SegmentationHeadKind),
        format_func=str.upper,
        key=_seed("segmentation_head", config.segmentation_head),
        on_change=_apply,
        disabled=config.task != "segmentation",
        help="OCR as published, or HRNetV2's plain two 1x1 convolutions (FCN).",
    )


def spread(first: Number, factor: int) -> tuple[Number, ...]:
    """Values of the four branches when one slider sets all."""
    return tuple(first * factor**branch for branch in range(4))


def _seed(key: str, value: Any) -> str:
    """Make a widget show the variant's value: the variant is the truth, widgets only propose changes."""
    st.session_state[key] = value
    return key


def _apply() -> None:
    """A widget changed: read all widgets that are shown, over the current variant."""
    values = _current_values()
    state = st.session_state
    for knob in STAGE_KNOBS:
        values[knob.field] = _slots(knob.field, values[knob.field])
    for knob in BRANCH_KNOBS:
        if state.get(f"{knob.field}.each"):
            values[knob.field] = _slots(knob.field, values[knob.field])
        else:
            values[knob.field] = spread(state.get(f"{knob.field}.all", values[knob.field][0]), knob.factor)
    height, width = values["img_size"]
    values["img_size"] = (state.get("img_size.height", height), state.get("img_size.width", width))
    for name in _SCALARS[2:]:
        values[name] = state.get(name, values[name])
    _propose(values)


def _apply_each(knob: Knob) -> None:
    """One slider for all again: the other branches follow the first."""
    values = _current_values()
    if not st.session_state[f"{knob.field}.each"]:
        _propose(values | {knob.field: spread(values[knob.field][0], knob.factor)})


def _apply_preset() -> None:
    name = st.session_state["preset"]
    if name is not None:
        use_variant(preset(name, st.session_state["task"]))


def _apply_task() -> None:
    """Another task takes over what its published code fixes; the backbone stays."""
    task = st.session_state["task"]
    _propose(_current_values() | published_task_fields(task) | {"task": task})


def _load_json() -> None:
    file = st.session_state["variant_json"]
    if file is None:
        return
    try:
        use_variant(from_json(file.getvalue()))
    except ValueError as error:
        reject(f"{file.name} was not loaded. {error}")


def _propose(values: dict[str, Any]) -> None:
    try:
        use_variant(HRFormerConfig(**values))
    except ValueError as error:
        reject(str(error), values)


def _slots(field: str, current: Sequence[Number]) -> tuple[Number, ...]:
    return tuple(st.session_state.get(f"{field}.{position}", value) for position, value in enumerate(current))


def _current_values() -> dict[str, Any]:
    config = st.session_state["variant"]
    return {field.name: getattr(config, field.name) for field in fields(config)}
