"""The paper's letters as knobs: what each sets, how far it goes, and how messages call it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from explorer.charts.theme import branch_name

Number = int | float


@dataclass(frozen=True)
class Knob:
    """One of the paper's letters.

    Attributes:
        field: Field of `HRFormerConfig` that it sets.
        label: The letter and the plain word.
        explanation: One sentence, with the place in the paper.
        low: Lowest value of the control.
        high: Highest value of the control; it grows where a variant already has more.
        step: Step of the control.
        factor: What each lower branch has of the branch above it while one control sets all: 2 doubles, 1 repeats.
    """

    field: str
    label: str
    explanation: str
    low: Number
    high: Number
    step: Number = 1
    factor: int = 1


MODULES, BLOCKS = STAGE_KNOBS = (
    Knob("num_modules", "M · modules", "How often a stage fuses its branches (paper, table 1).", 1, 64),
    Knob("num_blocks", "B · blocks", "Transformer blocks per branch between two fusions (paper, table 1).", 1, 64),
)
CHANNELS, HEADS, RATIOS, WINDOWS = BRANCH_KNOBS = (
    Knob("channels", "C · channels", "Width of each branch; it doubles as the resolution halves.", 4, 128, factor=2),
    Knob("num_heads", "H · heads", "Attention heads per branch; only what divides the channels.", 1, 16, factor=2),
    Knob("mlp_ratios", "R · MLP ratio", "Hidden over input channels of the FFN (paper, section 3).", 1.0, 8.0, 0.5),
    Knob("window_sizes", "K · window", "Side of the attention window in tokens; the paper uses 7 to 15.", 1, 32),
)
_LABELS = {knob.field: knob.label for knob in (*STAGE_KNOBS, *BRANCH_KNOBS)} | {
    "img_size": "image size",
    "num_classes": "classes",
    "in_chans": "input channels",
    "dw_conv": "DW conv",
    "dw_kernel_size": "depth-wise kernel",
    "drop_path_rate": "drop path rate",
    "relative_position_bias": "relative position bias",
    "fusion_upsample": "upsampling in fusions",
    "fused_outputs": "what the last fusion makes",
    "multi_scale_fusion": "multi-scale fusion",
    "segmentation_head": "segmentation head",
}
#: A field as the library's errors name it; not where they show how to write it, as in `window_sizes=7`.
_FIELD = re.compile(rf"\b({'|'.join(_LABELS)})\b(?:\[(\d)\])?(?!=)")


def labelled(sentence: str) -> str:
    """An error of the library with the controls' labels in place of its fields."""
    return _FIELD.sub(lambda found: _label(found[1], found[2]), sentence)


def label_of(field: str) -> str:
    """What the control of a field is called."""
    return _LABELS.get(field, field)


def at_stage(knob: Knob, stage: int) -> str:
    """What the control of a stage (from 0) is called."""
    return f"{knob.label}, stage {stage + 1}"


def at_branch(knob: Knob, branch: int) -> str:
    """What the control of a branch is called."""
    return f"{knob.label}, {branch_name(branch)}"


def _label(field: str, position: str | None) -> str:
    if position is None:
        return _LABELS[field]
    if field == "img_size":
        return ("image height", "image width")[int(position)]
    knob = next(knob for knob in (*STAGE_KNOBS, *BRANCH_KNOBS) if knob.field == field)
    return at_stage(knob, int(position)) if knob in STAGE_KNOBS else at_branch(knob, int(position))
