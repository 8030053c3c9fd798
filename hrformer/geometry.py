"""Sizes of the maps inside HRFormer."""

from __future__ import annotations

from hrformer.config import NUM_BRANCHES, HRFormerConfig
from hrformer.windows import WindowGrid

Size = tuple[int, int]


def downsampled(size: Size, times: int = 1) -> Size:
    """Size after `times` convolutions of stride 2: each halves and rounds up."""
    height, width = size
    for _ in range(times):
        height, width = (height + 1) // 2, (width + 1) // 2
    return height, width


def stem_sizes(img_size: Size) -> tuple[Size, Size]:
    """Sizes after the stem's two convolutions; the second is also that of stage 1 and of the first branch."""
    half = downsampled(img_size)
    return half, downsampled(half)


def branch_sizes(img_size: Size) -> tuple[Size, ...]:
    """(height, width) of each branch in tokens, highest resolution (1/4) first."""
    return tuple(downsampled(img_size, 2 + branch) for branch in range(NUM_BRANCHES))


def area(size: Size) -> int:
    """Number of positions."""
    return size[0] * size[1]


def attention_pairs(config: HRFormerConfig, branch: int, img_size: Size) -> int:
    """(query, key) pairs over all windows and heads of one block of a branch."""
    height, width = branch_sizes(img_size)[branch]
    grid = WindowGrid(height, width, config.window_sizes[branch])
    return grid.tokens * grid.size**2 * config.num_heads[branch]
