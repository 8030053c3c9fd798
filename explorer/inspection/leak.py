"""How far a change in one attention window travels through the blocks of one branch, before any fusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from explorer.inspection.partial_forward import exclusive, high_resolution_module, module_inputs
from explorer.inspection.receptive_field import MapPosition
from hrformer import HRFormer, HRFormerConfig
from hrformer.attention import window_partition
from hrformer.geometry import branch_sizes
from hrformer.windows import WindowGrid


@dataclass(frozen=True, eq=False)
class Leak:
    """Where a change of one window is found again after each block.

    Attributes:
        grid: The windows of the branch map.
        window: (row, column) of the changed window in the grid.
        dw_conv: Whether the blocks hold the depth-wise convolution; one of 1x1 lets nothing through.
        shares: Norm of the change inside each window over the norm of the whole change, 0 to 1, (blocks, rows,
            columns); their squares sum to 1 for each block.
    """

    grid: WindowGrid
    window: tuple[int, int]
    dw_conv: bool
    shares: NDArray[np.float64]

    @property
    def outside_shares(self) -> NDArray[np.float64]:
        """Norm of the change outside the changed window over the norm of the whole change, after each block."""
        outside = self.shares.copy()
        outside[:, *self.window] = 0
        norms: NDArray[np.float64] = np.sqrt((outside**2).sum((1, 2)))
        return norms

    @property
    def reached_windows(self) -> tuple[int, ...]:
        """Other windows that any change at all has reached after each block, as far as the model's precision tells."""
        return tuple(int(count) - 1 for count in (self.shares > 0).sum((1, 2)))

    @property
    def farthest_windows(self) -> tuple[int, ...]:
        """Steps over the grid, diagonal ones included, to the farthest window reached after each block."""
        rows, columns = np.indices(self.shares.shape[1:])
        steps = np.maximum(abs(rows - self.window[0]), abs(columns - self.window[1]))
        return tuple(int(steps[shares > 0].max()) for shares in self.shares)


def map_entering_blocks(model: HRFormer, image: Tensor, stage: int, module: int, branch: int) -> Tensor:
    """The branch map (1, C_i, H_i, W_i) that the blocks of a branch start from.

    Args:
        model: A model in eval mode.
        image: One normalised picture (1, in_chans, H, W).
        stage: 2, 3 or 4.
        module: Index of the module in its stage.
        branch: Index of the branch.

    Raises:
        ValueError: If the variant has no such blocks, the picture does not fit, or the model is in training mode.
    """
    with exclusive(model), torch.no_grad():
        branches = module_inputs(model, image, stage, module)
    _check_branch(stage, branch)
    return branches[branch]


def window_of(config: HRFormerConfig, position: MapPosition) -> tuple[int, int]:
    """(row, column) of the window that holds a position, in the grid of its branch."""
    height, width = branch_sizes(config.img_size)[position.branch]
    grid = WindowGrid(height, width, config.window_sizes[position.branch])
    return (position.row + grid.top) // grid.size, (position.column + grid.left) // grid.size


def measure_leak(
    model: HRFormer,
    features: Tensor,
    *,
    stage: int,
    module: int,
    branch: int,
    window: tuple[int, int],
    strength: float = 1.0,
    seed: int = 0,
) -> Leak:
    """Change one window of a branch map and follow the change through the module's blocks, one after another.

    Without the 3x3 depth-wise convolution nothing at all reaches another window: attention and FFN stay inside.

    Args:
        model: A model in eval mode.
        features: The map (1, C_i, H_i, W_i) that enters the blocks, from `map_entering_blocks`. To compare two models,
            give both the same map.
        stage: 2, 3 or 4.
        module: Index of the module in its stage.
        branch: Index of the branch.
        window: (row, column) of the window in the branch's grid.
        strength: Standard deviation of the Gaussian change against that of the map, above 0.
        seed: Of the change.

    Raises:
        ValueError: If the model is in training mode, the variant has no such blocks or window, the map does not fit, or
            the change does not come out of the blocks as a finite number.
    """
    if model.training:
        raise ValueError("The model is in training mode, where batch norm mixes pictures: call model.eval() first.")
    blocks = high_resolution_module(model, stage, module).branches
    _check_branch(stage, branch)
    channels = model.config.channels[branch]
    if features.ndim != 4 or features.shape[:2] != (1, channels):
        raise ValueError(f"A map of shape {tuple(features.shape)} does not fit: use (1, {channels}, height, width).")
    grid = WindowGrid(features.shape[2], features.shape[3], model.config.window_sizes[branch])
    _check_window(grid, window)
    clean, changed = features, features + _change(features, grid, window, strength, seed)
    shares = []
    with exclusive(model), torch.no_grad():
        for block in cast(nn.Sequential, blocks[branch]):
            clean, changed = block(clean), block(changed)
            shares.append(_window_shares(changed - clean, grid))
    return Leak(grid, window, model.config.dw_conv, np.stack(shares))


def _change(features: Tensor, grid: WindowGrid, window: tuple[int, int], strength: float, seed: int) -> Tensor:
    row, column = window
    top, left = row * grid.size - grid.top, column * grid.size - grid.left
    inside = (..., slice(max(top, 0), top + grid.size), slice(max(left, 0), left + grid.size))
    noise = torch.randn(features.shape, generator=torch.Generator().manual_seed(seed)).to(features)
    change = torch.zeros_like(features)
    change[inside] = strength * features.std() * noise[inside]
    return change


def _window_shares(difference: Tensor, grid: WindowGrid) -> NDArray[np.float64]:
    energy = window_partition(difference.double().square().permute(0, 2, 3, 1), grid).sum((1, 2))
    total = energy.sum()
    if not (torch.isfinite(total) and total > 0):
        raise ValueError("The change does not come out of the blocks as a finite number: check weights and strength.")
    # (rows*columns,) -> (rows, columns)
    shares: NDArray[np.float64] = (energy / total).sqrt().view(grid.rows, grid.columns).cpu().numpy()
    return shares


def _check_branch(stage: int, branch: int) -> None:
    if not 0 <= branch < stage:
        raise ValueError(f"branch = {branch} is not among the {stage} branches of stage {stage}: use 0 to {stage - 1}.")


def _check_window(grid: WindowGrid, window: tuple[int, int]) -> None:
    row, column = window
    if not (0 <= row < grid.rows and 0 <= column < grid.columns):
        raise ValueError(
            f"Window ({row}, {column}) is not in the grid: use a row from 0 to {grid.rows - 1} and a column from 0 to "
            f"{grid.columns - 1}."
        )
