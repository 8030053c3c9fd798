"""NaN and infinity are traced to the layer and the weight where they start."""

from __future__ import annotations

import pytest
import torch

from explorer.inspection.finite import explain_non_finite, first_non_finite_layer, first_non_finite_parameter
from hrformer import HRFormer, create_model
from tests.variants import tiny


def build() -> HRFormer:
    torch.manual_seed(0)
    config = tiny(num_blocks=(2,) * 4, num_classes=5)
    return create_model(config).eval()


PICTURE = torch.randn(1, 3, 32, 32)


def hooks_left(model: HRFormer) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def test_finite_weights_give_no_message() -> None:
    model = build()
    assert first_non_finite_layer(model, PICTURE) is None
    assert first_non_finite_parameter(model) is None
    assert explain_non_finite(model, PICTURE) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "layer", ["conv1", "stage2.0.branches.1.0.attn.q_proj", "stage4.0.fuse_layers.0.3.0", "head.classifier"]
)
def test_the_layer_and_its_weight_are_named(layer: str, value: float) -> None:
    model = build()
    with torch.no_grad():
        model.get_submodule(layer).weight.view(-1)[0] = value
    assert first_non_finite_layer(model, PICTURE) == layer
    assert first_non_finite_parameter(model) == f"{layer}.weight"
    message = explain_non_finite(model, PICTURE)
    assert message is not None
    assert layer in message
    assert hooks_left(model) == 0


def test_finite_weights_that_overflow_name_the_layer_alone() -> None:
    model = build()
    with torch.no_grad():
        model.get_submodule("conv1").weight.fill_(1e30)
        model.get_submodule("bn1").weight.fill_(1e30)
    assert first_non_finite_parameter(model) is None
    message = explain_non_finite(model, PICTURE)
    assert message is not None
    assert "bn1 is the first layer" in message


def test_a_broken_norm_statistic_counts_as_a_weight() -> None:
    model = build()
    with torch.no_grad():
        model.get_buffer("bn2.running_var")[3] = float("nan")
    assert first_non_finite_parameter(model) == "bn2.running_var"
    assert first_non_finite_layer(model, PICTURE) == "bn2"


def test_a_broken_picture_is_not_blamed_on_the_weights() -> None:
    message = explain_non_finite(build(), torch.full_like(PICTURE, float("nan")))
    assert message == "The picture itself holds NaN or infinite values."


def test_no_hook_survives_an_error() -> None:
    model = build()
    with pytest.raises(ValueError, match="do not fit"):
        first_non_finite_layer(model, PICTURE[:, :2])
    assert hooks_left(model) == 0
