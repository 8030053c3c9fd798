"""What joins the parallel branches: transitions that open a branch, fusions that exchange them, modules of both."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from hrformer.block import HRFormerBlock
from hrformer.free_sizes import may_differ
from hrformer.layers import conv_bn

torch.fx.wrap("resize")


def resize(x: Tensor, size: Sequence[int], mode: str, align_corners: bool) -> Tensor:
    """Interpolate a map to (height, width), where it does not have that size already."""
    if may_differ(x.shape[-2:], size):
        x = F.interpolate(x, size=tuple(size), mode=mode, align_corners=align_corners)
    return x


class Transition(nn.ModuleList):
    """Opens the next branch: kept branches pass (stage 1 to 2: a 3x3 convolution), a strided 3x3 makes the new one.

    Args:
        in_chans: Channels of the branches before.
        out_chans: Channels of the branches after, one more than before.
    """

    def __init__(self, in_chans: Sequence[int], out_chans: Sequence[int]) -> None:
        kept = [
            nn.Identity() if before == after else nn.Sequential(*conv_bn(before, after, 3), nn.ReLU(inplace=True))
            for before, after in zip(in_chans, out_chans, strict=False)
        ]
        opened = nn.Sequential(*conv_bn(in_chans[-1], out_chans[-1], 3, stride=2), nn.ReLU(inplace=True))
        super().__init__([*kept, nn.Sequential(opened)])

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        """n maps -> n + 1 maps; the new one comes from the lowest resolution at half its size."""
        return [layer(branch) for layer, branch in zip(self, [*branches, branches[-1]], strict=True)]


class FusionRow(nn.ModuleList):
    """One target branch of a fusion: every source brought to the target's channels and size, summed, ReLU.

    Args:
        channels: Channels of all branches.
        target: Index of the branch that this row makes.
        upsample: "nearest" or "bilinear" for sources of lower resolution.
    """

    def __init__(self, channels: Sequence[int], target: int, upsample: str) -> None:
        super().__init__(self._summand_layer(channels, source, target) for source in range(len(channels)))
        self.target = target
        self.upsample = upsample

    @staticmethod
    def _summand_layer(channels: Sequence[int], source: int, target: int) -> nn.Module:
        if source == target:
            return nn.Identity()
        if source > target:
            return nn.Sequential(*conv_bn(channels[source], channels[target], 1))
        steps = []
        for step in range(target - source):
            last = step == target - source - 1
            out_chans = channels[target] if last else channels[source]
            depth_wise = conv_bn(channels[source], channels[source], 3, stride=2, groups=channels[source])
            activation = [] if last else [nn.ReLU(inplace=True)]
            steps.append(nn.Sequential(*depth_wise, *conv_bn(channels[source], out_chans, 1), *activation))
        return nn.Sequential(*steps)

    def summand(self, source: int, branches: Sequence[Tensor]) -> Tensor:
        """What one source adds: (B, C_source, H_s, W_s) -> (B, C_target, H_t, W_t)."""
        x: Tensor = self[source](branches[source])
        if source <= self.target:
            return x
        factor = 2 ** (source - self.target)
        if self.upsample == "nearest":
            # Published: nearest by the power of two, then bilinear to the target's size where that differs.
            x = F.interpolate(x, scale_factor=factor, mode="nearest")
            return resize(x, branches[self.target].shape[-2:], "bilinear", align_corners=True)
        x = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
        return resize(x, branches[self.target].shape[-2:], "bilinear", align_corners=False)

    def forward(self, branches: Sequence[Tensor]) -> Tensor:
        """All branches -> the fused map of the target."""
        fused = self.summand(0, branches)
        for source in range(1, len(branches)):
            fused = fused + self.summand(source, branches)
        return F.relu_(fused)


class PassingRow(nn.Module):
    """One target branch without multi-scale fusion: of a fusion's sum only the branch's own map is left, and the ReLU.

    Args:
        target: Index of the branch that this row makes.
    """

    def __init__(self, target: int) -> None:
        super().__init__()
        self.target = target

    def summand(self, source: int, branches: Sequence[Tensor]) -> Tensor:
        """What one source adds, (B, C_target, H_t, W_t): the target its own map, every other zeros."""
        own = branches[self.target]
        return own if source == self.target else torch.zeros_like(own)

    def forward(self, branches: Sequence[Tensor]) -> Tensor:
        """All branches -> the target's own map after the ReLU."""
        return F.relu(branches[self.target])


class HighResolutionModule(nn.Module):
    """B blocks in each branch, then a fusion of all branches.

    Args:
        branches: The blocks of each branch, highest resolution first.
        rows: The fusion of each branch that the module makes, from the highest resolution down.
    """

    def __init__(self, branches: Sequence[Sequence[HRFormerBlock]], rows: Sequence[FusionRow | PassingRow]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*blocks) for blocks in branches)
        self.fuse_layers = nn.ModuleList(rows)

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        """Maps of all branches -> fused maps of the targets."""
        branches = [blocks(branch) for blocks, branch in zip(self.branches, branches, strict=True)]
        return [row(branches) for row in self.fuse_layers]
