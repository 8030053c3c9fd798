"""The list of a network's parts, against counts from its modules, and their text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.ablation.parts import KINDS, Part, count_parts, is_part_of, parts_of, read_part
from hrformer import HRFormerConfig, create_model
from hrformer.attention import WindowAttention
from hrformer.block import HRFormerBlock
from hrformer.fusion import FusionRow
from hrformer.layers import Bottleneck
from tests.variants import tiny, tiny_pose, tiny_variants


@settings(max_examples=20, deadline=None)
@given(tiny_variants(max_side=40))
def test_parts_are_as_many_as_the_networks_modules(config: HRFormerConfig) -> None:
    model = create_model(config)
    parts = list(parts_of(config))
    assert len(parts) == len(set(parts)) == count_parts(config)
    assert all(is_part_of(config, part) and read_part(part.text) == part for part in parts)

    def count(kind: str) -> int:
        return sum(part.kind == kind for part in parts)

    modules = list(model.modules())
    blocks = [module for module in modules if isinstance(module, HRFormerBlock)]
    bottlenecks = [module for module in model.layer1 if isinstance(module, Bottleneck)]
    assert count("branch") == 4
    assert count("attention") == len(blocks)
    assert count("block") == len(blocks) + len(bottlenecks) - 1  # the first changes the width
    assert count("head") == sum(module.num_heads for module in modules if isinstance(module, WindowAttention))
    mixing = [block for block in blocks if block.mlp.dw3x3 is not None and block.mlp.dw3x3.kernel_size == (3, 3)]
    assert count("dw_conv") == len(mixing)
    if config.multi_scale_fusion:
        assert count("arrow") == sum(len(row) for row in modules if isinstance(row, FusionRow))


def test_what_another_variant_has_is_no_part() -> None:
    config = tiny()
    beyond = ("branch:4", "block:1.0.0.0", "block:5.0.0.0", "block:0.0.0.0", "block:2.1.0.0", "block:2.0.2.0")
    inside = ("block:2.0.0.1", "head:3.0.0.0.1", "attention:1.0.0.0", "arrow:2.0.2.0", "arrow:1.0.0.0")
    for text in (*beyond, *inside):
        assert not is_part_of(config, read_part(text)), text
    assert not is_part_of(tiny(dw_conv=False), read_part("dw_conv:2.0.0.0"))
    assert is_part_of(tiny(num_blocks=(2, 1, 1, 1)), read_part("block:1.0.0.1"))
    highest = tiny_pose(fused_outputs="highest", img_size=(32, 32))
    assert is_part_of(highest, read_part("arrow:4.0.3.0"))
    assert not is_part_of(highest, read_part("arrow:4.0.3.3"))
    alone = tiny(multi_scale_fusion=False)
    assert [part.text for part in parts_of(alone, ["arrow"])][:2] == ["arrow:2.0.0.0", "arrow:2.0.1.1"]


@pytest.mark.parametrize(
    "text", ["", "head", "head:", "branch:-1", "branch:1.2", "head:2.0.0.0", "leg:1", "branch:²", "branch:99999"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no part|has the numbers"):
        read_part(text)


@given(st.sampled_from(KINDS), st.lists(st.integers(0, 9999), max_size=6))
def test_a_text_tells_the_part(kind: str, place: list[int]) -> None:
    text = f"{kind}:{'.'.join(map(str, place))}"
    try:
        part = read_part(text)
    except ValueError:
        return
    assert part.text == text


def test_names_are_in_plain_words() -> None:
    names = {
        "branch:2": "The 1/16 branch",
        "block:1.0.0.1": "Stage 1, module 1: bottleneck 2",
        "block:3.1.0.0": "Stage 3, module 2, 1/4 branch: block 1",
        "attention:2.0.1.0": "Stage 2, module 1, 1/8 branch: window attention of block 1",
        "dw_conv:4.0.3.1": "Stage 4, module 1, 1/32 branch: depth-wise convolution of block 2",
        "head:3.0.1.0.2": "Stage 3, module 1, 1/8 branch: head 3 of block 1",
        "arrow:4.0.3.0": "Stage 4, module 1: arrow from 1/32 to 1/4",
        "arrow:4.0.3.3": "Stage 4, module 1: arrow from 1/32 to itself",
    }
    assert {text: read_part(text).name for text in names} == names


def test_an_unknown_kind_and_a_wrong_place_are_refused() -> None:
    with pytest.raises(ValueError, match="use one of branch, block"):
        Part("leg", (1,))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="numbers stage, module, source, target"):
        Part("arrow", (1,))
