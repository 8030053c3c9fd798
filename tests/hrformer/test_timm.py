"""What timm's own tests ask of every model, asked of HRFormer; and that its checkpoints fit."""

from pathlib import Path

import pytest
import torch
from torch import nn

from hrformer import create_model, preset

timm = pytest.importorskip("timm")

from timm.models import group_parameters  # noqa: E402
from timm.optim import param_groups_layer_decay  # noqa: E402

import hrformer.timm  # noqa: E402
from hrformer.timm import TimmHRFormer  # noqa: E402

NAMES = ["hrformer_tiny", "hrformer_small", "hrformer_base"]
SMALL = {"channels": (4, 8, 8, 16), "num_heads": (1, 2, 2, 4), "num_modules": (1, 1, 2, 1), "num_blocks": (1,) * 4}
MAPS = [(64, 32), (4, 16), (8, 8), (8, 4), (16, 2)]  # channels, and sides of the maps of 64 pixels


def built(**kwargs: object) -> TimmHRFormer:
    torch.manual_seed(0)
    return timm.create_model("hrformer_tiny", **SMALL, **kwargs)


def pictures(channels: int = 3) -> torch.Tensor:
    return torch.randn(2, channels, 64, 64)


@pytest.mark.parametrize("name", NAMES)
def test_timm_lists_and_builds_the_published_sizes(name: str) -> None:
    assert timm.is_model(name)
    assert timm.list_models("hrformer_*") == sorted(NAMES)
    assert timm.list_pretrained("hrformer_*") == []
    with torch.device("meta"):
        model = timm.create_model(name)
        expected = create_model(name.removeprefix("hrformer_"))
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in expected.parameters())
    assert model.state_dict().keys() == expected.state_dict().keys()


def test_values_are_those_of_the_library() -> None:
    ours, theirs = create_model(preset("tiny", num_classes=5, **SMALL)).eval(), built(num_classes=5).eval()
    x = pictures()
    theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(theirs(x), ours(x), rtol=0, atol=1e-6)


def test_forward_has_no_nan_for_one_picture() -> None:
    with torch.no_grad():
        output = built().eval()(torch.randn(1, 3, 64, 64))
    assert output.shape == (1, 1000)
    assert output.isfinite().all()


@pytest.mark.parametrize("checkpointing", [False, True])
def test_every_parameter_gets_its_gradient(checkpointing: bool) -> None:
    model = built(num_classes=42).train()
    model.set_grad_checkpointing(checkpointing)
    output = model(pictures())
    output.mean().backward()
    assert output.shape == (2, 42)
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_checkpointing_changes_no_gradient() -> None:
    gradients, x = [], pictures()
    for enable in (False, True):
        model = built(num_classes=3).train()
        model.set_grad_checkpointing(enable)
        model(x).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for plain, checkpointed in zip(*gradients, strict=True):
        torch.testing.assert_close(checkpointed, plain)


def test_the_default_cfg_says_what_is_there() -> None:
    model = built().eval()
    cfg = model.default_cfg
    side = cfg["input_size"][-1]
    x = torch.randn(1, *cfg["input_size"])
    with torch.no_grad():
        features = model.forward_features(x)
        assert features.shape[-2:] == cfg["pool_size"] == (side // 32, side // 32)
        assert model.forward_head(features).shape == (1, 1000)
        assert model.forward_head(features, pre_logits=True).shape == (1, model.num_features)
        model.reset_classifier(0)
        assert model(x).shape == (1, model.num_features)
        model.reset_classifier(0, "")
        assert model(x).shape == (1, model.num_features, *cfg["pool_size"])
    keys = built().state_dict().keys()
    assert f"{cfg['classifier']}.weight" in keys
    assert f"{cfg['first_conv']}.weight" in keys


def test_reset_classifier_gives_other_classes_and_pooling() -> None:
    model = built(num_classes=0).eval()
    assert isinstance(model.get_classifier(), nn.Identity)
    model.reset_classifier(7, "catavgmax")
    assert model.get_classifier().in_features == model.head_hidden_size == 2 * model.num_features
    with torch.no_grad():
        assert model(pictures()).shape == (2, 7)
    assert model.num_classes == model.config.num_classes == 7


@pytest.mark.parametrize("options", [{"in_chans": 1}, {"in_chans": 6, "img_size": 48, "drop_path_rate": 0.2}])
def test_options_reach_the_network(options: dict[str, int]) -> None:
    model = built(**options).train()
    assert model(pictures(options["in_chans"])).shape == (2, 1000)
    assert model.config.img_size == ((48, 48) if "img_size" in options else (224, 224))
    assert model.stage4[0].branches[0][0].drop_path.rate == options.get("drop_path_rate", 0.0)


@pytest.mark.parametrize("indices", [None, (1, 2, 3, 4), (0, -1), (2,), (0,)])
def test_features_only_gives_the_maps_that_are_asked_for(indices: tuple[int, ...] | None) -> None:
    options = {} if indices is None else {"out_indices": indices}
    model, x = built(features_only=True, **options).eval(), pictures()
    levels = range(5) if indices is None else [index % 5 for index in indices]
    with torch.no_grad():
        maps = model(x)
    assert [tuple(feature.shape) for feature in maps] == [(2, MAPS[i][0], MAPS[i][1], MAPS[i][1]) for i in levels]
    assert model.feature_info.channels() == [MAPS[i][0] for i in levels]
    assert model.feature_info.reduction() == [64 // MAPS[i][1] for i in levels]
    assert not any(name.startswith("model.head.") for name, _ in model.named_parameters())


def test_modules_of_feature_info_give_its_maps() -> None:
    model, x, taken = built().eval(), pictures(), {}
    for level, info in enumerate(model.feature_info):
        hook = lambda module, inputs, output, level=level: taken.setdefault(level, output.relu())  # noqa: E731
        model.get_submodule(info["module"]).register_forward_hook(hook)
    with torch.no_grad():
        maps = model.forward_intermediates(x, intermediates_only=True)
    for level, feature in enumerate(maps):
        torch.testing.assert_close(taken[level], feature)


def test_intermediates_come_with_the_features() -> None:
    model, x = built().eval(), pictures()
    with torch.no_grad():
        features, maps = model.forward_intermediates(x)
        torch.testing.assert_close(features, model.forward_features(x))
        torch.testing.assert_close(model.forward_head(features), model(x))
        last_two = model.forward_intermediates(x, indices=2, intermediates_only=True)
        stem, (same_stem,) = model.forward_intermediates(x, indices=[0], stop_early=True)
    assert len(maps) == 5
    assert [tuple(feature.shape[1:3]) for feature in last_two] == MAPS[3:]
    torch.testing.assert_close(stem, maps[0])
    assert same_stem is stem
    with pytest.raises(ValueError, match="NCHW"):
        model.forward_intermediates(x, output_fmt="NLC")


def test_what_was_pruned_says_so() -> None:
    model = built()
    assert model.prune_intermediate_layers([1, -1]) == [1, 4]
    with pytest.raises(ValueError, match="features only"):
        model(pictures())
    with pytest.raises(ValueError, match="features_only"):
        model.reset_classifier(3)
    _, maps = model.forward_intermediates(pictures())
    assert len(maps) == 5


def test_groups_go_from_the_stem_to_the_head() -> None:
    model = built()
    names = [name for name, _ in model.named_parameters()]
    for coarse in (False, True):
        groups = group_parameters(model, model.group_matcher(coarse))
        assert sorted(name for group in groups.values() for name in group) == sorted(names)
        order = {name: depth for depth, group in groups.items() for name in group}
        path = ("conv1", "layer1.0.conv1", "stage2.0.branches.0.0.norm1", "stage4.0.branches.0.0.norm1")
        depths = [order[f"{name}.weight"] for name in path]
        assert depths == sorted(set(depths))
        assert order["head.classifier.weight"] == max(order.values())
        assert order["transition1.0.0.weight"] == order["layer1.0.conv1.weight"]
    groups = param_groups_layer_decay(model, no_weight_decay_list=model.no_weight_decay(), layer_decay=0.5)
    assert sum(len(group["params"]) for group in groups) == len(names)
    table = model.get_parameter("stage2.0.branches.0.0.attn.relative_position_bias_table")
    (own,) = [group for group in groups if any(parameter is table for parameter in group["params"])]
    assert own["weight_decay"] == 0


def test_asking_for_weights_that_timm_does_not_have_is_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"^timm fetches no weights of hrformer_tiny: use .*load_official_state_dict"):
        built(pretrained=True)


@pytest.mark.parametrize("features_only", [False, True])
def test_a_file_of_the_librarys_weights_can_be_named(features_only: bool, tmp_path: Path) -> None:
    ours = create_model(preset("tiny", **SMALL))
    torch.save({"model": ours.state_dict()}, tmp_path / "ours.pth")
    overlay = {"file": str(tmp_path / "ours.pth")}
    adapted = {"in_chans": 1, "num_classes": 4, "features_only": features_only}
    model = built(pretrained=True, pretrained_cfg_overlay=overlay, **adapted)
    network = model.model if features_only else model
    assert torch.equal(network.layer1[0].conv1.weight, ours.layer1[0].conv1.weight)
    torch.testing.assert_close(network.conv1.weight, ours.conv1.weight.sum(1, keepdim=True))


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValueError, match="Unknown field depth"):
        timm.create_model("hrformer_tiny", depth=3)


def test_the_module_is_the_one_that_timm_knows() -> None:
    assert timm.model_entrypoint("hrformer_small") is hrformer.timm.hrformer_small
