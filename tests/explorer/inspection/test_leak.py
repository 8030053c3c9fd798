"""The leak between windows: exactly none without the depth-wise convolution, one ring of windows per block with it."""

from typing import Any

import numpy as np
import pytest
import torch

from explorer.inspection.leak import Leak, map_entering_blocks, measure_leak
from hrformer import HRFormer, create_model
from tests.variants import tiny_pose


def tiny_model(**fields: Any) -> HRFormer:
    torch.manual_seed(0)
    return create_model(tiny_pose(**({"img_size": (64, 96), "num_blocks": (1, 3, 1, 1)} | fields))).eval()


def leak_of(model: HRFormer, window: tuple[int, int] = (2, 3)) -> Leak:
    """In double precision: in single precision the farthest traces are smaller than the rounding."""
    image = torch.randn(1, 3, *model.config.img_size, generator=torch.Generator().manual_seed(1)).double()
    model = model.double()
    features = map_entering_blocks(model, image, 2, 0, 0)
    return measure_leak(model, features, stage=2, module=0, branch=0, window=window)


@pytest.mark.parametrize("switched_off", [{"dw_conv": False}, {"dw_kernel_size": 1}], ids=str)
@pytest.mark.parametrize("window", [(0, 0), (2, 3), (5, 7)])
def test_without_dw_conv_exactly_nothing_leaves_the_window(window: tuple[int, int], switched_off: dict) -> None:
    leak = leak_of(tiny_model(**switched_off), window)
    only_there = np.zeros((3, 6, 8))
    only_there[:, *window] = 1
    np.testing.assert_array_equal(leak.shares, only_there)
    np.testing.assert_array_equal(leak.outside_shares, 0)
    assert leak.reached_windows == leak.farthest_windows == (0, 0, 0)


def test_with_dw_conv_each_block_reaches_one_ring_of_windows_further() -> None:
    leak = leak_of(tiny_model(), (2, 3))  # of 6 x 8 windows: the third ring is cut by the upper border
    assert leak.shares.shape == (3, 6, 8)
    assert leak.farthest_windows == (1, 2, 3)
    assert leak.reached_windows == (3 * 3 - 1, 5 * 5 - 1, 6 * 7 - 1)
    assert (leak.outside_shares > 0).all()


def test_shares_are_norms_over_the_norm_of_the_whole_change() -> None:
    model = tiny_model()
    features = torch.randn(1, 8, 12, 12)
    leak = measure_leak(model, features, stage=2, module=0, branch=0, window=(0, 0), strength=0.5, seed=3)
    np.testing.assert_allclose((leak.shares**2).sum((1, 2)), 1)
    np.testing.assert_allclose(leak.outside_shares**2 + leak.shares[:, 0, 0] ** 2, 1)

    # The same change, block by block and window by window: 12 tokens are 4 x 4 windows of 3 without padding.
    noise = torch.randn(features.shape, generator=torch.Generator().manual_seed(3))
    changed = features.clone()
    changed[..., :3, :3] += 0.5 * features.std() * noise[..., :3, :3]
    with torch.no_grad():
        block = model.get_submodule("stage2.0.branches.0.0")
        difference = block(changed) - block(features)
    expected = [
        [difference[..., 3 * r : 3 * r + 3, 3 * c : 3 * c + 3].norm() / difference.norm() for c in range(4)]
        for r in range(4)
    ]
    np.testing.assert_allclose(leak.shares[0], expected, rtol=1e-4)


def test_windows_at_a_padded_border_change_only_real_tokens() -> None:
    model = tiny_model(dw_conv=False, img_size=(40, 40), window_sizes=(4, 3, 3, 3))  # 10 tokens in 3 windows of 4
    leak = leak_of(model, (0, 2))
    assert leak.grid.top == 1
    assert leak.shares[:, 0, 2].tolist() == [1, 1, 1]


def test_same_seed_gives_the_same_leak() -> None:
    model = tiny_model()
    np.testing.assert_array_equal(leak_of(model).shares, leak_of(model).shares)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"stage": 1}, "no module 0 in stage 1"),
        ({"branch": 2}, "branch = 2 .* use 0 to 1"),
        ({"window": (6, 0)}, "row from 0 to 5"),
        ({"features": torch.zeros(1, 5, 8, 8)}, r"use \(1, 8, height, width\)"),
        ({"features": torch.full((1, 8, 16, 24), float("nan"))}, "finite"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(place: dict[str, Any], message: str) -> None:
    good = {"features": torch.randn(1, 8, 16, 24), "stage": 2, "module": 0, "branch": 0, "window": (0, 0)}
    with pytest.raises(ValueError, match=message):
        measure_leak(tiny_model(), **{**good, **place})


def test_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"model\.eval\(\)"):
        measure_leak(tiny_model().train(), torch.randn(1, 8, 16, 24), stage=2, module=0, branch=0, window=(0, 0))
