"""What a user of the model library relies on, beyond the reference outputs."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings

from hrformer import TASKS, HRFormerConfig, create_model, preset
from hrformer.attention import window_partition, window_reverse
from hrformer.layers import DropPath
from hrformer.windows import WindowGrid
from tests.variants import tiny, tiny_variants

SMALL = tiny()


@given(tiny_variants(max_side=80))
@settings(max_examples=15, deadline=None)
def test_outputs_have_the_documented_shapes(config: HRFormerConfig) -> None:
    height, width = config.img_size
    model = create_model(config).eval()
    x = torch.zeros(2, config.in_chans, height, width)
    with torch.inference_mode():
        features, output = model.forward_features(x), model(x)
    quarter = (-(-height // 4), -(-width // 4))
    assert len(features) == (4 if config.fused_outputs == "all" else 1)
    for branch, feature in enumerate(features):
        assert feature.shape[:2] == (2, config.channels[branch])
    assert features[0].shape[2:] == quarter
    expected = {"classification": (), "pose": quarter, "segmentation": (height, width)}[config.task]
    assert output.shape == (2, config.num_classes, *expected)


@pytest.mark.parametrize("rate", [0.0, 0.5, math.nextafter(1, 0)])
def test_no_block_is_always_dropped(rate: float) -> None:
    """Single precision rounds the highest legal rate to 1, and what is kept was divided by zero."""
    model = create_model(replace(SMALL, drop_path_rate=rate, num_blocks=(1, 2, 2, 2)))
    rates = [module.rate for module in model.modules() if isinstance(module, DropPath)]
    assert min(rates) == 0.0
    assert max(rates) == rate < 1
    assert model(torch.randn(2, 3, 64, 64)).isfinite().all()


def test_images_with_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 1, 64, 64\) do not fit.*3"):
        create_model(SMALL)(torch.zeros(1, 1, 64, 64))


def test_dw_conv_off_takes_out_the_convolution_and_its_norm_and_nothing_else() -> None:
    on, off = (set(create_model(replace(SMALL, dw_conv=flag)).state_dict()) for flag in (True, False))
    gone = on - off
    assert off < on
    assert gone
    assert all(".mlp.dw3x3." in key or ".mlp.norm2." in key for key in gone)


def test_without_the_convolution_windows_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    block = create_model(replace(SMALL, dw_conv=False)).eval().stage2[0].branches[0]
    x = torch.randn(1, 4, 14, 14)
    changed = x.clone()
    changed[:, :, :7, :7] += 1
    with torch.no_grad():
        difference = block(changed) - block(x)
    assert difference[:, :, :7, :7].abs().max() > 0
    difference[:, :, :7, :7] = 0
    assert difference.abs().max() == 0


def test_the_bias_that_pose_leaves_out_changes_nothing() -> None:
    model = create_model(replace(SMALL, relative_position_bias=False)).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        before = model(x)
        for name, parameter in model.named_parameters():
            if name.endswith("relative_position_bias_table"):
                parameter.normal_()
        torch.testing.assert_close(model(x), before, rtol=0, atol=0)


def test_windows_are_cut_with_centred_padding_and_put_back() -> None:
    grid = WindowGrid(height=5, width=9, size=4)
    assert (grid.rows, grid.columns, grid.top, grid.left) == (2, 3, 1, 1)
    x = torch.arange(1, 46).float().view(1, 5, 9, 1)
    windows = window_partition(x, grid)
    assert windows.shape == (6, 16, 1)
    first = windows[0].view(4, 4)
    assert first[0].eq(0).all()
    assert first[:, 0].eq(0).all()
    assert first[1, 1] == 1
    assert first[2, 3] == 12  # row 1, column 2 of the map
    torch.testing.assert_close(window_reverse(windows, grid), x)


def test_drop_path_rates_rise_linearly_over_blocks_and_are_the_same_in_all_branches() -> None:
    model = create_model(preset("small", "pose"))
    modules = [module for stage in (model.stage2, model.stage3, model.stage4) for module in stage]
    per_branch = [
        [
            block.drop_path.rate
            for module in modules
            if branch < len(module.branches)
            for block in module.branches[branch]
        ]
        for branch in range(4)
    ]
    assert per_branch[0] == pytest.approx([0.1 * index / 13 for index in range(14)])
    assert per_branch[3] == per_branch[0][-4:]


def test_drop_path_keeps_the_mean_in_training_and_everything_in_inference() -> None:
    torch.manual_seed(0)
    x = torch.ones(20_000, 1)
    layer = DropPath(0.25)
    dropped = layer(x)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)
    assert layer.eval()(x) is x


@pytest.mark.parametrize("task", ["classification", "pose", "segmentation"])
def test_gradients_reach_all_used_parameters(task: str) -> None:
    torch.manual_seed(0)
    model = create_model(tiny(task, num_classes=3))
    model(torch.randn(2, 3, 64, 64)).square().sum().backward()
    unused = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    # The published pose network keeps tables that it does not add; they ask for no gradient.
    assert unused == [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    assert all(task == "pose" and name.endswith("relative_position_bias_table") for name in unused)


@pytest.mark.parametrize("task", TASKS)
def test_a_preset_is_built_by_its_name(task: str) -> None:
    with torch.device("meta"):
        model = create_model("small", task, in_chans=6)
    assert model.config == preset("small", task, in_chans=6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("smal",), r"preset = 'smal' is not known: use one of tiny, small, base\."),
        ((None,), r"None is no variant: use an HRFormerConfig or one of tiny, small, base\."),
        ((SMALL, "pose"), r"use dataclasses\.replace"),
    ],
)
def test_what_is_no_variant_is_one_sentence(arguments: tuple, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        create_model(*arguments)


def test_no_classes_leave_the_pooled_features_that_a_classifier_reads() -> None:
    model = create_model(SMALL).eval()
    bare = create_model(replace(SMALL, num_classes=0)).eval()
    bare.load_state_dict({key: value for key, value in model.state_dict().items() if ".classifier." not in key})
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        features = bare(x)
        torch.testing.assert_close(model.head.classifier(features), model(x))
    assert features.shape == (2, 2048)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("size", [(1, 1), (2, 16), (16, 16), (31, 5)])
def test_pictures_of_a_few_pixels_go_through(task: str, size: tuple[int, int]) -> None:
    fields = {"channels": SMALL.channels, "num_heads": SMALL.num_heads, "num_modules": (1,) * 4, "num_blocks": (1,) * 4}
    config = preset("tiny", task, num_classes=3, in_chans=6, img_size=size, **fields)
    with torch.inference_mode():
        output = create_model(config).eval()(torch.randn(2, 6, *size))
    assert output.shape[:2] == (2, 3)
    assert output.isfinite().all()
