"""Convolutional parts that HRFormer takes over from HRNet, and stochastic depth."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hrformer.widths import BOTTLENECK_EXPANSION


def conv_bn(
    in_chans: int, out_chans: int, kernel_size: int, *, stride: int = 1, groups: int = 1, bias: bool = False
) -> list[nn.Module]:
    """Convolution that keeps (or divides by `stride`) the size, then batch norm; unpack it into a Sequential."""
    conv = nn.Conv2d(
        in_chans, out_chans, kernel_size, stride=stride, padding=kernel_size // 2, groups=groups, bias=bias
    )
    return [conv, nn.BatchNorm2d(out_chans)]


class Bottleneck(nn.Module):
    """Residual bottleneck: 1x1, 3x3, 1x1 convolution to 4 x `width` channels (stage 1, classification head).

    Args:
        in_chans: Input channels.
        width: Channels inside; the output has 4 x `width`.
        depth_wise: Whether the 3x3 convolution is depth-wise, as in HRFormer's classification head.
    """

    expansion = BOTTLENECK_EXPANSION

    def __init__(self, in_chans: int, width: int, *, depth_wise: bool = False) -> None:
        super().__init__()
        out_chans = width * self.expansion
        self.conv1, self.bn1 = conv_bn(in_chans, width, 1)
        self.conv2, self.bn2 = conv_bn(width, width, 3, groups=width if depth_wise else 1)
        self.conv3, self.bn3 = conv_bn(width, out_chans, 1)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Identity() if in_chans == out_chans else nn.Sequential(*conv_bn(in_chans, out_chans, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_chans, H, W) -> (B, 4*width, H, W)."""
        residual = self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return torch.relu_(self.bn3(self.conv3(x)) + residual)


class DropPath(nn.Module):
    """Stochastic depth per sample (arXiv 1603.09382): drops a residual branch in training, nothing in inference."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Any shape with the batch first."""
        if not self.training or self.rate == 0.0:
            return x
        keep = 1.0 - self.rate
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        return x * mask / keep

    def extra_repr(self) -> str:
        """Shown when the module is printed."""
        return f"rate={self.rate:.3g}"
