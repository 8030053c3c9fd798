"""`onnx` says what it assumes of a checkpoint, and can be told otherwise."""

from pathlib import Path
from typing import Any

import pytest
import torch

from explorer.command_line import main
from explorer.engines import export
from hrformer import HRFormer, create_model, save_checkpoint
from tests.variants import tiny


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[HRFormer]:
    """The models that would have been written."""
    models: list[HRFormer] = []

    def note(model: HRFormer, *_: Any) -> float:
        models.append(model)
        return 0.0

    monkeypatch.setattr(export, "export_onnx", note)
    monkeypatch.setattr(export, "written", lambda *_: "written")
    return models


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "mmpose.pth"
    save_checkpoint(create_model(tiny("pose", relative_position_bias=True)), path, "mmpose")
    state_dict = torch.load(path, weights_only=True)["state_dict"]
    average = {key: value + 1 if value.is_floating_point() else value for key, value in state_dict.items()}
    torch.save({"state_dict": state_dict, "state_dict_ema": average}, path)
    return path


def test_what_is_assumed_is_told(
    checkpoint: Path, exported: list[HRFormer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["onnx", str(tmp_path / "a.onnx"), "--checkpoint", str(checkpoint)]) == 0
    told = capsys.readouterr().err.splitlines()
    assert "Weights of mmpose's form: its keys are mmpose's." in told
    assert "Took the weights 'ema'; the file also holds raw." in told
    assert any(line.startswith("Assumed relative_position_bias = True, because mmpose's code adds it") for line in told)
    assert exported[0].config.relative_position_bias


def test_it_can_be_told_otherwise(checkpoint: Path, exported: list[HRFormer], tmp_path: Path) -> None:
    options = ["--weights", "raw", "--assume", "relative_position_bias=false", "--assume", "fusion_upsample=nearest"]
    assert main(["onnx", str(tmp_path / "a.onnx"), "--checkpoint", str(checkpoint), *options]) == 0
    config = exported[0].config
    assert (config.relative_position_bias, config.fusion_upsample) == (False, "nearest")
    raw = torch.load(checkpoint, weights_only=True)["state_dict"]["backbone.conv1.weight"]
    torch.testing.assert_close(exported[0].conv1.weight.data, raw)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--weights", "best"], "weights = 'best' is not in the file: it has ema, raw."),
        (["--assume", "colour=3"], "Unknown field colour"),
        (["--assume", "colour"], "'colour' is no field with its value"),
        (["--assume", "fusion_upsample=cubic"], "fusion_upsample = 'cubic' is not legal"),
    ],
)
def test_what_cannot_be_is_refused(
    options: list[str], words: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["onnx", str(tmp_path / "a.onnx"), "--checkpoint", str(checkpoint), *options])
    except SystemExit as stopped:  # what argparse refuses
        code = int(stopped.code or 0)
    assert code != 0
    assert words in capsys.readouterr().err


def test_a_file_without_the_variants_head_is_refused(
    tmp_path: Path, exported: list[HRFormer], capsys: pytest.CaptureFixture[str]
) -> None:
    weights = create_model(tiny()).state_dict()
    torch.save({key: value for key, value in weights.items() if not key.startswith("head.")}, tmp_path / "backbone.pth")
    (tmp_path / "variant.json").write_text(tiny().to_json())
    options = ["--checkpoint", str(tmp_path / "backbone.pth"), "--variant", str(tmp_path / "variant.json")]
    assert main(["onnx", str(tmp_path / "a.onnx"), *options]) != 0
    assert "backbone.pth holds no head that fits" in capsys.readouterr().err
    assert exported == []
