"""Attribution against plain autograd and plain covering, completeness, and stopping."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from explorer.attribution import grad_cam, integrated_gradients, occlusion
from explorer.partial_forward import Stopped
from hrformer import HRFormer, create_model, preset


def build(**overrides: object) -> HRFormer:
    torch.manual_seed(0)
    values: dict[str, object] = {
        "channels": (4, 8, 8, 16),
        "num_heads": (1, 2, 2, 4),
        "num_modules": (1, 1, 1, 1),
        "num_blocks": (1, 1, 1, 1),
        "mlp_ratios": (1, 1, 1, 1),
        "num_classes": 5,
    }
    model = create_model(preset("tiny", **(values | overrides))).eval()
    if model.config.task == "classification":
        nn.init.normal_(model.get_submodule("head.classifier").weight)
    return model


MODEL = build()
PICTURE = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))
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
@pytest.mark.parametrize("task", ["pose", "segmentation"])
def test_other_tasks_are_refused_with_a_sentence(method: str, task: str) -> None:
    with pytest.raises(ValueError, match=f"a {task} model has none: use a classification variant"):
        METHODS[method](build(task=task), PICTURE, 0)


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
