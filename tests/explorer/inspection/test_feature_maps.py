"""Feature maps are the network's own, and no hook stays behind."""

from threading import Thread

import numpy as np
import pytest
import torch

from explorer.inspection.feature_maps import (
    ModuleMaps,
    collect_module_maps,
    fusion_changes,
    principal_components,
    strongest_channels,
)
from explorer.models.weights import random_model
from hrformer import preset
from tests.variants import tiny

CONFIG = tiny(num_modules=(1, 1, 3, 2), img_size=(64, 64))


@pytest.fixture(scope="module")
def model():
    return random_model(CONFIG, seed=0)


def test_the_last_fused_maps_are_the_backbone_features(model) -> None:
    x = torch.randn(1, 3, 64, 64)
    maps = collect_module_maps(model, x, stage=4, module=1)
    with torch.inference_mode():
        features = model.forward_features(x)
    for ours, feature in zip(maps.after, features, strict=True):
        np.testing.assert_allclose(ours, feature[0].numpy(), rtol=0, atol=1e-6)


def test_fusing_the_maps_before_gives_the_maps_after(model) -> None:
    maps = collect_module_maps(model, torch.randn(1, 3, 64, 64), stage=3, module=0)
    branches = [torch.from_numpy(branch)[None] for branch in maps.before]
    with torch.inference_mode():
        for row, after in zip(model.stage3[0].fuse_layers, maps.after, strict=True):
            np.testing.assert_allclose(row(branches)[0].numpy(), after, rtol=0, atol=1e-5)


def test_pose_fuses_its_last_module_into_one_map() -> None:
    maps = collect_module_maps(random_model(preset("tiny", "pose"), 0), torch.randn(1, 3, 64, 64), 4, 1)
    assert (len(maps.before), len(maps.after)) == (4, 1)


@pytest.mark.parametrize(("stage", "module"), [(1, 0), (3, 3), (4, -1), (5, 0)])
def test_a_module_that_does_not_exist_is_refused(model, stage: int, module: int) -> None:
    with pytest.raises(ValueError, match="There is no module"):
        collect_module_maps(model, torch.randn(1, 3, 64, 64), stage, module)


def test_no_hook_stays_after_success_or_failure(model) -> None:
    collect_module_maps(model, torch.randn(1, 3, 64, 64), 2, 0)
    with pytest.raises(ValueError, match="do not fit"):
        collect_module_maps(model, torch.randn(1, 1, 64, 64), 2, 0)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_two_users_of_one_model_get_their_own_maps(model) -> None:
    inputs = [torch.randn(1, 3, 64, 64) for _ in range(2)]
    alone = [collect_module_maps(model, x, 4, 0) for x in inputs]
    wrong: list[int] = []

    def use(user: int) -> None:
        for _ in range(5):
            maps = collect_module_maps(model, inputs[user], 4, 0)
            if not np.allclose(maps.after[0], alone[user].after[0], atol=1e-5):
                wrong.append(user)

    users = [Thread(target=use, args=(user,)) for user in range(2)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert wrong == []


def test_a_seed_fixes_the_weights_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again, other = (random_model(CONFIG, seed).conv1.weight for seed in (7, 7, 8))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_strongest_channels_come_first() -> None:
    feature_map = np.zeros((3, 2, 2), np.float32)
    feature_map[1] = -5
    feature_map[2, 0, 0] = 1
    assert strongest_channels(feature_map, 2).tolist() == [1, 2]


def test_principal_components_order_a_gradient_and_do_not_flip() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    feature_map = np.stack([3 * ramp, 2 * ramp, ramp, -ramp])
    colours = principal_components(feature_map)
    red = colours[..., 0].astype(int).ravel()
    assert (np.diff(red) >= 0).all()
    assert (red[0], red[-1]) == (0, 255)
    np.testing.assert_array_equal(colours, principal_components(feature_map))


@pytest.mark.parametrize("channels", [1, 2])
def test_few_channels_still_make_a_picture(channels: int) -> None:
    feature_map = np.random.default_rng(0).random((channels, 4, 4), dtype=np.float32)
    assert principal_components(feature_map).shape == (4, 4, 3)


def test_a_fusion_changes_a_map_by_the_norm_of_the_difference_over_the_norm_before() -> None:
    before = (np.array([[[3.0, 4.0]]], np.float32), np.zeros((1, 1, 1), np.float32), np.ones((1, 1, 1), np.float32))
    after = (np.array([[[3.0, 1.0]]], np.float32), np.ones((1, 1, 1), np.float32))
    moved, from_nothing = fusion_changes(ModuleMaps(before, after))
    assert moved == pytest.approx(3 / 5)
    assert np.isnan(from_nothing)
