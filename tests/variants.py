"""Random variants for property-based tests, small enough to build."""

from hypothesis import strategies as st

from hrformer import TASKS, HRFormerConfig
from hrformer.config import published_task_fields

_four = st.tuples


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
