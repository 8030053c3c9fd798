"""Every engine of this machine gives the model's values; the others say in one sentence why they do not run."""

from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn

from explorer.engines.cuda_graph import CudaGraph
from explorer.engines.engine import Engine, EngineError
from explorer.engines.export import export_onnx
from explorer.engines.export_limits import missing_packages
from explorer.engines.pytorch import OptimisedEager
from explorer.engines.registry import ENGINES, engine_by_name
from hrformer import TASKS, create_model
from tests.hrformer.parity import images, model_with_statistics, relative_error, small

#: Compiling takes minutes on two cores; the bench measures it.
QUICK = [engine for engine in ENGINES if engine.name != "torch.compile"]
needs_onnx = pytest.mark.skipif(missing_packages() is not None, reason="the engines' packages are not installed")


def prepared(engine: Engine, model: nn.Module, x: Tensor):
    if engine.available() is not None:
        pytest.skip(engine.available())
    return engine.prepare(model, x)


@pytest.mark.parametrize("engine", QUICK, ids=lambda engine: engine.name)
def test_an_engine_gives_the_models_values_for_another_batch_too(engine: Engine) -> None:
    config = small(img_size=(64, 40))
    model = model_with_statistics(config)
    run = prepared(engine, model, images(config, 2))
    for batch_size in (1, 3):
        x = images(config, batch_size)
        with torch.inference_mode():
            assert relative_error(run(x), model(x)) < 1e-4


def test_openvino_keeps_images_apart_that_run_at_once() -> None:
    config = small(img_size=(64, 40))
    model = model_with_statistics(config)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run = prepared(engine_by_name("OpenVINO"), model, images(config, 2))
        for batch_size in (2, 7):
            x = images(config, batch_size)
            with torch.inference_mode():
                for ours, plain in zip(run(x), model(x), strict=True):
                    assert relative_error(ours, plain) < 1e-4
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("name", ["eager", "ONNX Runtime", "OpenVINO"])
def test_timm_models_run_as_well(name: str) -> None:
    model = timm.create_model("test_vit", num_classes=5).eval()
    x = torch.randn(2, *model.pretrained_cfg["input_size"], generator=torch.Generator().manual_seed(0))
    run = prepared(engine_by_name(name), model, x)
    with torch.inference_mode():
        assert relative_error(run(x), model(x)) < 1e-4


@needs_onnx
@pytest.mark.parametrize("task", TASKS)
def test_export_writes_one_checked_file_for_every_task(task: str, tmp_path: Path) -> None:
    model = model_with_statistics(small(task, dw_conv=task != "pose"))
    path = tmp_path / "variant.onnx"
    assert export_onnx(model, path, (70, 45)) < 1e-4
    assert [entry.name for entry in tmp_path.iterdir()] == ["variant.onnx"]


def test_an_engine_says_in_one_sentence_that_it_cannot_run_a_model() -> None:
    with pytest.raises(EngineError, match=r"HRFormer only, not Linear\.$"):
        OptimisedEager().prepare(nn.Linear(2, 2), torch.zeros(1, 2))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_an_engine_that_is_not_there_says_so_when_it_is_used() -> None:
    assert CudaGraph().available() == "CUDA graphs need an NVIDIA card, and there is none."
    with pytest.raises(EngineError, match="NVIDIA card"):
        CudaGraph().prepare(create_model(small()), images(small()))


@needs_onnx
def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        "explorer.engines.export_limits.find_spec", lambda name: None if name == "onnxscript" else object()
    )
    with pytest.raises(ValueError, match=r"^onnxscript not installed: run pip install"):
        export_onnx(create_model(small()), tmp_path / "x.onnx", (64, 64))
    assert list(tmp_path.iterdir()) == []


def test_names_are_unique_and_found() -> None:
    assert all(engine_by_name(engine.name) is engine for engine in ENGINES)
    with pytest.raises(ValueError, match="There is no engine 'abacus'"):
        engine_by_name("abacus")
