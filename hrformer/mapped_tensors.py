"""A file's bytes as tensors: the file is mapped, and values are copied only where it did not align them."""

from __future__ import annotations

from mmap import ACCESS_COPY, mmap
from pathlib import Path

import torch
from torch import Tensor


def map_file(path: Path) -> mmap:
    """A file's contents; what is written to them stays in this process.

    Raises:
        ValueError: If it is empty.
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_COPY)


def values_at(contents: mmap, start: int, dtype: torch.dtype, numel: int) -> Tensor:
    """So many values from a byte of a file on, (numel,); a view of the file where they are aligned.

    Raises:
        ValueError: If they reach beyond the file.
    """
    width = dtype.itemsize
    if start < 0 or start + numel * width > len(contents):
        raise ValueError(f"{numel:,} values from byte {start:,} on reach beyond a file of {len(contents):,} bytes.")
    if numel == 0:
        return torch.empty(0, dtype=dtype)
    if start % width:
        return torch.frombuffer(bytearray(contents[start : start + numel * width]), dtype=dtype)
    return torch.frombuffer(contents, dtype=dtype, count=numel, offset=start)


def start_in(contents: mmap, tensor: Tensor) -> int | None:
    """At which byte of a file the first value of a tensor lies; None where it is no view of the file."""
    start = tensor.data_ptr() - torch.frombuffer(contents, dtype=torch.uint8).data_ptr()
    return start if tensor.numel() and 0 <= start < len(contents) else None
