"""The optimised form computes the model's own function: every task, size and variant, packed or not."""

import copy
import os
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hrformer import (
    TASKS,
    HRFormer,
    HRFormerConfig,
    create_model,
    load_official_state_dict,
    optimize_for_inference,
    preset,
)
from tests.hrformer.parity import images, model_with_statistics, relative_error, small
from tests.official import CASES, REFERENCE, case_input, official_state_dict
from tests.variants import tiny_variants

TOLERANCE = 1e-5
#: The same in double precision.
EXACT = 1e-9
#: A sample in the suite; PARITY_VARIANTS=200 for a thorough run.
VARIANTS = int(os.environ.get("PARITY_VARIANTS", "6"))
FORMS = [
    pytest.param({"packed": False}, id="plain"),
    pytest.param({"packed": False, "fused_qkv": False}, id="for export"),
    pytest.param(
        {"packed": True},
        id="packed",
        marks=pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="no oneDNN"),
    ),
]


def outputs(model: HRFormer, x: Tensor) -> list[Tensor]:
    return [model(x), *model.forward_features(x)]


@torch.no_grad()
def assert_same_function(model: HRFormer, x: Tensor, form: dict[str, bool]) -> None:
    """Within `TOLERANCE` of the model; and in double precision the same, where the form has one.

    Layer norm over two or three channels can amplify rounding beyond the tolerance. There the two may differ by ten
    times what the model itself is off from its value in double precision.
    """
    amplified = 10 if min(model.config.channels) <= 3 else 0
    exact_model = copy.deepcopy(model).double()
    exact = outputs(exact_model, x.double())
    optimised = outputs(optimize_for_inference(model, **form), x)
    for ours, plain, true in zip(optimised, outputs(model, x), exact, strict=True):
        assert ours.shape == plain.shape
        assert relative_error(ours, plain) < max(TOLERANCE, amplified * relative_error(plain, true))
    if not form["packed"]:
        optimised = outputs(optimize_for_inference(exact_model, **form), x.double())
        assert all(relative_error(ours, true) < EXACT for ours, true in zip(optimised, exact, strict=True))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("size", [(64, 64), (224, 32), (70, 99), (33, 161)])
def test_every_task_and_size_keeps_its_values(task: str, size: tuple[int, int], form: dict[str, bool]) -> None:
    config = small(task)
    assert_same_function(model_with_statistics(config), images(config, size=size), form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "overrides",
    [
        {"dw_conv": False},
        {"dw_kernel_size": 1},
        {"multi_scale_fusion": False},
        {"segmentation_head": "fcn", "task": "segmentation"},
        {"fusion_upsample": "bilinear", "img_size": (72, 104)},
        {"relative_position_bias": False},
        {"window_sizes": (1, 2, 3, 5)},
        {"fused_outputs": "highest", "task": "pose"},
        {"mlp_ratios": (0.5, 1.5, 4, 2)},
        {"in_chans": 1},
    ],
    ids=str,
)
def test_every_choice_of_a_variant_keeps_its_values(overrides: dict, form: dict[str, bool]) -> None:
    config = small(**overrides)
    assert_same_function(model_with_statistics(config), images(config, 1), form)


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=VARIANTS)
@given(config=tiny_variants(max_side=100), batch_size=st.integers(1, 3), seed=st.integers(0, 9))
def test_any_variant_keeps_its_values(
    form: dict[str, bool], config: HRFormerConfig, batch_size: int, seed: int
) -> None:
    assert_same_function(model_with_statistics(config, seed), images(config, batch_size), form)


@pytest.mark.parametrize("form", FORMS)
def test_no_images_give_an_empty_output(form: dict[str, bool]) -> None:
    config = small()
    assert_same_function(model_with_statistics(config), images(config, batch_size=0), form)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="no oneDNN")
def test_batches_that_go_through_a_branch_in_pieces_keep_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrformer.optimize.PIECE_BYTES", 2 * 24 * 16 * 16 * 4)  # two images at 1/4, more further down
    config = small()
    assert_same_function(model_with_statistics(config), images(config, batch_size=5), {"packed": True})


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="no oneDNN")
@pytest.mark.parametrize("task", TASKS)
def test_a_large_batch_never_goes_through_the_network_at_once(task: str) -> None:
    config = small(task)
    optimised = optimize_for_inference(model_with_statistics(config), packed=True)
    batches: list[int] = []
    optimised.conv1.register_forward_hook(lambda module, inputs, output: batches.append(len(output)))
    x = images(config, batch_size=9)
    with torch.no_grad():
        together = optimised(x)
        apart = torch.cat([optimised(image[None]) for image in x])
    assert max(batches) < 9
    assert relative_error(together, apart) < TOLERANCE


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_reference_cases_hold_in_the_optimised_form(name: str) -> None:
    case = CASES[name]
    model = create_model(preset(case["size"], case["task"], window_sizes=(case["window"],) * 4))
    load_official_state_dict(model, official_state_dict(name), strict=case["task"] == "classification")
    features = optimize_for_inference(model).forward_features(case_input(name))
    reference = np.load(REFERENCE / f"{name}.npz")
    for branch, feature in enumerate(features):
        expected = torch.from_numpy(reference[f"branch{branch}_channel_mean"])
        assert relative_error(feature.mean(1), expected) < 1e-4


def test_the_model_itself_stays_as_it_was() -> None:
    model = model_with_statistics(small()).train()
    before = copy.deepcopy(model.state_dict())
    optimised = optimize_for_inference(model)
    assert model.training
    assert not optimised.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("task", TASKS)
def test_no_norm_is_left_that_a_convolution_could_hold(task: str) -> None:
    optimised = optimize_for_inference(create_model(small(task)))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in optimised.modules())


def test_maps_stay_channels_last_between_the_stages() -> None:
    config = small()
    optimised = optimize_for_inference(create_model(config))
    with torch.no_grad():
        features = optimised.forward_features(images(config))
    assert all(feature.is_contiguous(memory_format=torch.channels_last) for feature in features)


def test_packing_refuses_what_onednn_does_not_run() -> None:
    model = create_model(small()).double()
    with pytest.raises(ValueError, match=r"float32 on a CPU.*packed=False"):
        optimize_for_inference(model, packed=True)
    x = images(small()).double()
    with torch.no_grad():
        assert relative_error(optimize_for_inference(model)(x), model.eval()(x)) < 1e-12


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="no oneDNN")
def test_a_trace_of_the_packed_form_names_the_one_that_can_be_traced() -> None:
    model = model_with_statistics(small())
    with pytest.raises(ValueError, match=r"^The packed form cannot be traced: use .*packed=False\)\.$"):
        torch.fx.symbolic_trace(optimize_for_inference(model, packed=True))
    plain, x = optimize_for_inference(model, packed=False), images(small())
    assert torch.equal(torch.fx.symbolic_trace(plain)(x), plain(x))


def test_wrong_channels_are_refused_as_before() -> None:
    optimised = optimize_for_inference(create_model(small()))
    with pytest.raises(ValueError, match="do not fit"):
        optimised(torch.zeros(1, 4, 64, 64))


def pickled(model: HRFormer) -> HRFormer:
    return pickle.loads(pickle.dumps(model))  # noqa: S301 - its own


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
@torch.no_grad()
def test_a_copy_computes_the_same(copied: Callable[[HRFormer], HRFormer], form: dict[str, bool]) -> None:
    config = small("segmentation")
    optimised = optimize_for_inference(model_with_statistics(config), **form)
    x = images(config)
    assert torch.equal(copied(optimised)(x), optimised(x))
    assert torch.equal(copied(copied(optimised))(x), optimised(x))
