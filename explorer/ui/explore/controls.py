"""The sidebar that builds a variant: one knob for each of the paper's letters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, cast, get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.charts.theme import branch_name
from explorer.models.catalogue import PAPER_NAMES
from explorer.models.variants import SHOWN_LIMITS, from_json, nearest_preset
from explorer.ui import choices
from explorer.ui.choices import present
from explorer.ui.knobs import BRANCH_KNOBS, CHANNELS, HEADS, STAGE_KNOBS, Knob, Number, at_branch, at_stage
from explorer.ui.variant import can_redo, can_undo, redo, reject, undo, use_variant
from hrformer import PRESETS, TASKS, HRFormerConfig, preset
from hrformer.config import (
    DW_KERNEL_SIZES,
    LIMITS,
    NUM_BRANCHES,
    FusedOutputs,
    FusionUpsample,
    SegmentationHeadKind,
    published_task_fields,
)

MAX_JSON_MIB = 1
#: Widths in a row of the sidebar: a knob's name, its slider, and the switch to one value per branch.
_KNOB_ROW = (5, 11, 2)
_ALL_BRANCHES = {1: "all branches", 2: "1/4 branch, doubled at each lower one"}


def variant_controls(config: HRFormerConfig) -> None:
    """All knobs in the sidebar, showing `config`; a change makes a new variant, or says why there is none."""
    with st.sidebar, st.container(gap="small"):
        _start_and_history(config)
        _task_and_dw_conv(config)
        for knob in STAGE_KNOBS:
            _stage_steppers(knob, getattr(config, knob.field))
        st.caption("one value per branch", text_alignment="right")
        for knob in BRANCH_KNOBS:
            _branch_row(knob, config)
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


def _start_and_history(config: HRFormerConfig) -> None:
    nearest = nearest_preset(config)
    exact = nearest.preset if not nearest.overrides else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        present(
            st.segmented_control,
            "Start from HRFormer",
            PRESETS,
            format_func=lambda name: PAPER_NAMES[name][-1],
            key="preset",
            value=exact,
            on_move=_start_from,
            label_visibility="collapsed",
            width="stretch",
        )
        st.button("", icon=":material/undo:", on_click=undo, disabled=not can_undo(), key="undo", help="Undo")
        st.button("", icon=":material/redo:", on_click=redo, disabled=not can_redo(), key="redo", help="Redo")


def _task_and_dw_conv(config: HRFormerConfig) -> None:
    task, dw_conv = st.columns([5, 4], vertical_alignment="center", gap="small")
    with task:
        present(
            st.selectbox,
            "Task",
            TASKS,
            key="task",
            value=config.task,
            on_move=_use_task,
            format_func=str.capitalize,
            label_visibility="collapsed",
        )
    with dw_conv:
        present(
            st.toggle,
            "DW conv 3x3",
            key="dw_conv",
            value=config.dw_conv,
            on_move=partial(_set, "dw_conv"),
            help="The depth-wise convolution in the FFN lets windows exchange information; off takes it out with its "
            "norm and activation (paper, section 3 and table 7).",
        )


def _stage_steppers(knob: Knob, values: Sequence[Number]) -> None:
    st.markdown(f"**{knob.label}** in stages 1 to {len(values)}", help=knob.explanation)
    for stage, (column, value) in enumerate(zip(st.columns(len(values), gap="xxsmall"), values, strict=True)):
        with column:
            present(
                st.number_input,
                at_stage(knob, stage),
                knob.low,
                knob.high,
                step=knob.step,
                key=f"{knob.field}.{stage}",
                value=value,
                on_move=partial(_set_one, knob.field, stage),
                label_visibility="collapsed",
            )


def _branch_row(knob: Knob, config: HRFormerConfig) -> None:
    values = getattr(config, knob.field)
    follows = tuple(values) == spread(values[0], knob.factor)
    each_key = f"{knob.field}.each"
    each = choices.held(each_key, default=False) or not follows
    name, slider, switch = st.columns(_KNOB_ROW, vertical_alignment="center", gap="xsmall")
    name.markdown(f"**{knob.label}**", help=knob.explanation)
    with switch:
        present(
            st.toggle,
            f"{knob.label}, one value per branch",
            key=each_key,
            value=each,
            on_move=partial(_set_each, knob),
            label_visibility="collapsed",
        )
    if not each:
        with slider:
            label = f"{knob.label}, {_ALL_BRANCHES[knob.factor]}"
            key, on_move = f"{knob.field}.all", partial(_set_all, knob)
            _branch_slider(knob, label, config, range(NUM_BRANCHES), key=key, on_move=on_move)
        return
    slider.caption("one value per branch")
    for branch, column in zip(range(NUM_BRANCHES), _two_by_two(), strict=True):
        with column:
            key, on_move = f"{knob.field}.{branch}", partial(_set_one, knob.field, branch)
            st.caption(branch_name(branch))
            _branch_slider(knob, at_branch(knob, branch), config, [branch], key=key, on_move=on_move)


def _two_by_two() -> Sequence[DeltaGenerator]:
    left, right = st.columns(2)
    return left, right, left, right


def _branch_slider(
    knob: Knob,
    label: str,
    config: HRFormerConfig,
    branches: Sequence[int],
    *,
    key: str,
    on_move: Callable[[Number], None],
) -> None:
    """A slider for one branch, or for the first and with it all others; none of its places is an illegal variant."""
    value = getattr(config, knob.field)[branches[0]]
    high = max(knob.high * knob.factor ** branches[0], value)
    shown = {"key": key, "value": value, "on_move": on_move, "label_visibility": "collapsed"}
    if knob == HEADS:
        present(st.select_slider, label, legal_heads(config, branches, int(high)), **shown)
        return
    low, step = min(knob.low, value), knob.step
    if knob == CHANNELS:
        low, high, step = legal_channels(config, branches, int(high))
    if low == high:  # nowhere to go, and a slider needs two places
        present(st.slider, label, low, high + step, step=step, place=(low, step), disabled=True, **shown)
        return
    present(st.slider, label, low, high, step=step, place=(low, high, step), **shown)


def legal_heads(config: HRFormerConfig, branches: Sequence[int], most: int) -> list[int]:
    """Heads that divide the channels of the first of some branches and, doubled at each, of the lower ones."""
    first = branches[0]
    return [
        heads
        for heads in range(1, most + 1)
        if all(config.channels[branch] % (heads * 2 ** (branch - first)) == 0 for branch in branches)
    ]


def legal_channels(config: HRFormerConfig, branches: Sequence[int], most: int) -> tuple[int, int, int]:
    """Fewest and most channels of the first of some branches, and the step between.

    All of them, and their doubles in the lower branches, fit the heads, leave a hidden channel, and are within limits.
    The most are about `most`, and the first branch's own are among them.
    """
    factors = {branch: 2 ** (branch - branches[0]) for branch in branches}
    value = config.channels[branches[0]]
    step = math.lcm(
        *(config.num_heads[branch] // math.gcd(config.num_heads[branch], factors[branch]) for branch in branches)
    )
    fewest = max(math.floor(0.5 / config.mlp_ratios[branch] / factors[branch]) + 1 for branch in branches)
    low = min(math.ceil(max(CHANNELS.low, fewest) / step) * step, value)
    limit = LIMITS["channels"][1] // max(factors.values())
    return low, min(max(most // step, 2), limit // step) * step, step


def _input_and_output(config: HRFormerConfig) -> None:
    columns = st.columns(2)
    outputs = "Key points" if config.task == "pose" else "Classes"
    with columns[0]:
        _number("Image height, px", "img_size.0", config.img_size[0], step=32)
        _number("Input channels", "in_chans", config.in_chans)
    with columns[1]:
        _number("Image width, px", "img_size.1", config.img_size[1], step=32)
        _number(outputs, "num_classes", config.num_classes)


def _number(label: str, key: str, value: int, step: int = 1) -> None:
    field, _, position = key.partition(".")
    on_move = partial(_set_one, field, int(position)) if position else partial(_set, field)
    present(st.number_input, label, *SHOWN_LIMITS[field], step=step, key=key, value=value, on_move=on_move)


def _published_differences(config: HRFormerConfig) -> None:
    _select(
        "Upsampling in fusions",
        get_args(FusionUpsample),
        "fusion_upsample",
        config,
        help="The published classification and segmentation code uses nearest, the pose code bilinear.",
    )
    _switch(
        "Relative position bias",
        "relative_position_bias",
        config,
        help="The published pose code keeps the table but does not add it.",
    )
    _select(
        "Last fusion makes",
        get_args(FusedOutputs),
        "fused_outputs",
        config,
        format_func=lambda outputs: "all branches" if outputs == "all" else "the 1/4 branch only",
        disabled=config.task != "pose",
        help="The published pose network keeps only the highest resolution; the other tasks' heads read all branches.",
    )
    high = max(0.5, config.drop_path_rate)
    present(
        st.slider,
        "Drop path rate",
        0.0,
        high,
        step=0.05,
        key="drop_path_rate",
        value=config.drop_path_rate,
        on_move=partial(_set, "drop_path_rate"),
        place=high,
        help="Stochastic depth in training; costs nothing in inference.",
    )


def _ablation_switches(config: HRFormerConfig) -> None:
    present(
        st.segmented_control,
        "Depth-wise kernel",
        DW_KERNEL_SIZES,
        format_func=lambda side: f"{side}x{side}",
        required=True,
        key="dw_kernel_size",
        value=config.dw_kernel_size,
        on_move=partial(_set, "dw_kernel_size"),
        disabled=not config.dw_conv,
        help="1x1 is a control: the same norm and activation, but no mixing of positions.",
    )
    _switch(
        "Multi-scale fusion",
        "multi_scale_fusion",
        config,
        help="Off, each fusion hands on only the branch's own map.",
    )
    _select(
        "Segmentation head",
        get_args(SegmentationHeadKind),
        "segmentation_head",
        config,
        format_func=str.upper,
        disabled=config.task != "segmentation",
        help="OCR as published, or HRNetV2's plain two 1x1 convolutions (FCN).",
    )


def _select(label: str, options: Sequence[str], field: str, config: HRFormerConfig, **arguments: Any) -> None:
    value, on_move = getattr(config, field), partial(_set, field)
    present(st.selectbox, label, options, key=field, value=value, on_move=on_move, **arguments)


def _switch(label: str, field: str, config: HRFormerConfig, **arguments: Any) -> None:
    present(st.toggle, label, key=field, value=getattr(config, field), on_move=partial(_set, field), **arguments)


def spread(first: Number, factor: int) -> tuple[Number, ...]:
    """Values of the four branches when one slider sets all."""
    return tuple(first * factor**branch for branch in range(NUM_BRANCHES))


def _set(field: str, value: object) -> None:
    """A control moved: the same variant with this one value; other controls may not show the newest variant yet."""
    _propose(_current_values() | {field: value})


def _set_one(field: str, position: int, value: Number) -> None:
    """A control of one stage, branch or side moved."""
    values = list(getattr(_current(), field))
    values[position] = value
    _set(field, tuple(values))


def _set_all(knob: Knob, value: Number) -> None:
    """The control of all branches moved."""
    _set(knob.field, spread(value, knob.factor))


def _set_each(knob: Knob, each: bool) -> None:
    """One slider for all again: the other branches follow the first, as far as that is legal."""
    choices.hold(f"{knob.field}.each", each)
    if not each:
        _set_all(knob, getattr(_current(), knob.field)[0])


def _start_from(name: str | None) -> None:
    if name is not None:
        use_variant(preset(name, _current().task), name)


def _use_task(task: str) -> None:
    """Another task takes over what its published code fixes; the backbone stays."""
    _propose(_current_values() | published_task_fields(task) | {"task": task})


def _load_json() -> None:
    file = st.session_state["variant_json"]
    if file is None:
        return
    try:
        config = from_json(file.getvalue())
    except ValueError as error:
        reject(f"{file.name} was not loaded. {error}")
    else:
        use_variant(config, nearest_preset(config).preset)


def _propose(values: dict[str, Any]) -> None:
    try:
        use_variant(HRFormerConfig(**values))
    except ValueError as error:
        reject(str(error), values)


def _current() -> HRFormerConfig:
    return cast("HRFormerConfig", st.session_state["variant"])


def _current_values() -> dict[str, Any]:
    return {field.name: getattr(_current(), field.name) for field in fields(HRFormerConfig)}
