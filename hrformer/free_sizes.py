"""Maps whose height and width are not known yet, as in an export that takes images of any size.

Of what views do with sizes, `torch.export` cannot show that it holds for all of them; of gathering it can. Where sizes
are numbers, everything here is the view that it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def are_free(size: Sequence[int]) -> bool:
    """Whether `torch.export` holds these sizes open."""
    return any(isinstance(side, torch.SymInt) for side in size)


def may_differ(size: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two sizes differ, or may: those that are exported or traced are no numbers yet."""
    known = all(type(side) is int for side in (*size, *other))
    return not known or tuple(size) != tuple(other)


def cropped(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The `length` entries from `start` on, of one dimension."""
    if type(start) is int and type(length) is int:
        return x.narrow(dim, start, length)
    return x.index_select(dim, torch.arange(length, device=x.device) + start)


def split_index(index: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Row and column of each index into rows of a free width; ONNX has no remainder of one."""
    row = index // width
    return row, index - row * width


def flattened(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, H*W)."""
    height, width = x.shape[-2:]
    if not are_free((height, width)):
        return x.flatten(2)
    row, column = split_index(torch.arange(height * width, device=x.device), width)
    return x[:, :, row, column]


def unflattened(x: Tensor, size: Sequence[int]) -> Tensor:
    """(B, C, H*W) -> (B, C, H, W)."""
    if not are_free(size):
        unflat: Tensor = x.unflatten(2, tuple(size))  # type: ignore[no-untyped-call]
        return unflat
    height, width = size
    rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    return x[:, :, rows[:, None] * width + columns]
