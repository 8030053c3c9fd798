"""The switches of the ablation bench: each takes exactly one thing out of a variant, and all else stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hrformer import HRFormerConfig
from hrformer.config import LIMITS
from hrformer.geometry import branch_sizes


@dataclass(frozen=True)
class Switch:
    """One thing that a variant can have or lack.

    Attributes:
        key: Short name for links and the command line.
        name: What is switched, for people.
        without: What a variant is called that lacks it.
        sentence: What taking it out does, and what stays.
        take_out: The variant without it, all else equal.
        put_in: The variant with it; one that has it stays as it is.
    """

    key: str
    name: str
    without: str
    sentence: str
    take_out: Callable[[HRFormerConfig], HRFormerConfig]
    put_in: Callable[[HRFormerConfig], HRFormerConfig]


def global_attention(config: HRFormerConfig) -> HRFormerConfig:
    """The variant with one window over the whole map of each branch, at its image size.

    A map that is not square is padded to a square window. What it takes to hold it, `explorer.cost.capacity` tells.

    Raises:
        ValueError: If a map is larger than a window can be.
    """
    limit = LIMITS["window_sizes"][1]
    first, second, third, fourth = (max(size) for size in branch_sizes(config.img_size))
    if first > limit:
        raise ValueError(
            f"Global attention does not fit: the 1/4 branch has {first} tokens on its longer side and a window ends "
            f"at {limit}, so use an image of at most {4 * limit} pixels a side."
        )
    return replace(config, window_sizes=(first, second, third, fourth))


def _check_windows(config: HRFormerConfig) -> HRFormerConfig:
    sides = (max(size) for size in branch_sizes(config.img_size))
    if all(window >= side for window, side in zip(config.window_sizes, sides, strict=True)):
        height, width = config.img_size
        raise ValueError(
            f"At {height}x{width} pixels every branch of this variant has one window already, so there are no windows "
            "to take out: use smaller windows or a larger image."
        )
    return config


SWITCHES = (
    Switch(
        "dw_conv",
        "3x3 depth-wise convolution",
        "without DW conv",
        "Takes the 3x3 depth-wise convolution out of every FFN, with its norm and activation.",
        lambda config: replace(config, dw_conv=False),
        lambda config: replace(config, dw_conv=True, dw_kernel_size=3),
    ),
    Switch(
        "dw_1x1",
        "1x1 depth-wise control",
        "DW conv 1x1",
        "Shrinks the depth-wise convolution to 1x1: its norm and activation stay, only the mixing of positions goes.",
        lambda config: replace(config, dw_kernel_size=1),
        lambda config: replace(config, dw_conv=True, dw_kernel_size=3),
    ),
    Switch(
        "position_bias",
        "relative position bias",
        "without position bias",
        "Attention no longer adds its relative position bias; the unused table stays, as in the published pose code.",
        lambda config: replace(config, relative_position_bias=False),
        lambda config: replace(config, relative_position_bias=True),
    ),
    Switch(
        "fusion",
        "multi-scale fusion",
        "without fusion",
        "Each fusion hands on only the branch's own map, through its ReLU; transitions and the head stay.",
        lambda config: replace(config, multi_scale_fusion=False),
        lambda config: replace(config, multi_scale_fusion=True),
    ),
    Switch(
        "windows",
        "windows",
        "global attention",
        "One window covers the whole map of each branch, so that every token attends to every other.",
        global_attention,
        _check_windows,
    ),
)


def switch_named(key: str) -> Switch:
    """The switch with a short name.

    Raises:
        ValueError: If there is none.
    """
    for switch in SWITCHES:
        if switch.key == key:
            return switch
    raise ValueError(f"switch = {key!r} is not known: use {', '.join(switch.key for switch in SWITCHES)}.")
