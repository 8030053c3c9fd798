"""Each switch takes out exactly what it says: names, shapes, and the function that is left."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from explorer.ablation.switches import SWITCHES, global_attention, switch_named
from explorer.cost import capacity
from explorer.cost.capacity import check_capacity
from hrformer import TASKS, HRFormer, HRFormerConfig, create_model, preset
from tests.variants import tiny

SMALL: dict[str, Any] = {
    "num_modules": (1, 1, 2, 1),
    "num_blocks": (1, 1, 1, 2),
    "window_sizes": (3, 3, 3, 3),
    "img_size": (64, 64),
    "num_classes": 5,
}


def small(task: str = "classification", **overrides: Any) -> HRFormerConfig:
    return tiny(task, **(SMALL | {"relative_position_bias": True} | overrides))


def shapes(config: HRFormerConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in create_model(config).state_dict().items()}


def build(config: HRFormerConfig, weights: dict[str, Tensor] | None = None) -> HRFormer:
    """A model whose norms do something; with `weights`, those of another one that fit."""
    torch.manual_seed(0)
    model = create_model(config)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.bias, std=0.3)
    if weights is not None:
        model.load_state_dict(weights)
    return model.eval()


def outputs(model: HRFormer) -> Tensor:
    x = torch.randn(1, 3, *model.config.img_size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model(x)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("key", "gone", "reshaped"),
    [
        ("dw_conv", r"\.mlp\.(dw3x3|norm2)\.", None),
        ("dw_1x1", None, r"\.mlp\.dw3x3\.weight$"),
        ("position_bias", None, None),
        ("fusion", r"\.fuse_layers\.", None),
        ("windows", None, r"\.attn\.relative_position_bias_table$"),
    ],
)
def test_only_what_is_named_leaves_the_state_dict(task: str, key: str, gone: str | None, reshaped: str | None) -> None:
    switch = switch_named(key)
    with_it, without = shapes(switch.put_in(small(task))), shapes(switch.take_out(small(task)))
    assert without.keys() <= with_it.keys()
    lost = with_it.keys() - without.keys()
    assert lost == {name for name in with_it if gone and re.search(gone, name)}
    other = {name for name in without if without[name] != with_it[name]}
    assert other == {name for name in without if reshaped and re.search(reshaped, name)}


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.key)
def test_one_field_changes_and_putting_in_undoes_taking_out(switch) -> None:
    config = small()
    without = switch.take_out(config)
    changed = [field.name for field in fields(config) if getattr(config, field.name) != getattr(without, field.name)]
    assert len(changed) == 1
    assert switch.put_in(config) == config
    if switch.key != "windows":  # which windows there were, a global variant does not tell
        assert switch.put_in(without) == config


def test_the_control_is_the_3x3_convolution_with_only_its_centre() -> None:
    config = small()
    full = build(config)
    for name, parameter in full.named_parameters():
        if name.endswith("dw3x3.weight"):
            centre = parameter.data[:, :, 1:2, 1:2].clone()
            parameter.data.zero_()
            parameter.data[:, :, 1:2, 1:2] = centre
    weights = {
        key: value[:, :, 1:2, 1:2] if key.endswith("dw3x3.weight") else value
        for key, value in full.state_dict().items()
    }
    control = build(switch_named("dw_1x1").take_out(config), weights)
    torch.testing.assert_close(outputs(control), outputs(full), rtol=1e-4, atol=1e-5)


def test_without_bias_is_a_table_of_zeros() -> None:
    config = small()
    full = build(config)
    for name, parameter in full.named_parameters():
        if name.endswith("relative_position_bias_table"):
            nn.init.normal_(parameter)
    without = build(switch_named("position_bias").take_out(config), full.state_dict())
    assert not torch.allclose(outputs(without), outputs(full))
    for name, parameter in full.named_parameters():
        if name.endswith("relative_position_bias_table"):
            nn.init.zeros_(parameter)
    torch.testing.assert_close(outputs(without), outputs(full))


@pytest.mark.parametrize("upsample", ["nearest", "bilinear"])
def test_without_fusion_is_a_fusion_whose_foreign_summands_are_zero(upsample: str) -> None:
    config = small(fusion_upsample=upsample)
    full = build(config)
    weights = {key: value.clone() for key, value in full.state_dict().items() if ".fuse_layers." not in key}
    without = build(switch_named("fusion").take_out(config), weights)
    assert not torch.allclose(outputs(without), outputs(full))
    for name, module in full.named_modules():
        if re.search(r"\.fuse_layers\.\d+\.\d+$", name):
            norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
            for last in norms[-1:]:
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)
    torch.testing.assert_close(outputs(without), outputs(full))


def test_without_the_convolution_the_ffn_is_its_two_1x1_convolutions() -> None:
    config = small()
    full = build(config)
    without_config = switch_named("dw_conv").take_out(config)
    kept = shapes(without_config)
    without = build(without_config, {key: value for key, value in full.state_dict().items() if key in kept})
    block = full.get_submodule("stage2.0.branches.0.0.mlp")
    x = torch.randn(1, 4, 6, 6)
    with torch.no_grad():
        expected = block.act(block.norm3(block.fc2(block.act(block.norm1(block.fc1(x))))))
        torch.testing.assert_close(without.get_submodule("stage2.0.branches.0.0.mlp")(x), expected)


def test_global_attention_lets_a_corner_reach_the_opposite_one_in_one_attention() -> None:
    config = small(img_size=(48, 64))
    for variant, reaches in ((config, False), (global_attention(config), True)):
        attention = build(variant).get_submodule("stage2.0.branches.0.0.attn")
        x = torch.randn(1, 12, 16, 4)
        changed = x.clone()
        changed[:, 0, 0] += 1
        with torch.no_grad():
            difference = (attention(changed) - attention(x)).abs().sum(-1)
        assert bool(difference[0, 11, 15] > 0) == reaches
        assert difference[0, 0, 0] > 0
    assert global_attention(config).window_sizes == (16, 8, 4, 2)


def test_gradients_of_one_step_reach_every_parameter_of_every_arm() -> None:
    for switch in SWITCHES:
        model = create_model(switch.take_out(small("segmentation", segmentation_head="fcn")))
        model(torch.randn(2, 3, 64, 64)).square().sum().backward()
        untouched = {name for name, parameter in model.named_parameters() if parameter.grad is None}
        kept_tables = {name for name, _ in model.named_parameters() if name.endswith("relative_position_bias_table")}
        assert untouched == (kept_tables if switch.key == "position_bias" else set()), switch.key


def test_where_global_attention_does_not_fit_one_sentence_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"256 tokens .* ends at 128, so use an image of at most 512 pixels"):
        global_attention(small(img_size=(512, 1024)))
    largest = global_attention(preset("base", img_size=(512, 512)))
    monkeypatch.setattr(capacity, "available_ram_mib", lambda: 8192.0)
    with pytest.raises(ValueError, match=r"needs about .* GiB and this machine has 8 GiB free"):
        check_capacity(largest)


def test_a_variant_without_windows_has_none_to_take_out() -> None:
    with pytest.raises(ValueError, match="no windows to take out"):
        switch_named("windows").put_in(global_attention(small()))


def test_an_unknown_switch_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="use dw_conv, dw_1x1, position_bias, fusion, windows"):
        switch_named("colour")
