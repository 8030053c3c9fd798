"""The model against outputs of the authors' code and of mmpose's."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from hrformer import HRFormer, create_model, load_checkpoint, load_official_state_dict, preset
from tests.official import (
    CASES,
    MMPOSE,
    MMPOSE_CASES,
    REFERENCE,
    case_input,
    mmpose_state_dict,
    official_state_dict,
)

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


def released_before_1(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {re.sub(r"^head\.", "keypoint_head.", key): value for key, value in weights.items()}


def renamed_by_hand(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Under the authors' names, the fused projection taken apart, in the order of the file."""
    renamed = {}
    for key, value in weights.items():
        named = key.replace("attn.proj.", "attn.out_proj.").replace(".ffn.", ".mlp.").removeprefix("backbone.")
        named = re.sub(r"^head\.", "keypoint_head.", named)
        if ".qkv." in key:
            for letter, part in zip("qkv", value.chunk(3), strict=True):
                renamed[named.replace("qkv", f"{letter}_proj")] = part
        else:
            renamed[named] = value
    return renamed


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("mmpose_small_256x192", dict),
        ("mmpose_small_256x192", released_before_1),
        ("mmpose_small_256x192", renamed_by_hand),
        ("mmpose_base_256x192", dict),
    ],
)
def test_files_of_mmpose_bring_their_variant_and_give_its_outputs(name: str, form, tmp_path: Path) -> None:
    reference = np.load(MMPOSE / f"{name}.npz")
    torch.save({"meta": {"epoch": 210}, "state_dict": form(mmpose_state_dict(name))}, tmp_path / "mmpose.pth")
    model = load_checkpoint(tmp_path / "mmpose.pth").eval()
    size = MMPOSE_CASES[name]["size"]
    assert model.config == preset(size, "pose", relative_position_bias=True, drop_path_rate=0.0)
    with torch.inference_mode():
        features = model.forward_features(case_input(name))
        heat_maps = model.head(features, (256, 192))
    assert features[0].shape == tuple(reference["branch0_shape"])
    assert relative_error(features[0].mean(1), reference["branch0_channel_mean"]) < TOLERANCE
    assert relative_error(features[0].mean((2, 3)), reference["branch0_spatial_mean"]) < TOLERANCE
    assert relative_error(heat_maps, reference["heatmaps"]) < TOLERANCE


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
