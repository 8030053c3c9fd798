"""Multi-head attention inside non-overlapping windows, with a relative position bias."""

from __future__ import annotations

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from hrformer.free_sizes import are_free, cropped, may_differ, split_index
from hrformer.windows import WindowGrid

# Their arithmetic of sizes is one node each in a trace of `torch.fx`, which cannot follow it.
torch.fx.wrap("window_partition")
torch.fx.wrap("window_reverse")


def window_partition(x: Tensor, grid: WindowGrid) -> Tensor:
    """Pad a map and cut it: (B, H, W, C) -> (B*windows, K*K, C), windows row by row."""
    batch, _, _, channels = x.shape
    padded_height, padded_width = grid.rows * grid.size, grid.columns * grid.size
    bottom = padded_height - grid.height - grid.top
    right = padded_width - grid.width - grid.left
    if may_differ((padded_height, padded_width), (grid.height, grid.width)):
        x = F.pad(x, (0, 0, grid.left, right, grid.top, bottom))
    if are_free((grid.height, grid.width)):
        return _gathered_windows(x, grid)
    x = x.view(batch, grid.rows, grid.size, grid.columns, grid.size, channels)
    # (B, rows, K, columns, K, C) -> (B, rows, columns, K, K, C) -> (B*windows, K*K, C)
    return x.transpose(2, 3).reshape(-1, grid.size * grid.size, channels)


def window_reverse(windows: Tensor, grid: WindowGrid) -> Tensor:
    """Undo `window_partition`: (B*windows, K*K, C) -> (B, H, W, C), padding cropped."""
    if are_free((grid.height, grid.width)):
        return _gathered_map(windows, grid)
    channels = windows.shape[-1]
    x = windows.reshape(-1, grid.rows, grid.columns, grid.size, grid.size, channels)
    # (B, rows, columns, K, K, C) -> (B, rows, K, columns, K, C) -> (B, rows*K, columns*K, C)
    x = x.transpose(2, 3).reshape(-1, grid.rows * grid.size, grid.columns * grid.size, channels)
    return cropped(cropped(x, 1, grid.top, grid.height), 2, grid.left, grid.width)


def _gathered_windows(x: Tensor, grid: WindowGrid) -> Tensor:
    """The windows of a padded map, token by token: (B, rows*K, columns*K, C) -> (B*windows, K*K, C)."""
    window = torch.arange(x.shape[0] * grid.rows * grid.columns, device=x.device)[:, None]
    token = torch.arange(grid.size * grid.size, device=x.device)
    image, within = split_index(window, grid.rows * grid.columns)
    row, column = split_index(within, grid.columns)
    return x[image, row * grid.size + token // grid.size, column * grid.size + token % grid.size]


def _gathered_map(windows: Tensor, grid: WindowGrid) -> Tensor:
    """The map of windows, token by token: (B*windows, K*K, C) -> (B, H, W, C)."""
    image = torch.arange(windows.shape[0] // (grid.rows * grid.columns), device=windows.device)[:, None, None]
    row = torch.arange(grid.height, device=windows.device)[:, None] + grid.top
    column = torch.arange(grid.width, device=windows.device) + grid.left
    window = (image * grid.rows + row // grid.size) * grid.columns + column // grid.size
    return windows[window, row % grid.size * grid.size + column % grid.size]


def relative_position_bias(table: Tensor, size: int) -> Tensor:
    """Bias of each (query, key) pair of a window, as in Swin (arXiv 2103.14030).

    A pair's bias depends on its offset alone, so a query's biases are a K x K cut-out of the table, read backwards:
    strides do what an index of K^4 entries would.

    Args:
        table: One row for each offset, ((2K-1)^2, heads), rows of the window first.
        size: K, side of the window in tokens.

    Returns:
        (1, heads, K*K, K*K).
    """
    side = 2 * size - 1
    offsets = table.t().contiguous().view(-1, side, side)  # ((2K-1)^2, heads) -> (heads, 2K-1, 2K-1)
    cut_outs = offsets.unfold(1, size, 1).unfold(2, size, 1)  # (heads, K, K, K, K): of the query, then in the cut-out
    # The flipped cut-outs lie in another order, so that they are copied twice; gathering them copies once and takes
    # two to four times as long for windows of 7 and 15.
    return cut_outs.flip(3, 4).reshape(1, -1, size * size, size * size)


def join_heads(x: Tensor) -> Tensor:
    """(windows, heads, K*K, head_dim) -> (windows, K*K, C)."""
    x = x.transpose(1, 2)
    if torch.compiler.is_exporting():
        # The layout that attention gives goes by what runs it, and an exported view would fit one layout only.
        x = x.clone(memory_format=torch.contiguous_format)
    return x.flatten(2)


class WindowAttention(nn.Module):
    """Attention of each token to the K*K tokens of its own window (arXiv 2110.09408, section 3).

    Maps whose sides are no multiple of K are padded with zeros after the norm; as in the published code the padding
    takes part in the softmax, with the bias of the projections as its query, key and value.

    Args:
        dim: C, channels.
        num_heads: H, heads; divides `dim`.
        window_size: K, side of a window in tokens.
        add_bias: Whether the relative position bias is added. The table exists either way, as in the published
            code, but is not trained where it is not added.
    """

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
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        # A table that is not added gets no gradient, for which distributed training would wait.
        self.relative_position_bias_table.requires_grad_(add_bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        grid = self.grid(x.shape[1], x.shape[2])
        query, key, value = self.project(window_partition(x, grid))
        x = F.scaled_dot_product_attention(query, key, value, attn_mask=self.bias(), scale=self.scale)
        return window_reverse(self.out_proj(join_heads(x)), grid)

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
        return relative_position_bias(self.relative_position_bias_table, self.window_size)
