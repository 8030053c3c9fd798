"""Attention maps against hand-computed cases, the fused attention of the model itself, and two users at once."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explorer.inspection.attention_maps import (
    MAX_PAIRS,
    AttentionMaps,
    BlockAddress,
    attention_from,
    attention_over_map,
    collect_attention_maps,
    entropy_bits,
    mean_distance_px,
    nearest_address,
    nearest_head,
    nearest_position,
    padding_share,
    select_head,
)
from hrformer import HRFormer, HRFormerConfig, create_model
from hrformer.attention import WindowAttention, window_partition, window_reverse
from hrformer.windows import WindowGrid
from tests.variants import tiny

FIRST = BlockAddress(2, 0, 0, 0)


def small(window: int = 3, **changes: Any) -> HRFormerConfig:
    """With two modules in the last stages and two blocks in each, for addresses to tell apart."""
    counts = {"num_modules": (1, 1, 2, 2), "num_blocks": (2,) * 4, "num_classes": 5}
    return tiny(**({"mlp_ratios": (1,) * 4, "window_sizes": (window,) * 4} | counts | changes))


def build(config: HRFormerConfig, seed: int = 0) -> HRFormer:
    """Weights large enough that attention is far from even."""
    torch.manual_seed(seed)
    model = create_model(config).eval()
    for module in model.modules():
        if isinstance(module, WindowAttention):
            nn.init.normal_(module.q_proj.weight)
            nn.init.normal_(module.k_proj.weight)
            nn.init.normal_(module.q_proj.bias)
            nn.init.normal_(module.relative_position_bias_table)
    return model


def block_attention(model: HRFormer, address: BlockAddress) -> WindowAttention:
    name = f"stage{address.stage}.{address.module}.branches.{address.branch}.{address.block}.attn"
    attention = model.get_submodule(name)
    assert isinstance(attention, WindowAttention)
    return attention


def hooks_left(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def even_maps(grid: WindowGrid, branch: int) -> AttentionMaps:
    """One head that attends to every token of its window alike."""
    tokens = grid.size**2
    windows = grid.rows * grid.columns
    inside = window_partition(torch.ones(1, grid.height, grid.width, 1), grid).squeeze(-1)
    zeros = torch.zeros(windows, 1, tokens, tokens)
    side = 2 * grid.size - 1
    return AttentionMaps(
        address=BlockAddress(4, 0, branch, 0),
        grid=grid,
        content_logits=zeros,
        bias_logits=zeros[0],
        probabilities=zeros.softmax(-1),
        padded=inside == 0,
        bias_maps=torch.zeros(1, side, side),
        bias_added=True,
    )


@pytest.mark.parametrize(
    "address",
    [FIRST, BlockAddress(3, 1, 2, 1), BlockAddress(4, 1, 0, 1), BlockAddress(4, 0, 3, 0)],
    ids=str,
)
@pytest.mark.parametrize("task", ["classification", "pose"])
def test_explicit_attention_equals_the_fused_one_of_the_real_forward(address: BlockAddress, task: str) -> None:
    model = build(small(task=task, fused_outputs="all", relative_position_bias=task != "pose"))
    x = torch.randn(1, 3, 48, 64)
    attention = block_attention(model, address)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    handle = attention.register_forward_hook(lambda _, args, output: seen.append((args[0], output)))
    with torch.no_grad():
        model(x)
        handle.remove()
        (tokens, fused) = seen[0]
        maps = collect_attention_maps(model, x, address)
        value = attention.v_proj(window_partition(tokens, maps.grid))
        value = value.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
        explicit = attention.out_proj((maps.probabilities @ value).transpose(1, 2).flatten(2))
    assert torch.allclose(window_reverse(explicit, maps.grid), fused, atol=1e-5, rtol=0)


def test_rows_sum_to_one_and_padded_keys_are_marked() -> None:
    model = build(small(window=3))
    maps = collect_attention_maps(model, torch.randn(1, 3, 40, 32), FIRST)  # 10 x 8 tokens, padded to 12 x 9
    assert torch.allclose(maps.probabilities.sum(-1), torch.ones(()), atol=1e-6)
    padded = maps.padded.view(4, 3, 3, 3).transpose(1, 2).reshape(12, 9)  # windows back on the padded map
    expected = torch.ones(12, 9, dtype=torch.bool)
    expected[1:11, 0:8] = False  # one row above, one below, one column on the right
    assert torch.equal(padded, expected)


def test_two_windows_with_known_attention() -> None:
    # The first branch of a 32 x 64 picture has 8 x 16 tokens: two windows of 8 x 8. One channel of the queries is 1 for
    # every token, the keys are zero but for a bias of log 3 that meets only the query's constant: content is log 3
    # everywhere, so attention is even; then the keys of the right window alone are told apart.
    model = build(small(window=8, relative_position_bias=False))
    attention = block_attention(model, FIRST)
    block = model.get_submodule("stage2.0.branches.0.0")
    with torch.no_grad():
        attention.q_proj.weight.zero_()
        attention.q_proj.bias.copy_(torch.tensor([1.0, 0, 0, 0]))
        attention.k_proj.weight.zero_()
        attention.k_proj.weight[0, 0] = 1
        attention.k_proj.bias.zero_()
    known = torch.zeros(1, 8, 16, 4)
    known[0, 2, 11, 0] = 2 * math.log(3)  # head_dim 4 scales by 1/2: logit log 3 against 0
    handle = block.get_submodule("norm1").register_forward_hook(lambda *_: known)
    maps = collect_attention_maps(model, torch.randn(1, 3, 32, 64), FIRST)
    handle.remove()
    assert maps.probabilities.shape == (2, 1, 64, 64)
    assert torch.allclose(maps.probabilities[0], torch.full((), 1 / 64))
    right = torch.full((8, 8), 1 / 66)
    right[2, 3] = 3 / 66
    assert torch.allclose(attention_from(maps, 7, 15)[0], right)
    over_map = attention_over_map(maps, 7, 15)[0]
    assert torch.allclose(over_map[:, 8:], right)
    assert over_map[:, :8].eq(0).all()


def test_without_content_attention_is_the_softmax_of_the_bias_table() -> None:
    model = build(small(window=2))
    attention = block_attention(model, FIRST)
    with torch.no_grad():
        for projection in (attention.q_proj, attention.k_proj):
            projection.weight.zero_()
            projection.bias.zero_()
    maps = collect_attention_maps(model, torch.randn(1, 3, 32, 32), FIRST)
    table = attention.relative_position_bias_table.detach().view(3, 3)
    # From token (0, 0): itself, one to the right, one below, both. The table counts query minus key.
    logits = torch.stack([table[1, 1], table[1, 0], table[0, 1], table[0, 0]])
    assert maps.content_logits.eq(0).all()
    assert torch.allclose(maps.probabilities[:, 0, 0], logits.softmax(0).expand(16, 4))
    assert torch.equal(maps.bias_maps[0, 1:, 1:].flatten(), logits)


def test_a_variant_that_leaves_the_bias_out_says_so() -> None:
    maps = collect_attention_maps(build(small(relative_position_bias=False)), torch.randn(1, 3, 32, 32), FIRST)
    assert not maps.bias_added
    assert maps.bias_logits.eq(0).all()
    assert maps.bias_maps.abs().sum() > 0


def test_even_attention_has_full_entropy_and_the_known_mean_distance() -> None:
    maps = even_maps(WindowGrid(4, 4, 2), branch=1)
    assert torch.allclose(entropy_bits(maps), torch.full((1, 4, 4), 2.0))
    assert maps.max_entropy_bits == 2.0
    # A corner of a 2 x 2 window to its four tokens: 0, 1, 1 and the square root of 2 tokens of 8 pixels.
    assert torch.allclose(mean_distance_px(maps), torch.full((1, 4, 4), 8 * (2 + math.sqrt(2)) / 4))
    assert padding_share(maps).eq(0).all()


def test_padding_takes_its_share_of_even_attention() -> None:
    shares = padding_share(even_maps(WindowGrid(3, 4, 2), branch=0))[0]
    assert shares.tolist() == [[0.0] * 4, [0.0] * 4, [0.5] * 4]


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.data())
def test_a_position_is_found_where_the_grid_puts_it(height: int, width: int, size: int, data: st.DataObject) -> None:
    grid = WindowGrid(height, width, size)
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    marked = torch.zeros(1, height, width, 1)
    marked[0, row, column] = 1
    window, token = even_maps(grid, 0).locate(row, column)
    assert window_partition(marked, grid).squeeze(-1).nonzero().tolist() == [[window, token]]


def test_the_heads_mean_stands_for_no_head() -> None:
    values = torch.rand(3, 2, 4, 4)
    assert torch.equal(select_head(values, 1), values[:, 1])
    assert torch.allclose(select_head(values, None), (values[:, 0] + values[:, 1]) / 2)


def test_two_sessions_never_see_each_others_maps() -> None:
    shared, other = build(small()), build(small(window=2, channels=(8, 8, 16, 16)), seed=1)
    jobs = [
        (model, torch.randn(1, 3, 32, 32), address)
        for model in (shared, shared, other)
        for address in (FIRST, BlockAddress(4, 1, 1, 1))
    ] * 4
    alone = [collect_attention_maps(*job).probabilities for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: collect_attention_maps(*job).probabilities, jobs))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    assert hooks_left(shared) == hooks_left(other) == 0


def test_an_error_on_the_way_leaves_the_model_usable() -> None:
    model = build(small())
    x = torch.randn(1, 3, 32, 32)
    expected = collect_attention_maps(model, x, FIRST).probabilities
    with pytest.raises(RuntimeError):
        collect_attention_maps(model, x.double(), FIRST)
    assert hooks_left(model) == 0
    assert torch.equal(collect_attention_maps(model, x, FIRST).probabilities, expected)


def test_bad_input_is_refused_with_a_sentence() -> None:
    model = build(small())
    x = torch.randn(1, 3, 32, 32)
    with pytest.raises(ValueError, match="no stage 2, module 1, 1/16 branch"):
        collect_attention_maps(model, x, BlockAddress(2, 0, 2, 0))
    with pytest.raises(ValueError, match=r"use \(1, 3, height, width\)"):
        collect_attention_maps(model, x.expand(2, -1, -1, -1), FIRST)
    with pytest.raises(ValueError, match=r"model.eval\(\)"):
        collect_attention_maps(model.train(), x, FIRST)
    with pytest.raises(ValueError, match="rows 0 to 7"):
        attention_from(even_maps(WindowGrid(8, 8, 4), 0), 8, 0)


def test_attention_too_large_to_write_out_is_refused() -> None:
    side_px = 4 * 16 * 33  # 33 x 33 windows of 16 x 16 tokens
    assert MAX_PAIRS < 33**2 * 16**4
    huge = torch.zeros(1, 1, 1, 1).expand(1, 3, side_px, side_px)
    with pytest.raises(ValueError, match="use a smaller window or picture"):
        collect_attention_maps(build(small(window=16)), huge, FIRST)


@settings(deadline=None, max_examples=30)
@given(*(st.integers(-3, 9) for _ in range(4)))
def test_any_address_falls_back_to_a_block_that_exists(stage: int, module: int, branch: int, block: int) -> None:
    config = small()
    asked = BlockAddress(stage, module, branch, block)
    nearest, sentence = nearest_address(config, asked)
    block_attention(MODEL, nearest)  # exists
    assert (sentence is None) == (nearest == asked)
    assert sentence is None or (str(asked) in sentence and str(nearest) in sentence)
    assert nearest_address(config, nearest) == (nearest, None)


MODEL = create_model(small())


def test_heads_and_positions_fall_back_to_the_nearest() -> None:
    assert nearest_head(small(), 1, 1) == (1, None)
    assert nearest_head(small(), 1, None) == (None, None)
    assert nearest_head(small(), 1, 7) == (1, "The 1/8 branch has 2 heads, no head 8; this is head 2.")
    grid = WindowGrid(7, 5, 3)
    assert nearest_position(grid, (6, 4)) == ((6, 4), None)
    position, sentence = nearest_position(grid, (9, 2))
    assert position == (6, 2)
    assert sentence == "The map has 7 x 5 positions, no (9, 2); this is position (6, 2)."
