"""Effective fields against plain autograd, the squares against pixels counted by hand, and what must not leak."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from explorer.inspection.effective_field import (
    contribution_squares,
    dw_conv_pair,
    effective_field,
    effective_field_pair,
)
from explorer.inspection.receptive_field import MapPosition, theoretical_field
from hrformer import HRFormer, create_model
from tests.variants import tiny_pose

POSITION = MapPosition(stage=4, module=0, branch=1, row=2, column=3)


def tiny_model(**fields: Any) -> HRFormer:
    torch.manual_seed(0)
    return create_model(tiny_pose(**({"img_size": (32, 40)} | fields))).eval()


@pytest.fixture(scope="module")
def model() -> HRFormer:
    return tiny_model()


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.randn(3, 3, 32, 40, generator=torch.Generator().manual_seed(1))


def gradient(model: HRFormer, picture: Tensor) -> np.ndarray:
    """(in_chans, H, W) gradient of POSITION, which lies on the network's output."""
    x = picture.unsqueeze(0).requires_grad_()
    model.forward_features(x)[POSITION.branch][0, :, POSITION.row, POSITION.column].sum().backward(inputs=[x])
    assert x.grad is not None
    return x.grad[0].double().numpy()


def test_contribution_is_the_mean_absolute_gradient(model: HRFormer, pictures: Tensor) -> None:
    gradients = np.stack([gradient(model, picture) for picture in pictures])
    field = effective_field(model, pictures, POSITION)
    assert field.pictures == 3
    np.testing.assert_allclose(field.contribution, np.abs(gradients).sum(1).mean(0), rtol=1e-4, atol=1e-9)
    raised = np.log10(np.maximum(gradients, 0).sum(1).mean(0) + 1)
    np.testing.assert_allclose(field.published_scores, raised / raised.max(), rtol=1e-4, atol=1e-7)


def test_nothing_contributes_outside_the_theoretical_field() -> None:
    model = tiny_model(img_size=(64, 64), dw_conv=False)
    position = MapPosition(stage=2, module=0, branch=0, row=4, column=9)
    field = effective_field(model, torch.randn(1, 3, 64, 64), position)
    reachable = theoretical_field(model.config, position).pixels
    assert not reachable.all()
    assert field.contribution[reachable].sum() > 0
    assert field.contribution[~reachable].sum() == 0


def test_stage_1_positions_have_a_field_too(model: HRFormer, pictures: Tensor) -> None:
    position = MapPosition(stage=1, module=0, branch=0, row=4, column=5)
    seen = effective_field(model, pictures, position).contribution > 0
    assert not (seen & ~theoretical_field(model.config, position).pixels).any()
    assert seen[position.pixel]


def test_squares_by_hand() -> None:
    scores = np.zeros((5, 7))
    scores[2, 3] = 4.0  # distance 0
    scores[1, 3] = 3.0  # distance 1
    scores[2, 5] = 2.0  # distance 2
    scores[2, 0] = 1.0  # distance 3, in a square that the picture cuts off
    squares = contribution_squares(scores, (2, 3), (0.3, 0.4, 0.7, 0.9, 0.95))
    assert [square.side_px for square in squares] == [1, 3, 5, 7, 7]  # "more than", so 0.4 of 4/10 is not enough
    assert [square.area_share for square in squares] == [1 / 35, 9 / 35, 25 / 35, 1.0, 1.0]


def test_squares_around_a_corner_count_only_the_picture() -> None:
    square = contribution_squares(np.ones((10, 10)), (0, 0), (0.24,))[0]
    assert square.side_px == 9  # 5 x 5 of its pixels lie inside and hold a quarter
    assert square.area_share == 0.25


@pytest.mark.parametrize(
    ("scores", "centre", "share", "message"),
    [
        (np.ones((4, 4)), (4, 0), 0.5, "outside the picture of 4 x 4"),
        (np.ones((4, 4)), (0, 0), 1.0, "above 0 and below 1"),
        (np.zeros((4, 4)), (0, 0), 0.5, "No pixel contributes"),
    ],
)
def test_squares_refuse_bad_input(scores: np.ndarray, centre: tuple[int, int], share: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contribution_squares(scores, centre, (share,))


def test_pair_shares_every_common_weight(model: HRFormer) -> None:
    own, twin = dw_conv_pair(model)
    assert own is model
    assert not twin.config.dw_conv
    assert not twin.training
    weights = own.state_dict()
    assert all(value.data_ptr() == weights[key].data_ptr() for key, value in twin.state_dict().items())
    lost = [key for key in weights if key not in twin.state_dict()]
    assert lost
    assert all(".dw3x3." in key or ".mlp.norm2." in key for key in lost)


def test_pair_of_a_model_without_the_convolution_is_reproducible() -> None:
    model = tiny_model(dw_conv=False)
    twin, own = dw_conv_pair(model)
    again, _ = dw_conv_pair(model)
    assert own is model
    assert twin.config.dw_conv
    for key, value in twin.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[key], rtol=0, atol=0)


def test_pair_of_fields_is_each_models_own(model: HRFormer, pictures: Tensor) -> None:
    pair = dw_conv_pair(model)
    fields = effective_field_pair(*pair, pictures, POSITION)
    for member, field in zip(pair, fields, strict=True):
        np.testing.assert_array_equal(field.contribution, effective_field(member, pictures, POSITION).contribution)


def test_stopping_keeps_the_pictures_done_so_far(model: HRFormer, pictures: Tensor) -> None:
    told: list[tuple[int, int]] = []
    first, second = effective_field_pair(
        *dw_conv_pair(model),
        pictures,
        POSITION,
        should_stop=lambda: len(told) == 2,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 3), (2, 3)]
    assert first.pictures == second.pictures == 2
    np.testing.assert_array_equal(first.contribution, effective_field(model, pictures[:2], POSITION).contribution)


def test_threads_that_share_a_model_get_their_own_fields(model: HRFormer, pictures: Tensor) -> None:
    positions = [MapPosition(stage=4, module=0, branch=0, row=row, column=row) for row in range(3)]
    alone = [effective_field(model, pictures[:2], position).contribution for position in positions]
    with ThreadPoolExecutor(3) as pool:
        found = pool.map(lambda position: effective_field(model, pictures[:2], position).contribution, positions)
        together = list(found)
    for expected, result in zip(alone, together, strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-12)


def test_model_and_pictures_are_left_as_they_were(model: HRFormer, pictures: Tensor) -> None:
    effective_field(model, pictures, POSITION)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not pictures.requires_grad


def test_bad_input_is_refused_in_one_sentence(pictures: Tensor) -> None:
    broken = tiny_model()
    with pytest.raises(ValueError, match=r"use \(pictures, channels, height, width\)"):
        effective_field(broken, pictures[0], POSITION)
    with pytest.raises(ValueError, match="row = 9"):
        effective_field(broken, pictures, MapPosition(stage=2, module=0, branch=0, row=9, column=0))
    with torch.no_grad():
        broken.get_parameter("stage2.0.branches.1.0.mlp.fc1.weight").fill_(float("nan"))
    with pytest.raises(ValueError, match=r"stage2\.0\.branches\.1\.0\.mlp\.fc1"):
        effective_field(broken, pictures, POSITION)
    with pytest.raises(ValueError, match=r"model\.eval\(\)"):
        effective_field(broken.train(), pictures, POSITION)
