"""Scores against cases computed by hand."""

import numpy as np
import torch

from explorer.ablation.scores import border_masks, evaluate
from hrformer import create_model
from tests.explorer.ablation.tiny import VARIANT


def test_borders_of_windows_of_seven_tokens_in_112_pixels() -> None:
    near, away = border_masks(7, (112, 112))
    # Borders at 28, 56 and 84 pixels; a token is 4 pixels; the outer 14 pixels are left out.
    row = near[20]
    expected = np.zeros(112, bool)
    for border in (28, 56, 84):
        expected[border - 4 : border + 4] = True
    np.testing.assert_array_equal(row, expected)
    assert not near[:14].any()
    assert not away[:, 98:].any()
    assert (near | away).sum() == 84 * 84
    assert not (near & away).any()


def test_windows_that_are_padded_are_centred() -> None:
    near, _ = border_masks(7, (64, 64))  # 16 tokens in 21: two of padding before, so that borders are at tokens 5, 12
    assert np.flatnonzero(near[32])[[0, -1]].tolist() == [16, 49]


def test_a_perfect_and_a_wrong_prediction() -> None:
    model = create_model(VARIANT)
    labels = np.random.default_rng(0).integers(0, 11, (2, 64, 64)).astype(np.uint8)

    class Oracle(torch.nn.Module):
        shift = 0

        def forward(self, features: list[torch.Tensor], size: list[int]) -> torch.Tensor:
            truth = torch.from_numpy(labels.astype(np.int64) + self.shift) % 11
            return torch.nn.functional.one_hot(truth, 11).permute(0, 3, 1, 2).float()

    model.head = Oracle()
    images = torch.zeros(2, 3, 64, 64)
    assert set(evaluate(model, images, labels).to_dict().values()) == {1.0}
    model.head.shift = 1
    wrong = evaluate(model, images, labels)
    assert (wrong.miou, wrong.pixel_accuracy, wrong.near_border_accuracy, wrong.away_accuracy) == (0, 0, 0, 0)


def test_a_branch_is_taken_out_before_the_head() -> None:
    model = create_model(VARIANT)
    seen: list[list[float]] = []
    model.head.register_forward_pre_hook(
        lambda _, given: seen.append([float(branch.abs().sum()) for branch in given[0]])
    )
    evaluate(model, torch.randn(1, 3, 64, 64), np.ones((1, 64, 64), np.uint8), without_branch=2)
    assert [total == 0 for total in seen[0]] == [False, False, True, False]
