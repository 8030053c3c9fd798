"""Traces and exports: of free or of fixed size, they give the model's own values."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.export import Dim

from hrformer import TASKS, HRFormer, create_model, optimize_for_inference
from hrformer.free_sizes import cropped, flattened, may_differ, unflattened
from tests.variants import tiny

FREE = ({0: Dim("batch"), 2: Dim("height", min=64, max=512), 3: Dim("width", min=64, max=512)},)
#: Sizes that windows, strides and fusions do not divide, and one that they do.
SIZES = [(1, 70, 131), (3, 64, 96), (2, 224, 224)]
#: The file's largest difference from the model, over the model's largest value.
TOLERANCE = 1e-4


def small(task: str = "classification", **changes: object) -> HRFormer:
    torch.manual_seed(0)
    return create_model(tiny(task, **changes)).eval()


def example() -> Tensor:
    return torch.randn(2, 3, 224, 160)


def assert_same(run: Callable[[Tensor], Tensor], model: HRFormer, sizes: list[tuple[int, int, int]]) -> None:
    for batch, height, width in sizes:
        x = torch.randn(batch, 3, height, width)
        with torch.no_grad():
            expected, actual = model(x), run(x)
        assert actual.shape == expected.shape
        assert (actual - expected).abs().max() <= TOLERANCE * expected.abs().max()


def in_onnx_runtime(path: Path) -> Callable[[Tensor], Tensor]:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (name,) = [given.name for given in session.get_inputs()]
    return lambda x: torch.from_numpy(np.asarray(session.run(None, {name: x.numpy()})[0]))


@pytest.mark.parametrize("task", TASKS)
def test_an_export_takes_any_size(task: str) -> None:
    model = small(task)
    exported = torch.export.export(model, (example(),), dynamic_shapes=FREE)
    assert_same(exported.module(), model, SIZES)


def test_an_onnx_file_takes_any_size(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    model, path = small(), tmp_path / "free.onnx"
    torch.onnx.export(model, (example(),), path, dynamo=True, dynamic_shapes=FREE, verbose=False)
    assert_same(in_onnx_runtime(path), model, SIZES)


def test_an_onnx_file_is_written_while_gradients_are_on(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    model, path = small(), tmp_path / "fixed.onnx"
    assert torch.is_grad_enabled()
    torch.onnx.export(model, (torch.randn(2, 3, 64, 64),), path, dynamo=True, verbose=False)
    assert_same(in_onnx_runtime(path), model, [(2, 64, 64)])


@pytest.mark.parametrize("task", TASKS)
def test_the_torchscript_exporters_file_runs(task: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    model, path = small(task), tmp_path / "script.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and says what it traces
        torch.onnx.export(model, (torch.randn(2, 3, 64, 64),), path, dynamo=False)
    assert_same(in_onnx_runtime(path), model, [(2, 64, 64)])


@pytest.mark.parametrize("task", TASKS)
def test_symbolic_traces_take_any_size(task: str) -> None:
    model = small(task)
    assert_same(torch.fx.symbolic_trace(model), model, SIZES)


def test_the_optimised_form_can_be_traced() -> None:
    model = small()
    assert_same(torch.fx.symbolic_trace(optimize_for_inference(model, packed=False)), model, SIZES)


def test_torchvision_takes_features_out() -> None:
    extraction = pytest.importorskip("torchvision.models.feature_extraction")
    model, x = small("segmentation", drop_path_rate=0.1), torch.randn(2, 3, 64, 64)
    nodes = {f"stage4.0.fuse_layers.{branch}": str(branch) for branch in range(4)}
    extractor = extraction.create_feature_extractor(model, nodes)
    with torch.no_grad():
        features = extractor.eval()(x)
        for branch, expected in enumerate(model.forward_features(x)):
            torch.testing.assert_close(features[str(branch)], expected, rtol=0, atol=0)
        assert extractor.train()(x).keys() == features.keys()


def test_sizes_that_are_known_take_views() -> None:
    x = torch.randn(2, 3, 4, 5)
    assert flattened(x).data_ptr() == unflattened(flattened(x), (4, 5)).data_ptr() == x.data_ptr()
    assert torch.equal(flattened(x), x.flatten(2))
    assert cropped(x, 3, 1, 2).data_ptr() == x[..., 1:].data_ptr()
    assert torch.equal(cropped(x, 3, 1, 2), x[..., 1:3])
    assert may_differ((4, 5), (4, 6))
    assert not may_differ((4, 5), (4, 5))
