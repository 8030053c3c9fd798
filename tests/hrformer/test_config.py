"""Variants are legal by construction, and every refusal says what would work."""

import json

import pytest
from hypothesis import given, settings

from hrformer import PRESETS, TASKS, HRFormerConfig, preset
from tests.variants import tiny_variants


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"channels": (18, 37, 72, 144)}, ["channels[1] = 37", "num_heads[1] = 2", "nearest legal value is 36"]),
        ({"window_sizes": (7, 7, 0, 7)}, ["window_sizes[2] = 0", "nearest legal value is 1"]),
        ({"window_sizes": (7, 7, 7)}, ["window_sizes", "4 numbers"]),
        ({"num_modules": (1, 1, 99, 1)}, ["num_modules[2] = 99", "64"]),
        ({"num_blocks": (2, 2, 2.5, 2)}, ["num_blocks[2] = 2.5", "whole number"]),
        ({"num_blocks": (2, 2, True, 2)}, ["num_blocks[2] = True", "whole number"]),
        ({"mlp_ratios": (4, 4, 0, 4)}, ["mlp_ratios[2] = 0"]),
        ({"mlp_ratios": (4, 4, float("nan"), 4)}, ["mlp_ratios[2] = nan"]),
        ({"img_size": (0, 224)}, ["img_size[0] = 0", "nearest legal value is 1"]),
        ({"img_size": 224}, ["img_size = 224", "2 numbers"]),
        ({"in_chans": 1025}, ["in_chans = 1025", "nearest legal value is 1024"]),
        ({"task": "pose", "num_classes": 0}, ["num_classes = 0", "'pose'", "at least 1", "`forward_features`"]),
        ({"drop_path_rate": 1.0}, ["drop_path_rate = 1.0"]),
        ({"dw_conv": 1}, ["dw_conv = 1", "true or false"]),
        ({"dw_kernel_size": 5}, ["dw_kernel_size = 5", "use 3, as published, or 1"]),
        ({"dw_kernel_size": 2}, ["dw_kernel_size = 2", "use 3, as published, or 1"]),
        ({"dw_kernel_size": True}, ["dw_kernel_size = True", "use 3, as published, or 1"]),
        ({"multi_scale_fusion": "no"}, ["multi_scale_fusion = 'no'", "true or false"]),
        ({"segmentation_head": "unet"}, ["segmentation_head = 'unet'", "ocr, fcn"]),
        ({"fusion_upsample": "cubic"}, ["fusion_upsample = 'cubic'", "nearest, bilinear"]),
        ({"windows": 7}, ["Unknown field windows"]),
        (
            {"fused_outputs": "highest"},
            ["fused_outputs = 'highest'", "'classification'", "nearest legal value is 'all'"],
        ),
        (
            {"task": "segmentation", "fused_outputs": "highest", "segmentation_head": "fcn"},
            ["fused_outputs = 'highest'", "'segmentation'", "nearest legal value is 'all'"],
        ),
        (
            {"task": "classification", "fused_outputs": "highest", "multi_scale_fusion": False},
            ["fused_outputs = 'highest'", "nearest legal value is 'all'"],
        ),
        ({"channels": (8192, 36, 72, 144), "num_heads": (3, 2, 4, 8)}, ["nearest legal value is 8190 channels"]),
        ({"channels": (1, 36, 72, 144), "num_heads": (512, 2, 4, 8)}, ["nearest legal value is 512 channels"]),
        ({"mlp_ratios": (4, 4, 4, 1 / 512)}, ["mlp_ratios[3] = 0.00195312", "nearest legal value is 0.00694444"]),
    ],
)
def test_an_illegal_variant_says_what_is_wrong_and_what_would_work(overrides: dict, words: list[str]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are checked below
        preset("tiny", **overrides)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("task", TASKS)
def test_only_the_pose_head_reads_the_highest_resolution_alone(task: str) -> None:
    assert preset("tiny", task, fused_outputs="all").fused_outputs == "all"
    assert preset("tiny", "pose").fused_outputs == "highest"
    values = preset("tiny", task).to_dict() | {"fused_outputs": "highest"}
    if task == "pose":
        assert HRFormerConfig.from_dict(values).fused_outputs == "highest"
    else:
        with pytest.raises(ValueError, match="only the pose head"):
            HRFormerConfig.from_dict(values)


@pytest.mark.parametrize("arguments", [("huge",), ("tiny", "detection")])
def test_unknown_presets_and_tasks_are_named(arguments: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="use one of"):
        preset(*arguments)


@given(tiny_variants())
@settings(max_examples=50, deadline=None)
def test_a_variant_survives_json(config: HRFormerConfig) -> None:
    again = HRFormerConfig.from_dict(json.loads(config.to_json()))
    assert again == config
    assert hash(again) == hash(config)
    assert again.config_id == config.config_id


def test_every_preset_has_its_own_id() -> None:
    ids = {preset(name, task).config_id for name in PRESETS for task in TASKS}
    assert len(ids) == len(PRESETS) * len(TASKS)


def test_ids_stay_what_they_were_before_fields_were_added() -> None:
    assert preset("tiny").config_id == "f16f9af18a08"
    assert preset("base", "pose").config_id == "651786c02f84"
    assert preset("tiny", multi_scale_fusion=False).config_id != preset("tiny").config_id


def test_integers_and_floats_of_the_same_ratio_are_one_variant() -> None:
    assert preset("tiny", mlp_ratios=(4, 4, 4, 4)).config_id == preset("tiny").config_id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values | {"colour": "red"}, "Unknown key colour"),
        (lambda values: {key: value for key, value in values.items() if key != "channels"}, "Missing key channels"),
        (lambda values: [values], "JSON object"),
    ],
)
def test_json_with_other_keys_is_refused(change, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        HRFormerConfig.from_dict(change(preset("tiny").to_dict()))
