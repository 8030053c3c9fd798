"""The attention inside one block's windows, written out: probabilities, logits, bias, entropy and distance.

The model is run without hooks, and only as far as the block needs it: nothing is left on a shared model after an error,
and nothing of it reaches another session.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from explorer.inspection.partial_forward import exclusive, high_resolution_module, module_inputs
from explorer.units import counted
from hrformer import HRFormer, HRFormerConfig
from hrformer.attention import WindowAttention, window_partition, window_reverse
from hrformer.block import HRFormerBlock
from hrformer.config import NUM_STAGES
from hrformer.geometry import Size, attention_pairs
from hrformer.windows import WindowGrid

#: Largest attention that is written out, in (query, key) pairs over all windows and heads: 256 MiB in fp32.
MAX_PAIRS = 2**26


@dataclass(frozen=True, order=True)
class BlockAddress:
    """Where a transformer block stands in the network.

    Attributes:
        stage: 2, 3 or 4, as the paper counts.
        module: Index of the module in the stage, from 0.
        branch: Index of the branch, highest resolution first.
        block: Index of the block in the module's branch, from 0.
    """

    stage: int
    module: int
    branch: int
    block: int

    @property
    def stride(self) -> int:
        """Input pixels from one token of the branch to the next."""
        return _stride(self.branch)

    def __str__(self) -> str:
        """As people count: from 1."""
        return f"stage {self.stage}, module {self.module + 1}, 1/{self.stride} branch, block {self.block + 1}"


def nearest_address(config: HRFormerConfig, address: BlockAddress) -> tuple[BlockAddress, str | None]:
    """The block of a variant that comes nearest to an address, and a sentence if that is another one."""
    stage = _clamp(address.stage, 2, NUM_STAGES)
    nearest = BlockAddress(
        stage,
        _clamp(address.module, 0, config.num_modules[stage - 1] - 1),
        _clamp(address.branch, 0, stage - 1),
        _clamp(address.block, 0, config.num_blocks[stage - 1] - 1),
    )
    if nearest == address:
        return nearest, None
    return nearest, f"This variant has no {address}; this is the nearest block it has: {nearest}."


def nearest_head(config: HRFormerConfig, branch: int, head: int | None) -> tuple[int | None, str | None]:
    """The nearest head (from 0) that a branch has, and a sentence if that is another one; None is the heads' mean."""
    heads = config.num_heads[branch]
    if head is None or 0 <= head < heads:
        return head, None
    nearest = _clamp(head, 0, heads - 1)
    return (
        nearest,
        f"The 1/{_stride(branch)} branch has {counted(heads, 'head')}, no head {head + 1}; this is head {nearest + 1}.",
    )


def nearest_position(grid: WindowGrid, position: tuple[int, int]) -> tuple[tuple[int, int], str | None]:
    """The nearest (row, column), from 0, that a branch's map has, and a sentence if that is another one."""
    row, column = position
    nearest = _clamp(row, 0, grid.height - 1), _clamp(column, 0, grid.width - 1)
    if nearest == position:
        return nearest, None
    return nearest, (
        f"The map has {grid.height} x {grid.width} positions, no ({row}, {column}); this is position {nearest}."
    )


def _stride(branch: int) -> int:
    stride: int = 4 * 2**branch  # the stem divides by 4, each further branch by 2
    return stride


def _clamp(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """The attention of one block to one picture. N = K*K tokens of a window, padding included.

    Attributes:
        address: The block.
        grid: How the branch's map is cut into windows.
        content_logits: Scaled products of queries and keys, (windows, heads, N queries, N keys).
        bias_logits: What the relative position bias adds, (heads, N, N); zero where the variant does not add it.
        probabilities: Softmax of the sum of both, (windows, heads, N, N); rows sum to 1.
        padded: Tokens that are window padding, (windows, N). They take part in the softmax, as published.
        bias_maps: The learned bias by offset, (heads, 2K-1, 2K-1): [K-1+r, K-1+c] is for keys r rows below and c
            columns right of the query.
        bias_added: Whether the variant adds the bias at all; the published pose code does not.
    """

    address: BlockAddress
    grid: WindowGrid
    content_logits: Tensor
    bias_logits: Tensor
    probabilities: Tensor
    padded: Tensor
    bias_maps: Tensor
    bias_added: bool

    @property
    def max_entropy_bits(self) -> float:
        """Entropy of attention that is spread evenly over a window, log2(K*K)."""
        return 2 * math.log2(self.grid.size)

    def locate(self, row: int, column: int) -> tuple[int, int]:
        """Window and token inside it of a position of the branch's map, both counted row by row.

        Raises:
            ValueError: If the map has no such position.
        """
        if not (0 <= row < self.grid.height and 0 <= column < self.grid.width):
            raise ValueError(
                f"Position ({row}, {column}) lies outside the map: use rows 0 to {self.grid.height - 1}, "
                f"columns 0 to {self.grid.width - 1}."
            )
        window_row, token_row = divmod(row + self.grid.top, self.grid.size)
        window_column, token_column = divmod(column + self.grid.left, self.grid.size)
        window = window_row * self.grid.columns + window_column
        return window, token_row * self.grid.size + token_column


def collect_attention_maps(model: HRFormer, x: Tensor, address: BlockAddress) -> AttentionMaps:
    """Run one picture up to a block and write its attention out.

    Args:
        model: The model, in evaluation mode.
        x: One picture, (1, in_chans, H, W).
        address: The block.

    Raises:
        ValueError: If the model has no such block, `x` is not one picture, the model is in training mode, or the
            attention is too large to write out.
    """
    _, correction = nearest_address(model.config, address)
    if correction is not None:
        raise ValueError(correction)
    _check_size(model.config, address.branch, (x.shape[-2], x.shape[-1]))
    with exclusive(model), torch.no_grad():
        branch_map = module_inputs(model, x, address.stage, address.module)[address.branch]
        parts = high_resolution_module(model, address.stage, address.module)
        blocks = [cast(HRFormerBlock, block) for block in parts.branches[address.branch].children()]
        for block in blocks[: address.block]:
            branch_map = block(branch_map)
        block = blocks[address.block]
        # (1, C, H, W) -> (1, H, W, C)
        return _write_out(address, block.attn, block.norm1(branch_map.permute(0, 2, 3, 1)))


def _write_out(address: BlockAddress, attention: WindowAttention, tokens: Tensor) -> AttentionMaps:
    """Attention of the block to its tokens, (1, H, W, C)."""
    grid = attention.grid(tokens.shape[1], tokens.shape[2])
    query, key, _ = attention.project(window_partition(tokens, grid))  # (windows, heads, N, head_dim)
    content = query @ key.transpose(-2, -1) * attention.scale  # (windows, heads, N, N)
    bias = attention.bias()
    bias_logits = torch.zeros_like(content[0]) if bias is None else bias[0]
    side = 2 * grid.size - 1
    # ((2K-1)^2, heads) -> (heads, 2K-1, 2K-1); the table counts from key to query, a map from query to key.
    bias_maps = attention.relative_position_bias_table.T.reshape(-1, side, side).flip(1, 2)
    inside = window_partition(torch.ones_like(tokens[..., :1]), grid).squeeze(-1)  # (windows, N)
    return AttentionMaps(
        address=address,
        grid=grid,
        content_logits=content,
        bias_logits=bias_logits,
        probabilities=(content + bias_logits).softmax(-1),
        padded=inside == 0,
        bias_maps=bias_maps,
        bias_added=bias is not None,
    )


def _check_size(config: HRFormerConfig, branch: int, img_size: Size) -> None:
    pairs = attention_pairs(config, branch, img_size)
    if pairs > MAX_PAIRS:
        raise ValueError(
            f"This block's attention has {pairs / 1e6:.0f} million (query, key) pairs, too many to write out: use a "
            f"smaller window or picture, for at most {MAX_PAIRS / 1e6:.0f} million."
        )


def select_head(values: Tensor, head: int | None) -> Tensor:
    """One head of (..., heads, N, N) or, for None, the heads' mean: (..., N, N)."""
    return values.mean(-3) if head is None else values[..., head, :, :]


def entropy_bits(maps: AttentionMaps) -> Tensor:
    """Entropy of each position's attention per head, (heads, H, W): 0 for one key, log2(K*K) for all alike."""
    return _per_position(maps.grid, torch.special.entr(maps.probabilities).sum(-1) / math.log(2))


def mean_distance_px(maps: AttentionMaps) -> Tensor:
    """Mean distance from each position to what it attends to, in input pixels per head, (heads, H, W).

    Weighted by the attention, as in arXiv 2010.11929, figure 7. Padding counts with its place beside the picture.
    """
    size = maps.grid.size
    # (K, K) x 2 -> (N, 2)
    places = torch.cartesian_prod(torch.arange(size), torch.arange(size)).to(maps.probabilities)
    distance = torch.cdist(places, places) * maps.address.stride
    return _per_position(maps.grid, (maps.probabilities * distance).sum(-1))


def padding_share(maps: AttentionMaps) -> Tensor:
    """Share of each position's attention that falls on padding per head, (heads, H, W), 0 to 1."""
    on_padding = maps.probabilities * maps.padded[:, None, None, :]
    return _per_position(maps.grid, on_padding.sum(-1))


def _per_position(grid: WindowGrid, values: Tensor) -> Tensor:
    """A value per query, (windows, heads, N), on the branch's map: (heads, H, W)."""
    # (windows, N, heads) -> (1, H, W, heads) -> (heads, H, W)
    return window_reverse(values.transpose(1, 2), grid).squeeze(0).permute(2, 0, 1)


def attention_from(maps: AttentionMaps, row: int, column: int) -> Tensor:
    """Attention of one position over its window per head, (heads, K, K); padding included.

    Raises:
        ValueError: If the map has no such position.
    """
    window, token = maps.locate(row, column)
    # (heads, N) -> (heads, K, K)
    return maps.probabilities[window, :, token].reshape(-1, maps.grid.size, maps.grid.size)


def attention_over_map(maps: AttentionMaps, row: int, column: int) -> Tensor:
    """Attention of one position over the branch's whole map per head, (heads, H, W); zero outside its window.

    Raises:
        ValueError: If the map has no such position.
    """
    window, token = maps.locate(row, column)
    only_here = torch.zeros_like(maps.probabilities[:, :, token])  # (windows, heads, N)
    only_here[window] = maps.probabilities[window, :, token]
    return _per_position(maps.grid, only_here)
