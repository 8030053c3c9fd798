"""The theoretical field against gradients, interpolation against torch, and small fields worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from explorer.cost.complexity import estimate_complexity
from explorer.inspection.receptive_field import (
    MapPosition,
    central_position,
    check_position,
    compare_window_sizes,
    num_output_branches,
    theoretical_field,
)
from hrformer import HRFormer, HRFormerConfig, create_model, preset
from hrformer.geometry import branch_sizes
from tests.variants import tiny_pose


def tiny(**fields: Any) -> HRFormerConfig:
    return tiny_pose(**({"img_size": (48, 64), "in_chans": 1} | fields))


@st.composite
def variants_and_positions(draw: st.DrawFn) -> tuple[HRFormerConfig, MapPosition]:
    def four(values: st.SearchStrategy[int]) -> tuple[int, ...]:
        return draw(st.tuples(values, values, values, values))

    config = tiny(
        img_size=draw(st.tuples(st.integers(32, 72), st.integers(32, 72))),
        num_modules=four(st.integers(1, 2)),
        num_blocks=four(st.integers(1, 2)),
        window_sizes=four(st.integers(1, 6)),
        dw_conv=draw(st.booleans()),
        dw_kernel_size=draw(st.sampled_from([1, 3, 3])),
        multi_scale_fusion=draw(st.sampled_from([True, True, False])),
        fusion_upsample=draw(st.sampled_from(["nearest", "bilinear"])),
        relative_position_bias=draw(st.booleans()),
        fused_outputs=draw(st.sampled_from(["all", "highest"])),
    )
    stage = draw(st.integers(1, 4))
    module = draw(st.integers(0, config.num_modules[stage - 1] - 1))
    branch = draw(st.integers(0, num_output_branches(config, stage, module) - 1))
    height, width = branch_sizes(config.img_size)[branch]
    row, column = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    return config, MapPosition(stage=stage, module=module, branch=branch, row=row, column=column)


def double_precision_model(config: HRFormerConfig) -> HRFormer:
    """Random weights, norms shifted so that most ReLUs are open: a closed one hides what the structure can reach."""
    torch.manual_seed(0)
    model = create_model(config).double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, 0.5, 1.5)
    return model


def branch_map(model: HRFormer, x: Tensor, position: MapPosition) -> Tensor:
    x = model.forward_stem(x)
    if position.stage == 1:
        return model.layer1[: (position.module + 1) * model.config.num_blocks[0]](x)
    branches = [model.layer1(x)]
    for stage in range(2, position.stage):
        branches = model.get_submodule(f"stage{stage}")(model.get_submodule(f"transition{stage - 1}")(branches))
    branches = model.get_submodule(f"transition{position.stage - 1}")(branches)
    for module in model.get_submodule(f"stage{position.stage}")[: position.module + 1]:
        branches = module(branches)
    return branches[position.branch]


def assert_field_is_what_has_a_gradient(config: HRFormerConfig, position: MapPosition) -> None:
    """Every pixel that moves the position is in the field, and every pixel of the field moves it for some picture."""
    field = theoretical_field(config, position).pixels
    model = double_precision_model(config)
    unreached = field.copy()
    for _ in range(5):
        x = torch.randn(1, config.in_chans, *config.img_size, dtype=torch.float64, requires_grad=True)
        channels = branch_map(model, x, position)[0, :, position.row, position.column]
        (gradient,) = torch.autograd.grad((channels * torch.rand_like(channels)).sum(), x)
        moved = (gradient != 0).any(1)[0].numpy()
        assert not (moved & ~field).any()
        unreached &= ~moved
        if not unreached.any():
            return
    raise AssertionError(f"{unreached.sum()} of {field.sum()} pixels of the field never have a gradient")


def at(stage: int, branch: int, row: int, column: int, module: int = 0) -> MapPosition:
    return MapPosition(stage=stage, module=module, branch=branch, row=row, column=column)


@settings(deadline=None, max_examples=50)
@given(variants_and_positions())
@example((tiny(img_size=(37, 61), window_sizes=(4, 3, 2, 5)), at(4, 0, 0, 15)))
@example((tiny(img_size=(37, 61), fusion_upsample="bilinear", fused_outputs="highest"), at(4, 0, 9, 0)))
@example(
    (tiny(img_size=(33, 33), dw_conv=False, window_sizes=(1, 1, 1, 1), fusion_upsample="bilinear"), at(2, 0, 0, 2))
)
@example((tiny(img_size=(49, 33), dw_conv=False, window_sizes=(2, 2, 2, 2)), at(4, 3, 1, 1)))
def test_field_is_exactly_the_pixels_with_a_gradient(case: tuple[HRFormerConfig, MapPosition]) -> None:
    assert_field_is_what_has_a_gradient(*case)


def test_first_branch_as_wide_as_stage_1_enters_stage_2_without_a_convolution() -> None:
    position = at(2, 0, 5, 5)
    passed, convolved = (tiny(channels=(c, 8, 8, 8), dw_conv=False, window_sizes=(1, 1, 1, 1)) for c in (256, 8))
    assert_field_is_what_has_a_gradient(passed, position)
    assert theoretical_field(passed, position).area_px < theoretical_field(convolved, position).area_px


def test_field_need_not_be_a_rectangle() -> None:
    config = tiny(img_size=(90, 90), dw_conv=False, window_sizes=(6, 1, 1, 1))
    assert not theoretical_field(config, at(3, 0, 12, 12)).is_rectangle
    assert_field_is_what_has_a_gradient(config, at(3, 0, 12, 12))


def test_stage_1_field_by_hand() -> None:
    # Position 6 of 1/4 reads 5..7 (bottleneck), 9..15 of 1/2 and 17..31 of the picture: 7 pixels around pixel 24.
    field = theoretical_field(tiny(), at(1, 0, 6, 6))
    assert field.box == (17, 17, 31, 31)
    assert field.area_px == 15 * 15
    assert field.reach_px == (7, 7, 7, 7)
    assert field.reads == ()


def test_window_field_is_not_centred() -> None:
    # 12 x 16 tokens, windows of 4: token (4, 7) sees rows 4..7 and columns 4..7, and one token around each for the
    # transition's 3x3, before what the coarser branch adds (pointwise windows of one token there).
    config = tiny(dw_conv=False, window_sizes=(4, 1, 1, 1))
    field = theoretical_field(config, at(2, 0, 4, 7))
    above, left, below, right = field.reach_px
    assert above < below
    assert left > right
    fine, coarse = field.reads[-1].masks
    assert fine[4:8, 4:8].all()
    assert fine.sum() == 16
    assert coarse.sum() == 1
    assert field.reads[-1].shares == (16 / (12 * 16), 1 / (6 * 8))


@pytest.mark.parametrize("upsample", ["nearest", "bilinear"])
def test_dw_conv_only_adds_pixels(upsample: str) -> None:
    config = tiny(img_size=(96, 96), fusion_upsample=upsample)
    position = at(2, 1, 2, 9)
    with_dw_conv = theoretical_field(config, position).pixels
    without = theoretical_field(replace(config, dw_conv=False), position).pixels
    assert (with_dw_conv | without == with_dw_conv).all()
    assert with_dw_conv.sum() > without.sum()


def test_the_control_s_1x1_convolution_reaches_no_further_than_none() -> None:
    config, position = tiny(img_size=(96, 96)), at(4, 0, 9, 11)
    control = theoretical_field(replace(config, dw_kernel_size=1), position).pixels
    without = theoretical_field(replace(config, dw_conv=False), position).pixels
    assert (control == without).all()


def test_without_fusion_a_branch_reads_itself_and_what_opened_it() -> None:
    config = tiny(multi_scale_fusion=False, img_size=(96, 96))
    fine, coarse = theoretical_field(config, at(2, 0, 9, 9)).reads[-1].masks
    assert fine.any()
    assert not coarse.any()
    assert (
        theoretical_field(config, at(2, 1, 4, 4)).area_px
        < theoretical_field(tiny(img_size=(96, 96)), at(2, 1, 4, 4)).area_px
    )


def test_window_sizes_trade_area_for_macs() -> None:
    config = preset("tiny")
    position = central_position(config, 2, 0, 0)
    table = compare_window_sizes(config, position, (3, 7, 21))
    assert table["window_size"].tolist() == [3, 7, 21]
    own = table.iloc[1]
    assert own["macs"] == estimate_complexity(config).macs
    assert own["field_area_px"] == theoretical_field(config, position).area_px
    assert table["field_area_px"].is_monotonic_increasing
    assert table["macs"].is_monotonic_increasing
    assert (table["field_share"] * 224 * 224 == table["field_area_px"]).all()


@pytest.mark.parametrize(
    ("position", "message"),
    [
        (at(5, 0, 0, 0), "stage = 5 does not exist: use 1 to 4"),
        (at(3, 0, 0, 0, module=1), "module = 1 .* use 0 to 0"),
        (at(1, 1, 0, 0), "branch = 1 .* use 0 to 0"),
        (at(4, 1, 0, 0), "branch = 1 .* use 0 to 0"),
        (at(2, 1, 6, 0), "row = 6 .* use 0 to 5"),
        (at(2, 1, 0, -1), "column = -1 .* use 0 to 7"),
    ],
)
def test_positions_that_do_not_exist_are_refused(position: MapPosition, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_position(tiny(fused_outputs="highest"), position)


def test_central_position_is_the_middle_of_the_map() -> None:
    assert central_position(preset("tiny"), 4, 1, 3) == at(4, 3, 3, 3, module=1)
    assert central_position(preset("tiny"), 4, 1, 0).pixel == (112, 112)
