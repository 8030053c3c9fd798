"""How much of an output changes, by hand."""

import numpy as np
import pytest
import torch

from explorer.models.weights import random_model
from explorer.ui.explore.output_names import OutputNames
from explorer.ui.explore.take_out_outputs import changed_pixels, mask_table, moved_peaks, relative_change, score_table
from explorer.ui.sources import WeightsSource
from tests.variants import tiny


def test_pixels_change_where_another_class_wins() -> None:
    before = torch.tensor([[[[1.0, 2.0]], [[0.0, 3.0]]]])  # the first pixel is of class 0, the second of class 1
    after = torch.tensor([[[[0.5, 2.0]], [[0.9, 2.5]]]])
    assert changed_pixels(before, after).tolist() == [[True, False]]


def test_peaks_move_where_the_highest_value_is_elsewhere() -> None:
    before, after = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    before[0, :, 1, 2] = 1
    after[0, 0, 1, 2], after[0, 1, 1, 3], after[0, 2, 1, 2] = 0.1, 1, 5
    assert moved_peaks(before, after) == 1


def test_the_change_is_relative_to_what_was() -> None:
    assert relative_change(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 1.0])) == pytest.approx(3 / 5)
    assert relative_change(torch.zeros(2), torch.tensor([0.0, 2.0])) == 2


def test_the_first_outputs_of_both_are_listed_once() -> None:
    names = OutputNames(WeightsSource(random_model(tiny(num_classes=12), 0), "seed 0", "random", "random"))
    before, after = torch.arange(12.0)[None], torch.arange(12.0)[None].clone()
    after[0, 0] = 20
    table = score_table(names, before, after)
    assert list(table["Output"]) == [f"output {index}" for index in (11, 10, 9, 8, 7, 0)]
    assert float(table["whole network, %"][0]) == pytest.approx(float(before.softmax(1)[0, 11]) * 100, rel=1e-2)


def test_masks_are_listed_pixel_by_pixel() -> None:
    table = mask_table(np.array([[0, 1]]), np.array([[2, 1]]))
    assert table.to_numpy().tolist() == [[0, 0, 0, 2], [0, 1, 1, 1]]
