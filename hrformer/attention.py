"""Multi-head attention inside non-overlapping windows, with a relative position bias."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hrformer.windows import WindowGrid


def window_partition(x: Tensor, grid: WindowGrid) -> Tensor:
    """Pad a map and cut it: (B, H, W, C) -> (B*windows, K*K, C), windows row by row."""
    batch, _, _, channels = x.shape
    padded_height, padded_width = grid.rows * grid.size, grid.columns * grid.size
    bottom = padded_height - grid.height - grid.top
    right = padded_width - grid.width - grid.left
    if (padded_height, padded_width) != (grid.height, grid.width):
        x = F.pad(x, (0, 0, grid.left, right, grid.top, bottom))
    x = x.view(batch, grid.rows, grid.size, grid.columns, grid.size, channels)
    # (B, rows, K, columns, K, C) -> (B, rows, columns, K, K, C) -> (B*windows, K*K, C)
    return x.transpose(2, 3).reshape(-1, grid.size * grid.size, channels)


def window_reverse(windows: Tensor, grid: WindowGrid) -> Tensor:
    """Undo `window_partition`: (B*windows, K*K, C) -> (B, H, W, C), padding cropped."""
    channels = windows.shape[-1]
    x = windows.view(-1, grid.rows, grid.columns, grid.size, grid.size, channels)
    # (B, rows, columns, K, K, C) -> (B, rows, K, columns, K, C) -> (B, rows*K, columns*K, C)
    x = x.transpose(2, 3).reshape(-1, grid.rows * grid.size, grid.columns * grid.size, channels)
    return x[:, grid.top : grid.top + grid.height, grid.left : grid.left + grid.width]


def relative_position_index(size: int) -> Tensor:
    """Row of the bias table for each (query, key) pair of a window: (K*K, K*K), as in Swin (arXiv 2103.14030)."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    rows, columns = rows.flatten(), columns.flatten()
    row_offset = rows[:, None] - rows[None, :] + size - 1
    column_offset = columns[:, None] - columns[None, :] + size - 1
    return row_offset * (2 * size - 1) + column_offset


class WindowAttention(nn.Module):
    """Attention of each token to the K*K tokens of its own window (arXiv 2110.09408, section 3).

    Maps whose sides are no multiple of K are padded with zeros after the norm; as in the published code the padding
    takes part in the softmax, with the bias of the projections as its query, key and value.

    Args:
        dim: C, channels.
        num_heads: H, heads; divides `dim`.
        window_size: K, side of a window in tokens.
        add_bias: Whether the relative position bias is added. The table exists either way, as in the published code.
    """

    relative_position_index: Tensor

    def __init__(self, dim: int, num_heads: int, window_size: int, *, add_bias: bool = True) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.window_size = window_size
        self.add_bias = add_bias
        self.scale = (dim // num_heads) ** -0.5
        self.q_proj = nn.Linear(dim, dim)
        self.k_proj = nn.Linear(dim, dim)
        self.v_proj = nn.Linear(dim, dim)
        self.out_proj = nn.Linear(dim, dim)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window_size - 1) ** 2, num_heads))
        self.register_buffer("relative_position_index", relative_position_index(window_size), persistent=False)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        grid = self.grid(x.shape[1], x.shape[2])
        query, key, value = self.project(window_partition(x, grid))
        x = F.scaled_dot_product_attention(query, key, value, attn_mask=self.bias(), scale=self.scale)
        # (B*windows, heads, K*K, head_dim) -> (B*windows, K*K, C)
        x = x.transpose(1, 2).flatten(2)
        return window_reverse(self.out_proj(x), grid)

    def grid(self, height: int, width: int) -> WindowGrid:
        """The windows of a map of height x width tokens."""
        return WindowGrid(height, width, self.window_size)

    def project(self, windows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value of each window: (windows, K*K, C) -> 3 x (windows, heads, K*K, head_dim)."""
        query, key, value = (
            # (windows, K*K, C) -> (windows, K*K, heads, head_dim) -> (windows, heads, K*K, head_dim)
            project(windows).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        return query, key, value

    def bias(self) -> Tensor | None:
        """Relative position bias of every (query, key) pair, (1, heads, K*K, K*K); None where it is not added."""
        if not self.add_bias:
            return None
        # (K*K, K*K, heads) -> (1, heads, K*K, K*K)
        return self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1).unsqueeze(0)
