"""Models named with what runs them."""

import pytest

from explorer.models.labels import engine_label, model_label


@pytest.mark.parametrize(
    ("engine", "mode", "label", "model"),
    [
        ("eager", "eager", "eager", "HRFormer-T"),
        ("ONNX Runtime", "eager", "ONNX Runtime", "HRFormer-T · ONNX Runtime"),
        ("torch.compile", "default", "torch.compile", "HRFormer-T · torch.compile"),
        (
            "torch.compile",
            "max-autotune",
            "torch.compile, max-autotune",
            "HRFormer-T · torch.compile, max-autotune",
        ),
    ],
)
def test_an_engine_is_named_unless_it_is_eager(engine: str, mode: str, label: str, model: str) -> None:
    assert engine_label(engine, mode) == label
    assert model_label("HRFormer-T", engine, mode) == model
