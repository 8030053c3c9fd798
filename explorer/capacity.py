"""Whether this machine can hold a variant, said before it is built."""

from __future__ import annotations

import psutil

from explorer.complexity import MIB, estimate_complexity
from hrformer import HRFormerConfig

#: Python objects, buffers and the libraries' workspaces, next to weights and activations (measured on HRFormer-B).
OVERHEAD_MIB = 200
#: Share of the free memory that one variant may take.
USABLE_SHARE = 0.6
#: Transformer blocks that are built; each takes some milliseconds to make and to run, whatever its size.
MAX_BLOCKS = 1000


def required_mib(config: HRFormerConfig, activation_copies: float = 2.0) -> float:
    """Memory in MiB for building a variant in fp32 and looking into one forward.

    Args:
        config: The variant.
        activation_copies: How often the peak activation memory is needed; maps that are kept make it more than once.
    """
    cost = estimate_complexity(config)
    return cost.weights_mib + _index_mib(config) + activation_copies * cost.peak_activation_mib + OVERHEAD_MIB


def _index_mib(config: HRFormerConfig) -> float:
    """The relative position index that each block keeps beside its weights: K^4 numbers of 8 bytes, MiB."""
    entries = sum(
        blocks * size**4 for blocks, size in zip(_blocks_per_branch(config), config.window_sizes, strict=True)
    )
    return entries * 8 / MIB


def _blocks_per_branch(config: HRFormerConfig) -> tuple[int, int, int, int]:
    depths = [modules * blocks for modules, blocks in zip(config.num_modules, config.num_blocks, strict=True)]
    return sum(depths[1:]), sum(depths[1:]), sum(depths[2:]), depths[3]


def check_capacity(config: HRFormerConfig, activation_copies: float = 2.0) -> None:
    """Refuse a variant that this machine cannot hold.

    Raises:
        ValueError: If the variant needs more memory than is free, naming both, or has too many blocks.
    """
    blocks = sum(_blocks_per_branch(config))
    if blocks > MAX_BLOCKS:
        raise ValueError(
            f"This variant has {blocks:,} blocks, so it is costed but not built: use fewer modules or blocks, for at "
            f"most {MAX_BLOCKS:,}."
        )
    needed = required_mib(config, activation_copies)
    free = psutil.virtual_memory().available / MIB
    if needed > USABLE_SHARE * free:
        raise ValueError(
            f"This variant needs about {needed / 1024:,.1f} GiB and this machine has {free / 1024:,.1f} GiB free, "
            "so it is costed but not built: use fewer channels, blocks or a smaller image."
        )
