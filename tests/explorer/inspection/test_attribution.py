"""Attribution against plain autograd and plain covering, completeness, and stopping."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from explorer.inspection.attribution import (
    branches_of_head,
    grad_cam,
    integrated_gradients,
    occlusion,
    share_of_half,
)
from explorer.inspection.explained import Explained, Peak, Pixel, Region, Where
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
    "integrated gradients": partial(integrated_gradients, steps=6),
    "Grad-CAM": partial(grad_cam, branch=0),
    "occlusion": partial(occlusion, window_px=16, stride_px=8),
}


@torch.no_grad()
def logit(x: torch.Tensor, target: int) -> float:
    return float(MODEL(x)[0, target])


def test_integrated_gradients_add_up_to_the_change_of_the_logit() -> None:
    attribution = integrated_gradients(MODEL, PICTURE, Explained(2), steps=24)
    change = logit(PICTURE, 2) - logit(torch.zeros_like(PICTURE), 2)
    assert attribution.convergence_delta is not None
    assert float(attribution.values.sum()) == pytest.approx(change + attribution.convergence_delta, abs=1e-4)
    assert abs(attribution.convergence_delta) < 0.1 * abs(change)
    assert attribution.values.shape == (32, 48)


def test_the_size_of_batches_changes_nothing() -> None:
    in_fours = integrated_gradients(MODEL, PICTURE, Explained(1), steps=6, batch_size=4)
    one_by_one = integrated_gradients(MODEL, PICTURE, Explained(1), steps=6, batch_size=1)
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
    assert torch.allclose(grad_cam(MODEL, PICTURE, Explained(3), branch).values, expected, atol=1e-6)


def test_occlusion_is_the_fall_of_the_logit_under_each_square() -> None:
    values = occlusion(MODEL, PICTURE, Explained(4), window_px=16, stride_px=16).values
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
    METHODS[method](MODEL, PICTURE, Explained(0), on_progress=lambda done, total: seen.append((done, total)))
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
        METHODS[method](MODEL, PICTURE, Explained(0), should_stop=stop_at_the_second_forward)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in MODEL.modules())
    assert all(parameter.grad is None for parameter in MODEL.parameters())
    METHODS[method](MODEL, PICTURE, Explained(0))  # the lock is free


def build_dense(task: str, outputs: int) -> HRFormer:
    """In float64, with norms and biases drawn, so that the baseline is no place where all maps are zero."""
    model = build(task=task, num_classes=outputs, img_size=(32, 48), segmentation_head="fcn").double()
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 1.0 if name.endswith("weight") else 0.0, 0.5)
        elif name.startswith("head."):
            nn.init.kaiming_normal_(parameter)
    return model


SEGMENTER = build_dense("segmentation", 5)
POSE = build_dense("pose", 17)
EXACT = PICTURE.double()
with torch.no_grad():  # every class has the same mean, so that each wins somewhere
    SEGMENTER.get_parameter("head.last_layer.3.bias").sub_(SEGMENTER(EXACT).mean((0, 2, 3)))


@torch.no_grad()
def read(model: HRFormer, x: torch.Tensor, explained: Explained) -> torch.Tensor:
    """What is explained of a picture, read off the picture's output by hand; the whole picture fixes the place."""
    output, whole, target = model(x)[0], model(EXACT)[0], explained.target
    where: Where = explained.where
    if isinstance(where, Pixel):
        return output[target, where.row, where.column]
    if isinstance(where, Region):
        return output[target, where.top :, where.left :][: where.height, : where.width].mean()
    if isinstance(where, Peak):
        return output[target].flatten()[whole[target].flatten().argmax()]
    won = whole.argmax(0) == target
    assert 0 < won.float().mean() < 1
    return output[target][won].mean()


#: An output of each kind.
KINDS: dict[str, tuple[HRFormer, Explained]] = {
    "class": (SEGMENTER, Explained(3)),
    "pixel": (SEGMENTER, Explained(3, Pixel(9, 40))),
    "region": (SEGMENTER, Explained(1, Region(4, 10, 20, 7))),
    "peak": (POSE, Explained(9, Peak())),
}


@pytest.mark.parametrize("kind", KINDS)
def test_integrated_gradients_of_each_kind_of_output_add_up_to_its_change(kind: str) -> None:
    model, explained = KINDS[kind]
    change = float(read(model, EXACT, explained) - read(model, torch.zeros_like(EXACT), explained))
    attribution = integrated_gradients(model, EXACT, explained, steps=192, batch_size=16)
    assert attribution.values.shape == (32, 48)
    assert float(attribution.values.sum()) == pytest.approx(change, rel=0.05)
    assert attribution.convergence_delta == pytest.approx(float(attribution.values.sum()) - change, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_occlusion_of_each_kind_of_output_is_its_fall(kind: str) -> None:
    model, explained = KINDS[kind]
    covered = EXACT.clone()
    covered[:, :, 16:, 32:] = 0
    fall = float(read(model, EXACT, explained) - read(model, covered, explained))
    values = occlusion(model, EXACT, explained, window_px=16, stride_px=16).values
    assert torch.allclose(values[16:, 32:], torch.full((16, 16), fall), rtol=1e-4, atol=0)


def test_grad_cam_of_a_peak_is_the_heat_map_without_its_bias() -> None:
    """The head is one 1x1 convolution: the gradient is its weight at the peak, and zero elsewhere."""
    with torch.no_grad():
        heat_map = POSE(EXACT)[0, 9] - POSE.get_parameter("head.final_layer.bias")[9]
    expected = F.interpolate((heat_map / heat_map.numel()).relu()[None, None], (32, 48), mode="bilinear")[0, 0]
    assert torch.allclose(grad_cam(POSE, EXACT, Explained(9, Peak()), 0).values, expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["pixel", "region"])
@pytest.mark.parametrize("branch", [0, 3])
def test_grad_cam_of_a_place_is_the_branch_map_weighted_by_its_gradient(kind: str, branch: int) -> None:
    model, explained = KINDS[kind]
    features = [feature.detach().requires_grad_() for feature in model.forward_features(EXACT)]
    output = model.head(features, EXACT.shape[-2:])[0, explained.target]
    (output[9, 40] if kind == "pixel" else output[4:24, 10:17].mean()).backward()
    gradient = features[branch].grad
    assert gradient is not None
    expected = (features[branch] * gradient.mean((2, 3), keepdim=True)).sum(1, keepdim=True).relu()
    expected = F.interpolate(expected, (32, 48), mode="bilinear")[0, 0].detach()
    model.zero_grad()
    assert torch.allclose(grad_cam(model, EXACT, explained, branch).values, expected, atol=1e-12)


def test_a_pose_head_reads_the_highest_resolution_alone() -> None:
    assert branches_of_head(POSE.config) == (0,)
    assert branches_of_head(SEGMENTER.config) == (0, 1, 2, 3)
    with pytest.raises(ValueError, match=r"The head reads no branch 1: use 0 \(the highest resolution\)\."):
        grad_cam(POSE, EXACT, Explained(0, Peak()), 1)


def test_integrated_gradients_of_a_segmenter_add_up_to_the_change_of_the_score() -> None:
    with torch.no_grad():
        before, after = TRAINED(torch.zeros_like(DIGITS))[0], TRAINED(DIGITS)[0]
    won = after.argmax(0) == DIGIT
    change = float((after - before)[DIGIT][won].mean())
    attribution = integrated_gradients(TRAINED, DIGITS, Explained(DIGIT), steps=48)
    assert attribution.convergence_delta is not None
    assert float(attribution.values.sum()) == pytest.approx(change + attribution.convergence_delta, abs=1e-3)
    assert abs(attribution.convergence_delta) < 0.05 * abs(change)


@pytest.mark.parametrize("target", [3, 10], ids=["wins somewhere", "wins nowhere"])
def test_occlusion_of_a_segmenter_is_the_fall_over_the_pixels_that_the_whole_picture_fixes(target: int) -> None:
    values = occlusion(TRAINED, DIGITS, Explained(target), window_px=56, stride_px=56).values
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
    assert torch.allclose(grad_cam(TRAINED, DIGITS, Explained(DIGIT), 1).values, expected, atol=1e-6, rtol=1e-4)


def test_a_digit_is_explained_by_its_own_pixels() -> None:
    with torch.no_grad():
        won = TRAINED(DIGITS)[0].argmax(0) == DIGIT
    values = integrated_gradients(TRAINED, DIGITS, Explained(DIGIT)).values.abs()
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
        integrated_gradients(MODEL, PICTURE, Explained(5))
    with pytest.raises(ValueError, match=r"no branch 4: use 0 .* to 3"):
        grad_cam(MODEL, PICTURE, Explained(0), 4)
    with pytest.raises(ValueError, match="33 pixels does not fit: use 1 to 32"):
        occlusion(MODEL, PICTURE, Explained(0), window_px=33)
    with pytest.raises(ValueError, match="9 pixels leave gaps"):
        occlusion(MODEL, PICTURE, Explained(0), window_px=8, stride_px=9)
    with pytest.raises(ValueError, match=r"use \(1, 3, height, width\)"):
        occlusion(MODEL, PICTURE[0], Explained(0))
