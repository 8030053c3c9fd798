"""Sizes of the maps inside HRFormer."""

from __future__ import annotations

from hrformer.config import NUM_BRANCHES

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
