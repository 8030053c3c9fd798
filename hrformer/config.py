"""A variant of HRFormer as a value: every choice that shapes the network, validated once."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from hrformer.wording import listed, shown

Task = Literal["classification", "pose", "segmentation"]
FusionUpsample = Literal["nearest", "bilinear"]
FusedOutputs = Literal["all", "highest"]
SegmentationHeadKind = Literal["ocr", "fcn"]

NUM_STAGES = 4
NUM_BRANCHES = 4

#: Inclusive legal range of every number, wide enough for any network worth costing.
LIMITS: dict[str, tuple[int, int]] = {
    "num_modules": (1, 64),
    "num_blocks": (1, 64),
    "channels": (1, 8192),
    "num_heads": (1, 512),
    "mlp_ratios": (0, 32),
    "window_sizes": (1, 128),
    "img_size": (1, 8192),
    "in_chans": (1, 1024),
    "num_classes": (0, 100_000),
}
_PER_STAGE = ("num_modules", "num_blocks")
_PER_BRANCH = ("channels", "num_heads", "window_sizes")
_CHOICES: dict[str, tuple[str, ...]] = {
    "task": get_args(Task),
    "fusion_upsample": get_args(FusionUpsample),
    "fused_outputs": get_args(FusedOutputs),
    "segmentation_head": get_args(SegmentationHeadKind),
}
_FLAGS = ("dw_conv", "relative_position_bias", "multi_scale_fusion")
DW_KERNEL_SIZES = (1, 3)
#: Fields that came after the first records were kept. At their defaults JSON leaves them out, so that variants written
#: before stay readable and keep their ids.
_LATER_FIELDS = ("dw_kernel_size", "multi_scale_fusion", "segmentation_head")


@dataclass(frozen=True, kw_only=True)
class HRFormerConfig:
    """One HRFormer variant: hashable, comparable and legal by construction.

    Attributes:
        task: What the head predicts; the head follows from it.
        img_size: (height, width) in pixels that cost and pages use. The model itself takes any size.
        in_chans: Input channels.
        num_classes: Classes, or key points for pose. None leave the classification head its pooled features; other
            heads give nothing without.
        num_modules: M, modules per stage. Stage 1 is convolutional and has nothing to fuse, so its modules just
            follow each other.
        num_blocks: B, blocks per module and branch, per stage (bottlenecks in stage 1).
        channels: C, channels per branch, highest resolution first.
        num_heads: H, attention heads per branch.
        mlp_ratios: R, hidden over input channels of the FFN, per branch.
        window_sizes: K, side of the attention window in tokens, per branch.
        dw_conv: Whether the FFN holds its 3x3 depth-wise convolution (with norm and activation).
        dw_kernel_size: Side of that convolution: 3 as published, or 1 as a control with the same norm and activation
            that mixes no positions. Without the convolution it plays no part.
        drop_path_rate: Stochastic depth of the last block; earlier blocks rise to it linearly from 0.
        fusion_upsample: Interpolation of lower branches in a fusion: "nearest" in the published classification and
            segmentation code, "bilinear" in the pose code.
        relative_position_bias: Whether the bias is added to the logits. The published pose code keeps the table but
            leaves the addition out.
        fused_outputs: Whether the last module fuses into "all" branches or the "highest" resolution only, which only
            the pose head can do with.
        multi_scale_fusion: Whether a fusion sums all branches. Otherwise each branch passes alone, through the ReLU
            that ends the fusion, and only the transitions and the head join branches.
        segmentation_head: "ocr" as published (object-contextual representations), or "fcn", HRNetV2's plain head.
            Other tasks have other heads.

    Raises:
        ValueError: One sentence naming field, position, value, rule and the nearest legal value.
    """

    task: Task
    img_size: tuple[int, int]
    num_classes: int
    num_modules: tuple[int, int, int, int]
    num_blocks: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]
    num_heads: tuple[int, int, int, int]
    mlp_ratios: tuple[float, float, float, float]
    window_sizes: tuple[int, int, int, int]
    in_chans: int = 3
    dw_conv: bool = True
    drop_path_rate: float = 0.0
    fusion_upsample: FusionUpsample = "nearest"
    relative_position_bias: bool = True
    fused_outputs: FusedOutputs = "all"
    dw_kernel_size: int = 3
    multi_scale_fusion: bool = True
    segmentation_head: SegmentationHeadKind = "ocr"

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            _check_choice(name, getattr(self, name), allowed)
        for name in _PER_STAGE:
            self._set(name, _integers(name, getattr(self, name), NUM_STAGES, "stage"))
        for name in _PER_BRANCH:
            self._set(name, _integers(name, getattr(self, name), NUM_BRANCHES, "branch"))
        self._set("img_size", _integers("img_size", self.img_size, 2, "of height and width"))
        self._set("mlp_ratios", _ratios(self.mlp_ratios))
        self._set("drop_path_rate", _drop_path_rate(self.drop_path_rate))
        _check_integer("in_chans", self.in_chans, "in_chans")
        _check_integer("num_classes", self.num_classes, "num_classes")
        _check_dw_kernel_size(self.dw_kernel_size)
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} = {shown(getattr(self, name))} is not legal: use true or false.")
        self._check_heads_divide_channels()
        self._check_hidden_channels()
        self._check_head_has_its_branches()
        self._check_head_has_classes()

    @property
    def hidden_channels(self) -> tuple[int, ...]:
        """Channels inside the FFN, R*C, per branch."""
        return tuple(round(c * r) for c, r in zip(self.channels, self.mlp_ratios, strict=True))

    @property
    def config_id(self) -> str:
        """Short hash of the canonical JSON: equal variants have equal ids on every machine."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON-ready values (tuples become lists); later fields only where they differ from the default."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
            if key not in _LATER_FIELDS or value != getattr(HRFormerConfig, key)
        }

    def to_json(self, indent: int | None = None) -> str:
        """Canonical JSON of `to_dict`, keys sorted."""
        return json.dumps(self.to_dict(), sort_keys=True, indent=indent)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HRFormerConfig:
        """Build a variant from a mapping that names every field (later ones may be left out) and nothing else.

        Raises:
            ValueError: If a key is unknown or missing, or a value is illegal.
        """
        if not isinstance(values, Mapping):
            raise ValueError('A variant is a JSON object with one entry per field, such as {"task": "pose", …}.')
        known = [field.name for field in fields(cls)]
        unknown = sorted(str(key) for key in values if key not in known)
        missing = [name for name in known if name not in values and name not in _LATER_FIELDS]
        if unknown:
            raise ValueError(f"Unknown key {listed(unknown)}: a variant has the keys {', '.join(known)}.")
        if missing:
            raise ValueError(f"Missing key {', '.join(missing)}: a variant names every one of its fields.")
        return cls(**values)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen; only __post_init__ normalises

    def _check_heads_divide_channels(self) -> None:
        for branch, (channels, heads) in enumerate(zip(self.channels, self.num_heads, strict=True)):
            if channels % heads:
                nearest = nearest_channels(channels, heads)
                raise ValueError(
                    f"channels[{branch}] = {channels} is not divisible by num_heads[{branch}] = {heads}: each head "
                    f"takes an equal share of the channels; the nearest legal value is {nearest} channels."
                )

    def _check_hidden_channels(self) -> None:
        for branch, (channels, hidden) in enumerate(zip(self.channels, self.hidden_channels, strict=True)):
            if hidden < 1:
                raise ValueError(
                    f"mlp_ratios[{branch}] = {self.mlp_ratios[branch]:g} leaves no hidden channel of {channels}: "
                    f"the nearest legal value is {1 / channels:g}."
                )

    def _check_head_has_its_branches(self) -> None:
        if self.fused_outputs == "highest" and self.task != "pose":
            raise ValueError(
                f"fused_outputs = 'highest' is not legal with task = '{self.task}': its head reads all {NUM_BRANCHES} "
                "branches, only the pose head reads the highest resolution alone; the nearest legal value is 'all'."
            )

    def _check_head_has_classes(self) -> None:
        if self.num_classes == 0 and self.task != "classification":
            raise ValueError(
                f"num_classes = 0 is not legal with task = '{self.task}', whose head gives one map a class: use at "
                "least 1, or `forward_features` of the model for its maps without a head."
            )


def nearest_channels(channels: int, num_heads: int) -> int:
    """The legal number of channels next to `channels` that `num_heads` heads share equally."""
    most = LIMITS["channels"][1] // num_heads
    return min(max(1, round(channels / num_heads)), most) * num_heads


def _check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} = {shown(value)} is not legal: use one of {', '.join(allowed)}.")


def _check_integer(field: str, value: object, label: str) -> None:
    low, high = LIMITS[field]
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{label} = {shown(value)} is not a whole number: use one from {low} to {high}.")
    if not low <= value <= high:
        nearest = min(max(value, low), high)
        raise ValueError(f"{label} = {shown(value)} is outside {low} to {high}: the nearest legal value is {nearest}.")


def _check_dw_kernel_size(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value not in DW_KERNEL_SIZES:
        raise ValueError(
            f"dw_kernel_size = {value!r} is not legal: use 3, as published, or 1, which mixes no positions; "
            "dw_conv = false takes the convolution out."
        )


def _sequence(field: str, value: object, length: int, unit: str) -> tuple[Any, ...]:
    if not isinstance(value, tuple | list) or len(value) != length:
        raise ValueError(f"{field} = {shown(value)} is not legal: give {length} numbers, one per {unit}.")
    return tuple(value)


def _integers(field: str, value: object, length: int, unit: str) -> tuple[int, ...]:
    values = _sequence(field, value, length, unit)
    for position, item in enumerate(values):
        _check_integer(field, item, f"{field}[{position}]")
    return values


def _ratios(value: object) -> tuple[float, ...]:
    values = _sequence("mlp_ratios", value, NUM_BRANCHES, "branch")
    high = LIMITS["mlp_ratios"][1]
    for position, item in enumerate(values):
        is_number = isinstance(item, int | float) and not isinstance(item, bool)
        if not is_number or (isinstance(item, float) and not math.isfinite(item)):
            raise ValueError(f"mlp_ratios[{position}] = {shown(item)} is not a number: use one above 0, up to {high}.")
        if not 0 < item <= high:
            nearest = high if item > high else 1
            raise ValueError(
                f"mlp_ratios[{position}] = {shown(item)} is outside 0 (excluded) to {high}: the nearest "
                f"sensible value is {nearest}."
            )
    return tuple(float(item) for item in values)


def _drop_path_rate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"drop_path_rate = {shown(value)} is not legal: use a number from 0 to below 1, such as 0.1.")
    return float(value)


#: What each task fixes in the published code (github.com/HRNet/HRFormer, commit 1245b88: cls/, pose/, seg/).
_TASKS: dict[str, dict[str, Any]] = {
    "classification": {
        "img_size": (224, 224),
        "num_classes": 1000,
        "fusion_upsample": "nearest",
        "relative_position_bias": True,
        "fused_outputs": "all",
    },
    "pose": {
        "img_size": (256, 192),
        "num_classes": 17,
        "fusion_upsample": "bilinear",
        "relative_position_bias": False,
        "fused_outputs": "highest",
    },
    "segmentation": {
        "img_size": (512, 512),
        "num_classes": 19,
        "fusion_upsample": "nearest",
        "relative_position_bias": True,
        "fused_outputs": "all",
    },
}

#: Published sizes (same source, cls/configs/hrt/*.yaml).
_SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"num_modules": (1, 1, 3, 2), "channels": (18, 36, 72, 144), "num_heads": (1, 2, 4, 8)},
    "small": {"num_modules": (1, 1, 4, 2), "channels": (32, 64, 128, 256), "num_heads": (1, 2, 4, 8)},
    "base": {"num_modules": (1, 1, 4, 2), "channels": (78, 156, 312, 624), "num_heads": (2, 4, 8, 16)},
}

#: Drop path by (size, task); the authors publish no tiny pose or segmentation, these take the classification value.
_DROP_PATH: dict[tuple[str, str], float] = {
    ("small", "pose"): 0.1,
    ("small", "segmentation"): 0.2,
    ("base", "classification"): 0.2,
    ("base", "pose"): 0.2,
    ("base", "segmentation"): 0.2,
}

PRESETS = tuple(_SIZES)
TASKS = tuple(_TASKS)


def preset(name: str, task: str = "classification", **overrides: Any) -> HRFormerConfig:
    """The published HRFormer-T, -S or -B for a task, with fields replaced by `overrides`.

    HRFormer-T exists for pose and segmentation only in the paper's ablation (Table 7), without a configuration of its
    own; its preset is the tiny backbone with the task's head.

    Args:
        name: "tiny", "small" or "base".
        task: "classification", "pose" or "segmentation".
        **overrides: Any field of `HRFormerConfig`.

    Raises:
        ValueError: If the name, the task or an overridden field is unknown, or the result is illegal.
    """
    if name not in _SIZES:
        raise ValueError(f"preset = {shown(name)} is not known: use one of {', '.join(PRESETS)}.")
    _check_choice("task", task, TASKS)
    known = [field.name for field in fields(HRFormerConfig)]
    unknown = sorted(key for key in overrides if key not in known)
    if unknown:
        raise ValueError(f"Unknown field {listed(unknown)}: a variant has the fields {', '.join(known)}.")
    values = {
        "task": task,
        "num_blocks": (2, 2, 2, 2),
        "mlp_ratios": (4.0, 4.0, 4.0, 4.0),
        "window_sizes": (7, 7, 7, 7),
        "drop_path_rate": _DROP_PATH.get((name, task), 0.0),
    }
    return HRFormerConfig(**{**values, **_TASKS[task], **_SIZES[name], **overrides})


def published_task_fields(task: str) -> dict[str, Any]:
    """Fields that the published code of a task fixes: a variant that changes its task takes these over."""
    return dict(_TASKS[task])
