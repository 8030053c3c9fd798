"""Variants that are built and run in a moment, and random ones for property-based tests."""

import math
from typing import Any, get_args

from hypothesis import reject
from hypothesis import strategies as st

from hrformer import TASKS, HRFormerConfig, preset
from hrformer.config import DW_KERNEL_SIZES, FusedOutputs, FusionUpsample, SegmentationHeadKind, published_task_fields

_four = st.tuples
_CHOICES = {
    "dw_kernel_size": DW_KERNEL_SIZES,
    "fusion_upsample": get_args(FusionUpsample),
    "fused_outputs": get_args(FusedOutputs),
    "segmentation_head": get_args(SegmentationHeadKind),
}


def tiny(task: str = "classification", **changes: Any) -> HRFormerConfig:
    """HRFormer-T's kind with one block a module and a few channels, with some fields changed."""
    smallest = {"channels": (4, 8, 8, 16), "num_heads": (1, 2, 2, 4), "num_modules": (1,) * 4, "num_blocks": (1,) * 4}
    return preset("tiny", task, **(smallest | changes))


def tiny_pose(**changes: Any) -> HRFormerConfig:
    """A pose network of equally wide branches and windows of 3, for what happens inside; with some fields changed."""
    fields = {"channels": (8,) * 4, "num_heads": (1, 2, 2, 2), "mlp_ratios": (1,) * 4, "window_sizes": (3,) * 4}
    counts = {"num_modules": (1,) * 4, "num_blocks": (1,) * 4, "num_classes": 2}
    return HRFormerConfig(**({"task": "pose"} | fields | counts | changes))


@st.composite
def accepted_variants(draw: st.DrawFn) -> HRFormerConfig:
    """Whatever `HRFormerConfig` accepts of fields that are drawn without regard to each other, small enough to run."""
    few, side = st.integers(1, 2), st.integers(32, 96)
    heads = draw(_four(*[st.integers(1, 4)] * 4))
    ratios = st.floats(0, 3, exclude_min=True) | st.sampled_from([1 / 3, 0.1, 1, 4])
    values = {
        "task": draw(st.sampled_from(TASKS)),
        "img_size": draw(st.tuples(side, side)),
        "num_classes": draw(st.integers(1, 30)),
        "in_chans": draw(st.sampled_from([1, 3, 3, 4])),
        "num_modules": draw(_four(*[few] * 4)),
        "num_blocks": draw(_four(*[few] * 4)),
        "num_heads": heads,
        "channels": tuple(count * draw(st.integers(1, 8)) for count in heads),
        "mlp_ratios": draw(_four(*[ratios] * 4)),
        "window_sizes": draw(_four(*[st.integers(1, 20)] * 4)),
        "drop_path_rate": draw(st.sampled_from([0.0, 0.3, math.nextafter(1, 0)]) | st.floats(0, 1, exclude_max=True)),
        **{name: draw(st.booleans()) for name in ("dw_conv", "relative_position_bias", "multi_scale_fusion")},
        **{name: draw(st.sampled_from(options)) for name, options in _CHOICES.items()},
    }
    try:
        return HRFormerConfig(**values)
    except ValueError:
        reject()


@st.composite
def tiny_variants(draw: st.DrawFn, tasks: tuple[str, ...] = TASKS, max_side: int = 150) -> HRFormerConfig:
    """Any legal combination of the fields, with few channels and blocks."""
    task = draw(st.sampled_from(tasks))
    small = st.integers(1, 2)
    heads = draw(_four(*[st.integers(1, 3)] * 4))
    values = published_task_fields(task) | {
        "task": task,
        "img_size": draw(_four(*[st.integers(32, max_side)] * 2)),
        "num_classes": draw(st.integers(1, 40)),
        "in_chans": draw(st.integers(1, 4)),
        "num_modules": draw(_four(*[small] * 4)),
        "num_blocks": draw(_four(*[small] * 4)),
        "num_heads": heads,
        "channels": tuple(h * draw(st.sampled_from([2, 5, 8, 16])) for h in heads),
        "mlp_ratios": draw(_four(*[st.sampled_from([0.5, 1, 2.5, 4])] * 4)),
        "window_sizes": draw(_four(*[st.integers(1, 15)] * 4)),
        "dw_conv": draw(st.booleans()),
        "dw_kernel_size": draw(st.sampled_from([1, 3])),
        "multi_scale_fusion": draw(st.booleans()),
        "segmentation_head": draw(st.sampled_from(["ocr", "fcn"])),
        "relative_position_bias": draw(st.booleans()),
        "fusion_upsample": draw(st.sampled_from(["nearest", "bilinear"])),
    }
    if task == "pose":
        values["fused_outputs"] = draw(st.sampled_from(["all", "highest"]))
    return HRFormerConfig(**values)
