"""How the cost of attention grows with the picture: inside windows, and over all positions at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from explorer.cost import operator_counts as ops
from explorer.cost.complexity import ATTENTION_KINDS, block_costs
from hrformer import HRFormerConfig
from hrformer.geometry import branch_sizes
from hrformer.windows import WindowGrid


def compare_with_global(config: HRFormerConfig, branch: int, sides_px: Iterable[int]) -> pd.DataFrame:
    """MACs of the attention of one block, projections included, for square pictures.

    Args:
        config: The variant; its window size and channels of the branch count.
        branch: Index of the branch.
        sides_px: Sides of the pictures, pixels.

    Returns:
        One row per side with the columns side_px, positions (of the branch map), window_macs and global_macs; global
        is the same attention with all positions of the map in one window.

    Raises:
        ValueError: If a side is not legal.
    """
    rows = []
    for side in sides_px:
        costs = block_costs(replace(config, img_size=(side, side)), branch)
        height, width = branch_sizes((side, side))[branch]
        everywhere = WindowGrid(height, width, height)
        products = ops.attention_products(
            config.channels[branch], config.num_heads[branch], everywhere, add_bias=config.relative_position_bias
        )
        projections = ops.attention_projections(config.channels[branch], everywhere)
        windows = sum(costs[kind].macs for kind in ATTENTION_KINDS)
        rows.append((side, height * width, windows, (products + projections).macs))
    return pd.DataFrame(rows, columns=["side_px", "positions", "window_macs", "global_macs"])
