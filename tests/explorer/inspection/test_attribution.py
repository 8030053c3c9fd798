"""Attribution against plain autograd and plain covering, completeness, and stopping."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from explorer.inspection.attribution import (
    class_scores,
    grad_cam,
    integrated_gradients,
    occlusion,
    share_of_half,
)
from explorer.inspection.partial_forward import Stopped
from explorer.models.trained import load_digit_sample, load_trained
from explorer.pictures.photographs import to_input
from hrformer import HRFormer, create_model
from tests.variants import tiny


def build(**overrides: Any) -> HRFormer:
    torch.manual_seed(0)
    model = create_model(tiny(**({"mlp_ratios": (1,) * 4, "num_classes": 5} | overrides))).eval()
    if model.config.task == "classification":
        nn.init.normal_(model.get_submodule("head.classifier").weight)
    return model


MODEL = build()
PICTURE = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))
TRAINED = load_trained()
DIGITS = to_input(load_digit_sample("Digits 1"), 3)
#: The class that wins most of its pixels beside the background.
DIGIT = 3
METHODS = {
    "integrated gradients": lambda model, x, target, **rest: integrated_gradients(model, x, target, steps=6, **rest),
    "Grad-CAM": lambda model, x, target, **rest: grad_cam(model, x, target, 0, **rest),
    "occlusion": lambda model, x, target, **rest: occlusion(model, x, target, window_px=16, stride_px=8, **rest),
}


@torch.no_grad()
def logit(x: torch.Tensor, target: int) -> float:
    return float(MODEL(x)[0, target])


def test_integrated_gradients_add_up_to_the_change_of_the_logit() -> None:
    attribution = integrated_gradients(MODEL, PICTURE, 2, steps=24)
    change = logit(PICTURE, 2) - logit(torch.zeros_like(PICTURE), 2)
    assert attribution.convergence_delta is not None
    assert float(attribution.values.sum()) == pytest.approx(change + attribution.convergence_delta, abs=1e-4)
    assert abs(attribution.convergence_delta) < 0.1 * abs(change)
    assert attribution.values.shape == (32, 48)


def test_the_size_of_batches_changes_nothing() -> None:
    in_fours = integrated_gradients(MODEL, PICTURE, 1, steps=6, batch_size=4)
    one_by_one = integrated_gradients(MODEL, PICTURE, 1, steps=6, batch_size=1)
    assert torch.allclose(in_fours.values, one_by_one.values, atol=1e-5)


@pytest.mark.parametrize("branch", range(4))
def test_grad_cam_is_the_weighted_branch_map_that_enters_the_head(branch: int) -> None:
    features = [feature.detach().requires_grad_() for feature in MODEL.forward_features(PICTURE)]
    MODEL.head(features, PICTURE.shape[-2:])[0, 3].backward()
    gradient = features[branch].grad
    assert gradient is not None
    expected = (features[branch] * gradient.mean((2, 3), keepdim=True)).sum(1, keepdim=True).relu()
    expected = F.interpolate(expected, (32, 48), mode="bilinear")[0, 0].detach()
    MODEL.zero_grad()
    assert torch.allclose(grad_cam(MODEL, PICTURE, 3, branch).values, expected, atol=1e-6)


def test_occlusion_is_the_fall_of_the_logit_under_each_square() -> None:
    values = occlusion(MODEL, PICTURE, 4, window_px=16, stride_px=16).values
    for top in (0, 16):
        for left in (0, 16, 32):
            covered = PICTURE.clone()
            covered[:, :, top : top + 16, left : left + 16] = 0
            fall = logit(PICTURE, 4) - logit(covered, 4)
            square = values[top : top + 16, left : left + 16]
            assert torch.allclose(square, torch.full((16, 16), fall), atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_progress_rises_to_the_whole(method: str) -> None:
    seen: list[tuple[int, int]] = []
    METHODS[method](MODEL, PICTURE, 0, on_progress=lambda done, total: seen.append((done, total)))
    done = [step for step, _ in seen]
    assert done == sorted(set(done))
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("method", METHODS)
def test_stopping_ends_the_work_and_leaves_nothing_behind(method: str) -> None:
    asked: list[None] = []

    def stop_at_the_second_forward() -> bool:
        asked.append(None)
        return len(asked) == 2 or method == "Grad-CAM"  # which has a single one

    with pytest.raises(Stopped):
        METHODS[method](MODEL, PICTURE, 0, should_stop=stop_at_the_second_forward)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in MODEL.modules())
    assert all(parameter.grad is None for parameter in MODEL.parameters())
    METHODS[method](MODEL, PICTURE, 0)  # the lock is free


@pytest.mark.parametrize("method", METHODS)
def test_a_task_without_classes_is_refused_with_a_sentence(method: str) -> None:
    with pytest.raises(ValueError, match="a pose model has none: use a classification or segmentation variant"):
        METHODS[method](build(task="pose", fused_outputs="highest"), PICTURE, 0)


def test_a_classifiers_scores_are_its_logits_the_largest_first() -> None:
    scores = class_scores(MODEL, PICTURE)
    with torch.no_grad():
        logits = MODEL(PICTURE)[0]
    assert scores.values.tolist() == logits.tolist()
    assert scores.shares is None
    assert scores.order == logits.argsort(descending=True).tolist()


def test_a_segmenters_score_is_the_mean_logit_where_the_class_wins_or_everywhere() -> None:
    with torch.no_grad():
        logits = TRAINED(DIGITS)[0]  # (11, 112, 112)
    winners = logits.argmax(0)
    scores = class_scores(TRAINED, DIGITS)
    assert scores.shares is not None
    assert float(scores.shares.sum()) == pytest.approx(1)
    assert {0 < share < 1 for share in scores.shares} == {True, False}  # of the digits some are in the picture
    for target in range(11):
        won = winners == target
        assert scores.shares[target] == pytest.approx(float(won.float().mean()))
        expected = logits[target][won].mean() if won.any() else logits[target].mean()
        assert scores.values[target] == pytest.approx(float(expected), abs=1e-3)
    assert [scores.shares[target] for target in scores.order] == sorted(scores.shares, reverse=True)


def test_integrated_gradients_of_a_segmenter_add_up_to_the_change_of_the_score() -> None:
    with torch.no_grad():
        before, after = TRAINED(torch.zeros_like(DIGITS))[0], TRAINED(DIGITS)[0]
    won = after.argmax(0) == DIGIT
    change = float((after - before)[DIGIT][won].mean())
    attribution = integrated_gradients(TRAINED, DIGITS, DIGIT, steps=48)
    assert attribution.convergence_delta is not None
    assert float(attribution.values.sum()) == pytest.approx(change + attribution.convergence_delta, abs=1e-3)
    assert abs(attribution.convergence_delta) < 0.05 * abs(change)


@pytest.mark.parametrize("target", [3, 10], ids=["wins somewhere", "wins nowhere"])
def test_occlusion_of_a_segmenter_is_the_fall_over_the_pixels_that_the_whole_picture_fixes(target: int) -> None:
    values = occlusion(TRAINED, DIGITS, target, window_px=56, stride_px=56).values
    covered = DIGITS.clone()
    covered[:, :, :56, 56:] = 0
    with torch.no_grad():
        before, after = TRAINED(DIGITS)[0], TRAINED(covered)[0]
    won = before.argmax(0) == target
    fall = (before - after)[target]
    expected = float(fall[won].mean() if won.any() else fall.mean())
    assert won.any() == (target == 3)
    assert torch.allclose(values[:56, 56:], torch.full((56, 56), expected), atol=1e-3)


def test_grad_cam_of_a_segmenter_is_the_branch_map_weighted_by_the_gradient_of_the_score() -> None:
    features = [feature.detach().requires_grad_() for feature in TRAINED.forward_features(DIGITS)]
    output = TRAINED.head(features, DIGITS.shape[-2:])[0]
    output[DIGIT][output.argmax(0) == DIGIT].mean().backward()
    gradient = features[1].grad
    assert gradient is not None
    expected = (features[1] * gradient.mean((2, 3), keepdim=True)).sum(1, keepdim=True).relu()
    expected = F.interpolate(expected, (112, 112), mode="bilinear")[0, 0].detach()
    TRAINED.zero_grad()
    assert torch.allclose(grad_cam(TRAINED, DIGITS, DIGIT, 1).values, expected, atol=1e-6, rtol=1e-4)


def test_a_digit_is_explained_by_its_own_pixels() -> None:
    with torch.no_grad():
        won = TRAINED(DIGITS)[0].argmax(0) == DIGIT
    values = integrated_gradients(TRAINED, DIGITS, DIGIT).values.abs()
    near = F.max_pool2d(won[None, None].float(), 17, 1, 8)[0, 0] > 0
    assert values[near].sum() > 2 * near.float().mean() * values.sum()


def test_the_part_of_a_map_that_holds_half_of_what_is_positive() -> None:
    values = torch.tensor([[4.0, 3.0, 1.0], [0.0, -9.0, 0.0]])
    assert share_of_half(values) == 1 / 6
    assert share_of_half(torch.tensor([[3.0, 3.0], [2.0, 0.0]])) == 2 / 4
    assert share_of_half(torch.ones(2, 5)) == 5 / 10
    assert math.isnan(share_of_half(torch.tensor([[0.0, -1.0]])))


def test_bad_choices_are_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="no class 5: use 0 to 4"):
        integrated_gradients(MODEL, PICTURE, 5)
    with pytest.raises(ValueError, match=r"no branch 4: use 0 .* to 3"):
        grad_cam(MODEL, PICTURE, 0, 4)
    with pytest.raises(ValueError, match="33 pixels does not fit: use 1 to 32"):
        occlusion(MODEL, PICTURE, 0, window_px=33)
    with pytest.raises(ValueError, match="9 pixels leave gaps"):
        occlusion(MODEL, PICTURE, 0, window_px=8, stride_px=9)
    with pytest.raises(ValueError, match=r"use \(1, 3, height, width\)"):
        occlusion(MODEL, PICTURE[0], 0)
