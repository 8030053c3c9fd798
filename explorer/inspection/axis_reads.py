"""Which inputs each layer of HRFormer reads along one axis: always one contiguous run per output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrformer.windows import WindowGrid

Mask = NDArray[np.bool_]
"""A set of positions, (height, width)."""


@dataclass(frozen=True, eq=False)
class AxisReads:
    """What a layer reads along one axis: output i reads the inputs first[i] to last[i], both included.

    Attributes:
        inputs: Number of inputs along the axis.
        first: First input of each output.
        last: Last input of each output.
    """

    inputs: int
    first: NDArray[np.int64]
    last: NDArray[np.int64]


def convolution_reads(inputs: int, stride: int = 1) -> AxisReads:
    """A convolution of 3 with padding 1: each output reads its centre and the neighbours that exist."""
    centre = np.arange(0, inputs, stride)
    return AxisReads(inputs, np.maximum(centre - 1, 0), np.minimum(centre + 1, inputs - 1))


def window_reads(inputs: int, size: int) -> AxisReads:
    """Window attention: each token reads its window, of which padding is no input."""
    padding = WindowGrid(inputs, inputs, size).top
    start = (np.arange(inputs) + padding) // size * size - padding
    return AxisReads(inputs, np.maximum(start, 0), np.minimum(start + size, inputs) - 1)


def nearest_reads(inputs: int, factor: int) -> AxisReads:
    """Nearest interpolation by a whole factor: each output reads one input."""
    source = np.arange(inputs * factor) // factor
    return AxisReads(inputs, source, source)


def bilinear_reads(inputs: int, outputs: int, *, align_corners: bool) -> AxisReads:
    """Linear interpolation as in `torch.nn.functional.interpolate`, in whole numbers: the fraction decides exactly.

    Output i lies at i (inputs-1)/(outputs-1) with aligned corners, else at (i+1/2) inputs/outputs - 1/2, at least 0.
    """
    index = np.arange(outputs)
    if align_corners:
        numerator, denominator = index * (inputs - 1), max(outputs - 1, 1)
    else:
        numerator, denominator = np.maximum((2 * index + 1) * inputs - outputs, 0), 2 * outputs
    first = np.minimum(numerator // denominator, inputs - 1)
    last = np.minimum(first + (numerator % denominator > 0), inputs - 1)
    return AxisReads(inputs, first, last)


def read_by(mask: Mask, rows: AxisReads, columns: AxisReads) -> Mask:
    """The inputs (H_in, W_in) of a layer that a set of its outputs (H_out, W_out) reads."""
    return _read_rows(_read_rows(mask, rows).T, columns).T


def _read_rows(mask: Mask, reads: AxisReads) -> Mask:
    # Each run adds one where it begins and takes one away behind its end: the running sum counts the readers.
    change = np.zeros((reads.inputs + 1, mask.shape[1]), np.int16)
    np.add.at(change, reads.first, mask)
    np.subtract.at(change, reads.last + 1, mask)
    readers: Mask = np.cumsum(change[:-1], axis=0, dtype=np.int16) > 0
    return readers
