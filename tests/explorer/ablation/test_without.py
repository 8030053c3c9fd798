"""Networks without a part, against networks built by hand: copies whose weights let the part do nothing."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from explorer.ablation.parts import Part, parts_of, read_part
from explorer.ablation.without import without
from hrformer import HRFormer, HRFormerConfig, create_model
from hrformer.block import HRFormerBlock
from tests.variants import tiny, tiny_pose, tiny_variants

SEGMENTER = tiny("segmentation", num_classes=5, segmentation_head="fcn", num_blocks=(2, 2, 1, 1), img_size=(40, 72))


def lively(config: HRFormerConfig) -> HRFormer:
    """A network whose norms, biases and tables are none of zero or one, in double precision."""
    torch.manual_seed(0)
    model = create_model(config).double().eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.2)
            if isinstance(module, nn.Linear):
                module.weight.normal_(0, 0.3)
                module.bias.normal_(0, 0.3)
            if hasattr(module, "relative_position_bias_table"):
                module.relative_position_bias_table.normal_()
    return model


def picture(config: HRFormerConfig) -> Tensor:
    return torch.randn(2, config.in_chans, *config.img_size, generator=torch.Generator().manual_seed(1)).double()


def block_of(model: HRFormer, part: Part) -> HRFormerBlock:
    stage, module, branch, block = part.place[:4]
    found = model.get_submodule(f"stage{stage}.{module}.branches.{branch}.{block}")
    assert isinstance(found, HRFormerBlock)
    return found


def silence(norm: nn.Module | nn.Linear) -> None:
    """Let a norm or a linear layer give zeros."""
    nn.init.zeros_(norm.weight)
    nn.init.zeros_(norm.bias)


def no_block(model: HRFormer, part: Part) -> None:
    if part["stage"] == 1:
        silence(model.layer1[part["module"] * model.config.num_blocks[0] + part["block"]].bn3)
        return
    block = block_of(model, part)
    silence(block.attn.out_proj)
    silence(block.mlp.norm3)  # and the GELU of zero is zero


def even_attention(model: HRFormer, part: Part) -> None:
    attention = block_of(model, part).attn
    silence(attention.q_proj)  # equal logits, so that the softmax is even
    nn.init.zeros_(attention.relative_position_bias_table)


def centre_tap(model: HRFormer, part: Part) -> None:
    weight = block_of(model, part).mlp.dw3x3.weight
    for row, column in [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]:
        weight[:, :, row, column] = 0


def no_head(model: HRFormer, part: Part) -> None:
    """Its values are zeros, and so is every weighted mean of them."""
    attention = block_of(model, part).attn
    size = attention.v_proj.out_features // attention.num_heads
    rows = slice(part["head"] * size, (part["head"] + 1) * size)
    attention.v_proj.weight[rows] = 0
    attention.v_proj.bias[rows] = 0


class Zeros(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def no_arrow(model: HRFormer, part: Part) -> None:
    stage, module, source, target = part.place
    row = model.get_submodule(f"stage{stage}.{module}.fuse_layers.{target}")
    if source == target:
        row[source] = Zeros()
    else:
        last = [layer for layer in row[source].modules() if isinstance(layer, nn.BatchNorm2d)][-1]
        silence(last)


def no_branch(model: HRFormer, part: Part) -> None:
    """Zeros wherever its map is read: in fusions, where a later branch is opened, and in the plain head."""
    branch = part["branch"]
    for stage in range(max(2, branch + 1), 5):
        for module in range(model.config.num_modules[stage - 1]):
            for target in range(stage):
                if target != branch:
                    no_arrow(model, Part("arrow", (stage, module, branch, target)))
            for source in range(stage):
                no_arrow(model, Part("arrow", (stage, module, source, branch)))


HAND_BUILT: dict[str, Callable[[HRFormer, Part], None]] = {
    "block": no_block,
    "attention": even_attention,
    "dw_conv": centre_tap,
    "head": no_head,
    "arrow": no_arrow,
    "branch": no_branch,
}


@torch.no_grad()
def check(config: HRFormerConfig, parts: list[Part]) -> None:
    model = lively(config)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = picture(config)
    whole = model(x)
    network = without(model, parts)
    found = network(x)
    by_hand = deepcopy(model)
    for part in parts:
        HAND_BUILT[part.kind](by_hand, part)
    torch.testing.assert_close(found, by_hand(x))
    assert torch.equal(model(x), whole)  # the shared model is as it was, and so are its weights
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize("part", [part.text for part in parts_of(SEGMENTER)])
def test_every_part_of_a_segmenter_equals_a_hand_built_network_without_it(part: str) -> None:
    check(SEGMENTER, [read_part(part)])


@pytest.mark.parametrize("part", [f"branch:{branch}" for branch in range(4)])
def test_branches_of_a_pose_network_whose_last_fusion_makes_one(part: str) -> None:
    config, taken = tiny_pose(fused_outputs="highest", img_size=(32, 40)), read_part(part)
    model = lively(config)
    with torch.no_grad():
        heat_maps = without(model, [taken])(picture(config))
        if taken["branch"] == 0:  # nothing reaches the head, whose bias is left
            expected = model.head.final_layer.bias[None, :, None, None].expand_as(heat_maps)
            torch.testing.assert_close(heat_maps, expected)
        else:
            assert not torch.equal(heat_maps, model(picture(config)))


@settings(max_examples=25, deadline=None)
@given(tiny_variants(max_side=48), st.data())
def test_any_parts_of_any_variant_together(config: HRFormerConfig, data: st.DataObject) -> None:
    kinds = ("block", "attention", "dw_conv", "head")  # hand-built arrows need a convolution to silence
    parts = data.draw(st.lists(st.sampled_from(list(parts_of(config, kinds))), min_size=1, max_size=4, unique=True))
    check(config, parts)


def test_arrows_and_a_branch_together_are_the_arrows_of_both() -> None:
    arrows = [Part("arrow", (2, 0, 1, 0)), Part("arrow", (4, 0, 0, 0)), Part("arrow", (4, 0, 1, 0))]
    check(SEGMENTER, [*arrows, Part("branch", (1,))])


def test_without_fusion_an_arrow_is_the_branchs_own() -> None:
    config = tiny("segmentation", num_classes=3, multi_scale_fusion=False, img_size=(32, 32))
    model = lively(config)
    with torch.no_grad():
        maps = without(model, [read_part("arrow:4.0.2.2")]).forward_features(picture(config))
        whole = model.forward_features(picture(config))
    assert not maps[2].any()
    assert all(torch.equal(maps[branch], whole[branch]) for branch in (0, 1, 3))


def test_weights_that_stay_are_shared() -> None:
    model = create_model(SEGMENTER).eval()
    network = without(model, [read_part("head:2.0.0.0.0"), read_part("block:3.0.0.0")])
    mine = {name: value.data_ptr() for name, value in model.state_dict().items()}
    shared = {name: value.data_ptr() == mine[name] for name, value in network.state_dict().items()}
    assert [name for name, same in shared.items() if not same] == ["stage2.0.branches.0.0.attn.out_proj.weight"]


def test_hooks_of_others_do_not_see_it() -> None:
    model = create_model(SEGMENTER).eval()
    network = without(model, [read_part("branch:3")])
    seen = []
    for module in model.modules():
        module.register_forward_pre_hook(lambda *_: seen.append(1))
    with torch.no_grad():
        network(picture(SEGMENTER).float())
    assert not seen


def test_a_part_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has no part head:2\.0\.0\.0\.7"):
        without(create_model(SEGMENTER), [read_part("head:2.0.0.0.7")])
