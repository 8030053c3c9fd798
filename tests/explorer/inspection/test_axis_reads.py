"""Which inputs a layer reads: interpolation against torch, the rest worked out by hand."""

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st

from explorer.inspection.axis_reads import (
    AxisReads,
    bilinear_reads,
    convolution_reads,
    nearest_reads,
    read_by,
    window_reads,
)


def dense(reads: AxisReads) -> np.ndarray:
    inputs = np.arange(reads.inputs)
    return (inputs >= reads.first[:, None]) & (inputs <= reads.last[:, None])  # (outputs, inputs)


@settings(deadline=None, max_examples=80)
@given(inputs=st.integers(1, 90), outputs=st.integers(1, 90), align_corners=st.booleans())
@example(inputs=64, outputs=58, align_corners=True)  # here torch's rounding adds a weight of 1e-16
def test_bilinear_reads_are_torchs_nonzero_weights(inputs: int, outputs: int, align_corners: bool) -> None:
    unit = torch.eye(inputs, dtype=torch.float64).unsqueeze(0)
    weights = F.interpolate(unit, size=outputs, mode="linear", align_corners=align_corners)[0].T.numpy()
    np.testing.assert_array_equal(dense(bilinear_reads(inputs, outputs, align_corners=align_corners)), weights > 1e-12)


def test_layer_reads_by_hand() -> None:
    def runs(reads: AxisReads) -> list[tuple[int, int]]:
        return list(zip(reads.first.tolist(), reads.last.tolist(), strict=True))

    assert runs(convolution_reads(4)) == [(0, 1), (0, 2), (1, 3), (2, 3)]
    assert runs(convolution_reads(5, stride=2)) == [(0, 1), (1, 3), (3, 4)]
    assert runs(nearest_reads(2, 2)) == [(0, 0), (0, 0), (1, 1), (1, 1)]
    # Five tokens in windows of four: padded by one before and two after, so cut behind the third token.
    assert runs(window_reads(5, 4)) == [(0, 2), (0, 2), (0, 2), (3, 4), (3, 4)]


def test_read_by_is_the_union_over_the_set() -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((5, 7)) < 0.2
    rows, columns = window_reads(5, 2), convolution_reads(14, stride=2)
    union = np.zeros((5, 14), np.bool_)
    for row, column in zip(*np.nonzero(mask), strict=True):
        union |= np.outer(dense(rows)[row], dense(columns)[column])
    np.testing.assert_array_equal(read_by(mask, rows, columns), union)
