"""The authors' outputs again, under the engines that run an exported file: the small cases, exported once for all."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explorer.engines import export
from explorer.engines.export import export_onnx
from explorer.engines.export_limits import missing_packages
from explorer.engines.registry import engine_by_name
from hrformer import HRFormer, create_model, load_official_state_dict, optimize_for_inference, preset
from tests.official import CASES, REFERENCE, case_input, official_state_dict

#: One of each kind of output; `tests/hrformer/test_optimize.py` runs all cases in the optimised form.
SMALL = ("classification_tiny_224x224", "segmentation_small_104x136")
TOLERANCE = 1e-4


class BranchMeans(nn.Module):
    """What the reference keeps of the branches, as one tensor, of the form that engines run: (B, all maps' pixels)."""

    def __init__(self, model: HRFormer) -> None:
        super().__init__()
        self.optimised = optimize_for_inference(model, packed=False)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([feature.mean(1).flatten(1) for feature in self.optimised.forward_features(images)], 1)


def reference_model(name: str) -> HRFormer:
    case = CASES[name]
    model = create_model(preset(case["size"], case["task"], window_sizes=(case["window"],) * 4))
    load_official_state_dict(model, official_state_dict(name), strict=case["task"] == "classification")
    return model.eval()


def case_model(name: str) -> nn.Module:
    """The model where the reference has its output, else its branches' means."""
    model = reference_model(name)
    return model if CASES[name]["task"] == "classification" else BranchMeans(model)


def expected(name: str) -> np.ndarray:
    reference = np.load(REFERENCE / f"{name}.npz")
    if "logits" in reference.files:
        return reference["logits"]
    means = [reference[f"branch{branch}_channel_mean"] for branch in range(4)]
    return np.concatenate([mean.reshape(len(mean), -1) for mean in means], axis=1)


@pytest.fixture(scope="module", params=SMALL)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A case and its exported file."""
    if missing_packages() is not None:
        pytest.skip(missing_packages())
    path = tmp_path_factory.mktemp("exported") / "case.onnx"
    export_onnx(case_model(request.param), path, tuple(CASES[request.param]["input_shape"][2:]))
    return request.param, path


@pytest.mark.parametrize("engine_name", ["ONNX Runtime", "OpenVINO", "ONNX Runtime CUDA", "ONNX Runtime TensorRT"])
def test_an_engine_gives_the_authors_outputs(
    case: tuple[str, Path], engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, path = case
    engine = engine_by_name(engine_name)
    if engine.available() is not None:
        pytest.skip(engine.available())
    monkeypatch.setattr(export, "export_onnx", lambda model, target, size: shutil.copy(path, target))
    images = case_input(name).to("cuda" if engine_name.startswith("ONNX Runtime ") else "cpu")
    output = engine.prepare(case_model(name).to(images.device), images)(images)
    reference = expected(name)
    assert output.shape == reference.shape
    assert np.linalg.norm(output.cpu().numpy() - reference) / np.linalg.norm(reference) < TOLERANCE
