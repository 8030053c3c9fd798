"""Weights handed over by where they lie in their file, so that the process that reads it need not write them again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hrformer.checkpoint import StoredWeights, read_tensors
from hrformer.mapped_tensors import map_file, start_in, values_at

_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
}
_MAX_DIMENSIONS = 8
_MAX_COUNT = 2**48


def hand_over(stored: StoredWeights, answer: Path) -> dict[str, Any]:
    """Say where weights lie in their file, and write those that lie nowhere in it, as safetensors.

    Args:
        stored: The weights.
        answer: Where to write.

    Returns:
        JSON values for `take_over`.

    Raises:
        OSError: If they cannot be written.
    """
    from safetensors.torch import save_file

    places = {key: _place_of(value, stored) for key, value in stored.weights.items()}
    loose = {key: stored.weights[key].contiguous() for key, place in places.items() if place is None}
    if loose:
        save_file(loose, answer)
    return places


def _place_of(value: Tensor, stored: StoredWeights) -> list[Any] | None:
    """Its first byte, type, shape and steps between values."""
    start = None if stored.contents is None else start_in(stored.contents, value)
    dtype = str(value.dtype).removeprefix("torch.")
    return None if start is None else [start, dtype, list(value.shape), list(value.stride())]


def take_over(places: Any, path: Path, answer: Path) -> dict[str, Tensor]:
    """The weights of a file where a reader has placed them; what it says is checked, as a file may have taken it over.

    Args:
        places: As `hand_over` says them.
        path: The file.
        answer: What the reader wrote.

    Returns:
        Views of the two, which must stay as they are for as long as these are used.

    Raises:
        ValueError: If these are no places, or together larger than the file.
        OSError: If the file cannot be read.
    """
    if not isinstance(places, dict):
        raise ValueError("These are no places of tensors.")
    file = _PlacedFile(path)
    loose: Mapping[str, Tensor] = read_tensors(answer) if None in places.values() else {}
    if not {key for key, place in places.items() if place is None} <= loose.keys():
        raise ValueError("A tensor lies nowhere.")
    return {key: loose[key] if place is None else file.tensor(place) for key, place in places.items()}


class _PlacedFile:
    """A mapped file, of which each byte is given away once at most: a small file stands for no large tensors."""

    def __init__(self, path: Path) -> None:
        self._contents = map_file(path)
        self._left = len(self._contents)

    def tensor(self, place: Any) -> Tensor:
        """The tensor at a place.

        Raises:
            ValueError: If it is no place in the file.
        """
        match place:
            case [int(start), str(name), list(size), list(stride)] if (
                name in _DTYPES and len(size) == len(stride) <= _MAX_DIMENSIONS and _are_counts([start, *size, *stride])
            ):
                values = 1 + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
                tensor = values_at(self._contents, start, _DTYPES[name], values).as_strided(size, stride)
                self._left -= tensor.nbytes
                if self._left >= 0:
                    return tensor
        raise ValueError("That is no place of a tensor in the file.")


def _are_counts(numbers: list[Any]) -> bool:
    return all(type(number) is int and 0 <= number < _MAX_COUNT for number in numbers)
