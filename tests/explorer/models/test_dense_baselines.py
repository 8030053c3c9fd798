"""Dense baselines cost what their papers print, and give maps of the right shapes."""

import pytest
import torch

from explorer.benchmark.parts import part_of
from explorer.cost.conventions import (
    FLOPS,
    HRFORMER,
    HRNET,
    MACS,
)
from explorer.models.catalogue import DENSE_BASELINES
from explorer.models.counting import build_meta_model, meta_images, model_cost
from explorer.models.model_ref import ModelRef, build_model, model_by_name, variant
from hrformer import preset


@pytest.mark.parametrize(
    ("name", "img_size", "params_m", "gflops"),
    # github.com/leoxiaobin/deep-high-resolution-net.pytorch README, COCO val2017.
    [
        ("hrnet_w32_pose", (256, 192), 28.5, 7.1),
        ("hrnet_w32_pose", (384, 288), 28.5, 16.0),
        ("hrnet_w48_pose", (256, 192), 63.6, 14.6),
        ("hrnet_w48_pose", (384, 288), 63.6, 32.9),
    ],
)
def test_hrnet_pose_costs_what_its_authors_print(name, img_size, params_m, gflops):
    cost = model_cost(model_by_name(name), img_size)
    assert round(cost.params / 1e6, 1) == params_m
    assert round(cost.work.amount(HRNET).giga, 1) == gflops


def test_with_all_rows_of_the_last_fusion_hrnet_pose_would_cost_more():
    pose = build_meta_model(model_by_name("hrnet_w48_pose"), (256, 192))
    assert len(pose.backbone.stage4[-1].fuse_layers) == 1
    assert len(pose.backbone.stage4[-2].fuse_layers) == 4


def test_hrnet_ocr_is_the_backbone_under_ocr_as_in_the_authors_code():
    ocr = build_meta_model(model_by_name("hrnet_w48_ocr"), (64, 64))
    backbone, head = (sum(p.numel() for p in part.parameters()) for part in (ocr.backbone, ocr.head))
    # HRNet-W48's trunk with all rows, and OCR's published widths on 720 channels (arXiv 1909.11065).
    assert backbone == 65_325_953 - (48 + 1) * 17  # the pose network with all rows, without its head
    assert model_cost(model_by_name("hrnet_w48_ocr"), (512, 512)).params == backbone + head
    assert backbone + head == 74_522_182  # github.com/HRNet/HRFormer, seg/, 19 classes; its auxiliary head is 720 wide


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("hrnet_w32_pose", (1, 17, 16, 24)),
        ("hrnet_w32_ocr", (1, 19, 64, 96)),
        ("swin_tiny_pose", (1, 17, 16, 24)),
    ],
)
def test_they_run_at_another_size(name, shape):
    model = build_model(model_by_name(name), (64, 96))
    assert not model.training
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, 64, 96)).shape == shape


@pytest.mark.parametrize("name", DENSE_BASELINES)
def test_each_has_a_size_of_its_own_and_survives_a_round_trip(name):
    ref = model_by_name(name)
    assert ref.default_img_size == ((512, 512) if name.endswith("ocr") else (256, 192))
    assert ref.in_chans == 3
    assert ModelRef.from_dict(ref.to_dict()) == ref
    assert ref.settings((64, 64))["model"] == name


def test_there_are_no_weights_to_fetch():
    with pytest.raises(ValueError, match="hrnet_w48_pose has no weights to fetch"):
        model_by_name("hrnet_w48_pose", pretrained=True)


def test_the_products_inside_attention_are_counted_apart_alike_for_both_ways_of_counting():
    ref = variant(preset("tiny"))
    closed = model_cost(ref, (224, 224))
    counted = model_cost(model_by_name("deit_tiny_patch16_224"), (224, 224))
    # DeiT-Ti by hand: 12 blocks, 197 tokens, 192 channels, query-key and attention-value.
    assert counted.product_macs == 12 * 2 * 197 * 197 * 192
    assert closed.work.amount(MACS).giga * 1e9 == pytest.approx(closed.macs)
    assert closed.work.amount(FLOPS).giga == 2 * closed.work.amount(MACS).giga
    assert closed.work.amount(HRFORMER).giga == pytest.approx(1.83, abs=0.005)  # the paper's table
    assert counted.work.amount(HRFORMER) is None


def test_the_profile_knows_the_parts_of_a_baseline():
    assert part_of("backbone.stage3.0.branches.1.0", is_hrformer=False) == part_of(
        "stage3.0.branches.1.0", is_hrformer=False
    )
    assert part_of("head", is_hrformer=False).stage == "head"


def test_a_baseline_can_be_fed_on_the_meta_device():
    ref = model_by_name("hrnet_w32_pose")
    assert build_meta_model(ref, (64, 64))(meta_images(ref, (64, 64), 2)).shape == (2, 17, 16, 16)
