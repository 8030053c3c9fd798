"""The model against outputs of the authors' code."""

import numpy as np
import pytest
import torch

from hrformer import HRFormer, create_model, load_official_state_dict, preset
from tests.official import CASES, REFERENCE, case_input, official_state_dict

TOLERANCE = 1e-4


def load_case(name: str) -> HRFormer:
    case = CASES[name]
    model = create_model(preset(case["size"], case["task"], window_sizes=(case["window"],) * 4)).eval()
    load_official_state_dict(model, official_state_dict(name), strict=case["task"] == "classification")
    return model


def relative_error(ours: torch.Tensor, reference: np.ndarray) -> float:
    return float(np.linalg.norm(ours.numpy() - reference) / np.linalg.norm(reference))


@pytest.mark.parametrize("name", CASES)
def test_outputs_equal_the_authors(name: str) -> None:
    model, x, reference = load_case(name), case_input(name), np.load(REFERENCE / f"{name}.npz")
    with torch.inference_mode():
        features = model.forward_features(x)
        logits = model.head(features, x.shape[-2:])
    assert len(features) == sum(key.endswith("_shape") for key in reference.files)
    for branch, feature in enumerate(features):
        assert feature.shape == tuple(reference[f"branch{branch}_shape"])
        assert relative_error(feature.mean(1), reference[f"branch{branch}_channel_mean"]) < TOLERANCE
        assert relative_error(feature.mean((2, 3)), reference[f"branch{branch}_spatial_mean"]) < TOLERANCE
        rms = feature.square().mean((2, 3)).sqrt()
        assert relative_error(rms, reference[f"branch{branch}_spatial_rms"]) < TOLERANCE
    if "logits" in reference.files:
        assert relative_error(logits, reference["logits"]) < TOLERANCE


@pytest.mark.parametrize("name", CASES)
def test_backbones_have_the_published_parameters(name: str) -> None:
    case = CASES[name]
    with torch.device("meta"):
        model = create_model(preset(case["size"], case["task"], window_sizes=(case["window"],) * 4))
    counted = model if case["task"] == "classification" else None
    params = sum(
        parameter.numel()
        for key, parameter in model.named_parameters()
        if counted is not None or not key.startswith("head.")
    )
    assert params == case["params"]
