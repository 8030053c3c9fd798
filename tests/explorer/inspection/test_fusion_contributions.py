"""Fusion taken apart: the parts make up the module's real output, and known weights make known shares."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from explorer.inspection.fusion_contributions import collect_fusion_contributions
from hrformer import HRFormer, create_model
from tests.variants import tiny


def build(**overrides: Any) -> HRFormer:
    torch.manual_seed(0)
    return create_model(tiny(**({"num_modules": (1, 1, 2, 2), "num_classes": 5} | overrides))).eval()


def fused_outputs(model: HRFormer, x: torch.Tensor, name: str) -> list[torch.Tensor]:
    seen: list[list[torch.Tensor]] = []
    handle = model.get_submodule(name).register_forward_hook(lambda _, args, output: seen.append(output))
    with torch.no_grad():
        model(x)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize(("stage", "module"), [(2, 0), (3, 1), (4, 0), (4, 1)])
@pytest.mark.parametrize("size", [(32, 64), (44, 36)])
def test_summands_make_up_what_the_module_puts_out(stage: int, module: int, size: tuple[int, int]) -> None:
    model = build()
    for row in model.get_submodule(f"stage{stage}.{module}.fuse_layers").children():
        for summand in row.children():
            norms = [part for part in summand.modules() if isinstance(part, nn.BatchNorm2d)]
            for last in norms[-1:]:
                nn.init.constant_(last.bias, 50.0)  # keeps the sums positive, where the ReLU changes nothing
    x = torch.randn(1, 3, *size)
    contributions = collect_fusion_contributions(model, x, stage, module)
    fused = fused_outputs(model, x, f"stage{stage}.{module}")
    assert len(contributions.summand_maps) == len(fused) == stage
    for summands, output in zip(contributions.summand_maps, fused, strict=True):
        assert output.min() > 0
        assert torch.allclose(torch.stack(summands).sum(0), output[0].mean(0))
    assert torch.allclose(contributions.shares.sum(1), torch.ones(stage), atol=1e-5)


def test_a_source_that_adds_nothing_contributes_nothing() -> None:
    model = build()
    silent = model.get_submodule("stage2.0.fuse_layers.0.1.1")  # the norm of what branch 1 adds to branch 0
    assert isinstance(silent, nn.BatchNorm2d)
    nn.init.zeros_(silent.weight)
    nn.init.zeros_(silent.bias)
    contributions = collect_fusion_contributions(model, torch.randn(1, 3, 32, 32), 2, 0)
    assert contributions.norm_ratios[0].tolist() == pytest.approx([1.0, 0.0])
    assert contributions.shares[0].tolist() == pytest.approx([1.0, 0.0])
    assert contributions.norm_ratios[1].min() > 0


def test_a_constant_source_has_the_share_and_norm_of_that_constant() -> None:
    model = build()
    blocks = model.get_submodule("stage2.0.branches.0")
    handle = blocks.register_forward_hook(lambda _, args, output: torch.ones_like(output))
    constant = model.get_submodule("stage2.0.fuse_layers.0.1.1")
    assert isinstance(constant, nn.BatchNorm2d)
    nn.init.zeros_(constant.weight)
    nn.init.constant_(constant.bias, -3.0)
    contributions = collect_fusion_contributions(model, torch.randn(1, 3, 32, 32), 2, 0)
    handle.remove()
    # 1 and -3 add up to -2: norms 1/2 and 3/2 of the sum's, shares -1/2 and 3/2.
    assert contributions.norm_ratios[0].tolist() == pytest.approx([0.5, 1.5])
    assert contributions.shares[0].tolist() == pytest.approx([-0.5, 1.5])
    assert contributions.summand_maps[0][1].eq(-3).all()


def test_the_last_module_of_a_pose_variant_fuses_into_one_row() -> None:
    model = build(task="pose", fused_outputs="highest", fusion_upsample="bilinear")
    x = torch.randn(1, 3, 64, 48)
    assert collect_fusion_contributions(model, x, 4, 1).norm_ratios.shape == (1, 4)
    assert collect_fusion_contributions(model, x, 4, 0).norm_ratios.shape == (4, 4)


@pytest.mark.parametrize(("stage", "module"), [(1, 0), (5, 0), (3, 2), (2, -1)])
def test_a_module_that_does_not_exist_is_refused(stage: int, module: int) -> None:
    with pytest.raises(ValueError, match="2 in stage 3"):
        collect_fusion_contributions(build(), torch.randn(1, 3, 32, 32), stage, module)
