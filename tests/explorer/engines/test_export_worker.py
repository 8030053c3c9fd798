"""What the exporting process does, called in this one, with a stand-in for the exporter."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from explorer.engines import export_worker
from explorer.engines.export_messages import Exported, StepBegun
from explorer.models.weights import random_model
from explorer.processes.messages import Message
from hrformer import HRFormer
from tests.hrformer.parity import model_with_statistics, small

CONFIG = small("pose", img_size=(64, 32))


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[HRFormer]:
    """The models that were handed to the exporter."""
    models: list[HRFormer] = []

    def export(model: HRFormer, path: Path, img_size: tuple[int, int], on_step: Callable[[int, str], None]) -> float:
        assert img_size == (64, 32)
        on_step(1, "writing the file")
        path.write_bytes(bytes(2**20))
        on_step(2, "checking it against the model")
        models.append(model)
        return 2e-6

    monkeypatch.setattr(export_worker, "export_onnx", export)
    return models


def told(path: Path, **weights: object) -> list[Message]:
    messages: list[Message] = []
    export_worker._run({"variant": CONFIG.to_dict(), "path": str(path), **weights}, messages.append)
    return messages


def test_the_steps_are_told_before_the_summary(tmp_path: Path, exported: list[HRFormer]) -> None:
    *steps, last = told(tmp_path / "a.onnx", checkpoint=None, seed=3)
    assert steps == [StepBegun(0, 3), StepBegun(1, 3), StepBegun(2, 3)]
    assert last == Exported(
        "Wrote a.onnx: 1.0 MiB, any number of images of 64x32, values within 2.0e-06 relative of the model's."
    )
    (model,) = exported
    assert_same_weights(model, random_model(CONFIG, 3))


def test_a_checkpoints_weights_are_exported(tmp_path: Path, exported: list[HRFormer]) -> None:
    original = model_with_statistics(CONFIG)
    torch.save(original.state_dict(), tmp_path / "a.pth")
    told(tmp_path / "a.onnx", checkpoint=str(tmp_path / "a.pth"))
    assert_same_weights(exported[0], original)


def assert_same_weights(model: HRFormer, other: HRFormer) -> None:
    state, expected = model.state_dict(), other.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in state)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("The file's values\n differ."), "The file's values differ."),
        (
            OSError(errno.ENOSPC, "No space left on device", "x.onnx"),
            "x.onnx cannot be read or written: No space left on device.",
        ),
        (RuntimeError("boom\nand more"), "RuntimeError: boom"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_an_error_is_one_sentence(error: Exception, reason: str) -> None:
    assert export_worker._failure_of(error).reason == reason
