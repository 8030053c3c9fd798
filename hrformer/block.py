"""The HRFormer block: window attention, then an FFN whose 3x3 depth-wise convolution crosses window borders."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.fx
from torch import Tensor, nn

from hrformer.attention import WindowAttention
from hrformer.free_sizes import are_free
from hrformer.layers import DropPath

torch.fx.wrap("to_tokens")
torch.fx.wrap("to_map")


def to_tokens(x: Tensor) -> Tensor:
    """(B, H, W, C) -> (B, H*W, C), where height and width are known.

    Three dimensions for norm and sum: OpenVINO takes any four for (B, C, H, W) and lays them out as such.
    """
    return x if are_free(x.shape[1:3]) else x.flatten(1, 2)


def to_map(tokens: Tensor, size: Sequence[int]) -> Tensor:
    """Undo `to_tokens`: -> (B, H, W, C), with the (H, W) that it had."""
    if are_free(size):
        return tokens
    unflattened: Tensor = tokens.unflatten(1, tuple(size))  # type: ignore[no-untyped-call]
    return unflattened


class FeedForward(nn.Module):
    """1x1 convolution, 3x3 depth-wise convolution, 1x1 convolution, each with batch norm and GELU.

    The last GELU stands after the last norm and before the residual addition, as published.

    Args:
        dim: C, channels in and out.
        hidden_dim: R*C, channels inside.
        dw_conv: Whether the depth-wise convolution, its norm and its activation are there.
        dw_kernel_size: Side of the depth-wise convolution, odd; 1 mixes no positions. It goes by the authors' name
            `dw3x3` either way.
    """

    def __init__(self, dim: int, hidden_dim: int, *, dw_conv: bool = True, dw_kernel_size: int = 3) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(dim, hidden_dim, 1)
        self.norm1 = nn.BatchNorm2d(hidden_dim)
        self.act = nn.GELU()
        if dw_conv:
            self.dw3x3: nn.Conv2d | None = nn.Conv2d(
                hidden_dim, hidden_dim, dw_kernel_size, padding=dw_kernel_size // 2, groups=hidden_dim
            )
            self.norm2 = nn.BatchNorm2d(hidden_dim)
        else:
            self.dw3x3 = None
        self.fc2 = nn.Conv2d(hidden_dim, dim, 1)
        self.norm3 = nn.BatchNorm2d(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        x = self.act(self.norm1(self.fc1(x)))
        if self.dw3x3 is not None:
            x = self.act(self.norm2(self.dw3x3(x)))
        x = self.act(self.norm3(self.fc2(x)))
        return x


class HRFormerBlock(nn.Module):
    """Pre-norm transformer block on a map.

    Args:
        dim: C, channels.
        num_heads: H, heads.
        window_size: K, side of a window in tokens.
        hidden_dim: R*C, channels inside the FFN.
        dw_conv: Whether the FFN holds the depth-wise convolution.
        dw_kernel_size: Side of the depth-wise convolution.
        add_bias: Whether the relative position bias is added.
        drop_path_rate: Stochastic depth of this block.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: int,
        hidden_dim: int,
        *,
        dw_conv: bool = True,
        dw_kernel_size: int = 3,
        add_bias: bool = True,
        drop_path_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = WindowAttention(dim, num_heads, window_size, add_bias=add_bias)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = FeedForward(dim, hidden_dim, dw_conv=dw_conv, dw_kernel_size=dw_kernel_size)
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W), in channels-last memory, so that no permute copies."""
        size = x.shape[2:]
        tokens = to_tokens(x.permute(0, 2, 3, 1))
        # No name for what attention gives: it would be held in memory through the FFN.
        tokens = tokens + self.drop_path(to_tokens(self.attn(to_map(self.norm1(tokens), size))))
        # (B, H*W, C) -> (B, C, H, W)
        features: Tensor = self.mlp(to_map(self.norm2(tokens), size).permute(0, 3, 1, 2))
        x = to_map(tokens, size).permute(0, 3, 1, 2) + self.drop_path(features)
        return x
