"""What each branch adds to each other branch in a module's fusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from explorer.inspection.partial_forward import exclusive, high_resolution_module, module_inputs
from hrformer import HRFormer
from hrformer.fusion import FusionRow, PassingRow


@dataclass(frozen=True, eq=False)
class FusionContributions:
    """The summands of one fusion, target by target (fewer targets than sources where only the highest is fused).

    Attributes:
        norm_ratios: (targets, sources), the Frobenius norm of each summand over that of the sum before the ReLU.
            Summands that cancel each other make ratios above 1. NaN where the sum is zero.
        shares: (targets, sources), the part of the sum that each summand makes: their inner product over the squared
            norm of the sum. Each row adds up to 1; a negative share works against the sum. NaN where the sum is zero.
        summand_maps: For each target, each source's summand as its mean over channels, (H_target, W_target).
    """

    norm_ratios: Tensor
    shares: Tensor
    summand_maps: tuple[tuple[Tensor, ...], ...]


def collect_fusion_contributions(model: HRFormer, x: Tensor, stage: int, module: int) -> FusionContributions:
    """Run one picture up to a module's fusion and take the fusion apart.

    Args:
        model: The model, in evaluation mode.
        x: One picture, (1, in_chans, H, W).
        stage: 2, 3 or 4.
        module: Index of the module in its stage.

    Raises:
        ValueError: If there is no such module, `x` is not one picture, or the model is in training mode.
    """
    with exclusive(model), torch.no_grad():
        branches = module_inputs(model, x, stage, module)
        parts = high_resolution_module(model, stage, module)
        branches = [blocks(branch) for blocks, branch in zip(parts.branches, branches, strict=True)]
        rows = [_summands(cast("FusionRow | PassingRow", row), branches) for row in parts.fuse_layers]
        return FusionContributions(
            torch.stack([_norm_ratios(summands) for summands in rows]),
            torch.stack([_shares(summands) for summands in rows]),
            # (sources, C, H, W) -> sources x (H, W)
            tuple(tuple(summands.mean(1)) for summands in rows),
        )


def _summands(row: FusionRow | PassingRow, branches: list[Tensor]) -> Tensor:
    """What each source adds to the row's target: (sources, C, H, W)."""
    return torch.cat([row.summand(source, branches) for source in range(len(branches))])


def _norm_ratios(summands: Tensor) -> Tensor:
    ratios: Tensor = torch.linalg.vector_norm(summands, dim=(1, 2, 3)) / torch.linalg.vector_norm(summands.sum(0))
    return ratios


def _shares(summands: Tensor) -> Tensor:
    fused = summands.sum(0)
    return (summands * fused).flatten(1).sum(1) / fused.square().sum()
