"""What models cost, held to timm's own tables and to PyTorch's counter."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from explorer.models.counting import build_meta_model, meta_images, model_cost
from explorer.models.model_ref import model_by_name, variant
from tests.explorer.models.examples import TINY


@pytest.mark.parametrize(
    ("name", "params_m", "gmacs"),
    # timm's own results table (results/model_metadata-in1k.csv, benchmark-infer-*.csv): parameters and GMACs.
    [("deit_tiny_patch16_224", 5.72, 1.26), ("hrnet_w18", 21.30, 4.32), ("resnet18", 11.69, 1.82)],
)
def test_timm_models_cost_what_timm_publishes(name, params_m, gmacs):
    cost = model_cost(model_by_name(name), (224, 224))
    assert cost.params / 1e6 == pytest.approx(params_m, abs=0.01)
    # fvcore counts norms, too: up to 1 % more.
    assert cost.macs / 1e9 == pytest.approx(gmacs, rel=0.011)
    assert cost.flops_published is None


@pytest.mark.parametrize(
    ("name", "size", "params_m", "gmacs"),
    # timm's own results table (results/model_metadata-in1k.csv, benchmark-infer-*.csv): parameters and GMACs.
    [("cait_xxs24_224", 224, 11.96, 2.53), ("pit_ti_224", 224, 4.85, 0.70), ("pit_s_distilled_224", 224, 24.04, 2.90)],
)
def test_models_that_hand_a_learned_token_to_a_layer_are_counted(name, size, params_m, gmacs):
    cost = model_cost(model_by_name(name), (size, size))
    assert cost.params / 1e6 == pytest.approx(params_m, abs=0.01)
    assert cost.macs / 1e9 == pytest.approx(gmacs, rel=0.02)
    assert 0 < cost.product_macs < cost.macs


@pytest.mark.parametrize("name", ["vit_base_patch16_siglip_224", "naflexvit_base_patch16_siglip"])
def test_siglip_with_and_without_flexible_sizes_is_counted(name):
    ref = model_by_name(name)
    tokens = (ref.default_img_size[0] // 16) ** 2
    cost = model_cost(ref, ref.default_img_size)
    # Twelve blocks of width 768: four projections and an FFN of ratio four, each 4 or 8 times 768 squared a token.
    blocks = 12 * tokens * 12 * 768**2
    products = 12 * 2 * tokens**2 * 768
    assert cost.macs == pytest.approx(blocks + products, rel=0.03)  # patches and pooling beside
    assert cost.product_macs == pytest.approx(products, rel=0.03)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (RuntimeError("no such operator\nat line 3"), "no such operator"),
        (IndexError("far"), "far"),
        (KeyError(), "KeyError"),
    ],
)
def test_what_cannot_be_counted_at_its_own_size_gives_the_true_reason(error, cause, monkeypatch):
    class Failing(torch.nn.Module):
        def forward(self, images):
            raise error

    monkeypatch.setattr("timm.create_model", lambda name, **options: Failing())
    model_cost.cache_clear()
    with pytest.raises(
        ValueError, match=r"^resnet10t can't be run with images of 176x176 pixels, .* made for: " + cause
    ):
        model_cost(model_by_name("resnet10t"), model_by_name("resnet10t").default_img_size)
    with pytest.raises(ValueError, match=rf"^resnet10t can't take images of 64x64 pixels \({cause}\): use 176x176"):
        model_cost(model_by_name("resnet10t"), (64, 64))
    model_cost.cache_clear()


def test_a_variant_costs_what_the_flop_counter_counts():
    ref = variant(TINY)
    model = build_meta_model(ref, (64, 96))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(meta_images(ref, (64, 96)))
    cost = model_cost(ref, (64, 96))
    assert 2 * cost.macs == counter.get_total_flops()
    assert cost.params == sum(parameter.numel() for parameter in model.parameters())
    assert cost.flops_published > cost.macs


def test_a_size_that_a_model_does_not_take_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"deit_tiny_patch16_224 can't take images of 8x8 pixels .*: use 224x224"):
        model_cost(model_by_name("deit_tiny_patch16_224"), (8, 8))
