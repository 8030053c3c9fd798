"""Whether this machine can hold a variant, said before it is built."""

from __future__ import annotations

from explorer.cost.complexity import estimate_complexity
from explorer.processes.memory import available_ram_mib
from explorer.units import MIB, mebibytes
from hrformer import HRFormerConfig
from hrformer.geometry import area, attention_pairs, branch_sizes
from hrformer.windows import WindowGrid

#: Python objects, buffers and the libraries' workspaces, next to weights and activations (measured on HRFormer-B).
OVERHEAD_MIB = 200
#: Share of the free memory that one variant may take.
USABLE_SHARE = 0.6
#: The same as `OVERHEAD_MIB` once the libraries are warm.
_WORKSPACE_MIB = 32
#: Transformer blocks that are built; each takes some milliseconds to make and to run, whatever its size.
MAX_BLOCKS = 1000


def required_mib(config: HRFormerConfig, activation_copies: float = 2.0) -> float:
    """Memory in MiB for building a variant in fp32 and looking into one forward.

    Args:
        config: The variant.
        activation_copies: How often the peak activation memory is needed; maps that are kept make it more than once.
    """
    cost = estimate_complexity(config)
    return cost.weights_mib + activation_copies * cost.peak_activation_mib + OVERHEAD_MIB


def building_mib(config: HRFormerConfig) -> float:
    """Memory in MiB for building a variant in fp32."""
    return estimate_complexity(config).weights_mib + _WORKSPACE_MIB


def optimised_mib(config: HRFormerConfig) -> float:
    """Memory in MiB that the optimised form's values take in fp32.

    It keeps the position bias of every block written out, K^4 numbers a head, where the network keeps a table.
    """
    blocks = zip(_blocks_per_branch(config), config.num_heads, config.window_sizes, strict=True)
    biases = sum(count * heads * size**4 for count, heads, size in blocks) * config.relative_position_bias
    return estimate_complexity(config).weights_mib + biases * 4 / MIB


def looking_mib(config: HRFormerConfig, activation_copies: float = 2.0) -> float:
    """Memory in MiB that looking into one forward of a built variant takes; see `required_mib`."""
    return activation_copies * estimate_complexity(config).peak_activation_mib + _WORKSPACE_MIB


def attention_mib(config: HRFormerConfig, branch: int) -> float:
    """Memory in MiB for writing out the attention of one block: content, their sum with the bias, and the softmax."""
    return looking_mib(config) + 3 * attention_pairs(config, branch, config.img_size) * 4 / MIB


def gradient_mib(config: HRFormerConfig, pictures: int = 1) -> float:
    """Memory in MiB for a forward that keeps what a backward needs.

    Fitted to what autograd really saves (`tests/explorer/cost/test_capacity.py`): per block about 12 maps of the
    branch's tokens, window padding included, and 6 of the FFN's hidden channels; stem, stage 1 and head as much as 6
    times the peak of an inference forward.
    """
    saved = 6 * estimate_complexity(config).peak_activation_elements
    sizes = branch_sizes(config.img_size)
    for branch, blocks in enumerate(_blocks_per_branch(config)):
        grid = WindowGrid(*sizes[branch], config.window_sizes[branch])
        hidden = config.mlp_ratios[branch] * area(sizes[branch])
        saved += round(blocks * config.channels[branch] * (12 * grid.tokens + 6 * hidden))
    return 1.25 * pictures * saved * 4 / MIB + _WORKSPACE_MIB


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
    free = available_ram_mib()
    if needed > USABLE_SHARE * free:
        raise ValueError(
            f"This variant needs about {mebibytes(needed)} and this machine has {mebibytes(free)} free, "
            "so it is costed but not built: use fewer channels or blocks, smaller windows or a smaller image."
        )
