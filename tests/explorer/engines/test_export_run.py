"""Exports through the command line and in a process of their own: a checked file, a sentence, or nothing at all."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from explorer.command_line import main
from explorer.engines import export_run
from explorer.engines.export_limits import missing_packages
from explorer.engines.export_run import export_in_process, why_not
from explorer.models.weights import random_model
from tests.explorer.models.weight_files import state_with_windows
from tests.hrformer.parity import images, model_with_statistics, relative_error, small

needs_onnx = pytest.mark.skipif(missing_packages() is not None, reason="the engines' packages are not installed")
CONFIG = small("pose", img_size=(64, 32))


def outputs(path: Path, x: torch.Tensor) -> torch.Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(np.asarray(session.run(None, {"images": x.numpy()})[0]))


def never() -> bool:
    return False


@needs_onnx
def test_a_checkpoints_values_are_in_the_file_which_goes_with_its_last_user() -> None:
    model = model_with_statistics(CONFIG)
    steps: list[tuple[int, int]] = []
    file = export_in_process(CONFIG, model, lambda *step: steps.append(step), never)
    assert file is not None
    x = images(CONFIG, 3)
    with torch.no_grad():
        assert relative_error(outputs(file.path, x), model(x)) < 1e-4
    assert "any number of images of 64x32" in file.summary
    assert steps == sorted(steps)
    assert steps[-1] == (2, 3)
    path = file.path
    del file
    gc.collect()
    assert not path.parent.exists()


def test_a_stopped_export_ends_at_once_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before, asked = psutil.Process().children(), []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > 2

    assert export_in_process(CONFIG, 0, lambda done, total: None, should_stop) is None
    assert len(asked) == 3  # its yes is not asked for again
    assert psutil.Process().children() == before
    assert list(tmp_path.iterdir()) == []


EXPORT_FOR_EVER = """
from hrformer import preset
from explorer.engines.export_run import export_in_process
export_in_process(preset("base"), 0, lambda *step: None, lambda: False)
"""


@needs_onnx
@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda end: end.name)
def test_an_export_ends_with_the_process_that_asked_for_it(end: signal.Signals, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", EXPORT_FOR_EVER], env=environment)
    try:
        child = first_child(parent.pid)
        assert is_running(child)
    finally:
        parent.send_signal(end)
        parent.wait()
    for _ in range(300):
        if not is_running(child):
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the export went on alone")


def first_child(pid: int) -> int:
    for _ in range(300):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.1)
    raise AssertionError("no export began")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@needs_onnx
def test_the_command_writes_random_weights_by_their_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variant, path = tmp_path / "variant.json", tmp_path / "variant.onnx"
    variant.write_text(CONFIG.to_json())
    assert main(["onnx", str(path), "--variant", str(variant), "--seed", "3", "--img-size", "32"]) == 0
    assert "Wrote variant.onnx: " in capsys.readouterr().err
    x = images(CONFIG, 2, (32, 32))
    with torch.no_grad():
        assert relative_error(outputs(path, x), random_model(CONFIG, 3)(x)) < 1e-4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("x.onnx", "Nothing to write: name a model"),
        ("missing/x.onnx --model hrformer_tiny", "missing is no folder"),
        ("x.onnx --model hrformer_tin", "no model called 'hrformer_tin'"),
        ("x.onnx --model hrformer_tiny --checkpoint none.pth", "none.pth"),
        ("x.onnx --model test_vit --checkpoint none.pth", "--checkpoint is for HRFormer"),
        ("x.onnx --model hrformer_tiny --seed -1", "seed = -1 is not legal"),
        ("x.onnx --variant text.json", "is no JSON"),
        ("x.onnx --variant list.json", "A variant is a JSON object"),
        ("x.onnx --model hrformer_tiny --img-size wide", "'wide' is no whole number"),
    ],
)
def test_bad_input_is_one_sentence(
    options: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("explorer.engines.export_limits.find_spec", lambda name: object())
    (tmp_path / "text.json").write_text("no JSON")
    (tmp_path / "list.json").write_text("[]")
    assert main(["onnx", *options.split()]) == 2
    error = capsys.readouterr().err
    assert sentence in error.splitlines()[-1]
    assert not (tmp_path / "x.onnx").exists()


#: By the windows that a file's tables ask for: with the bias each block has 1 GiB of it a head, without it ONNX Runtime
#: writes out attention of 16,384 by 16,384.
TOO_LARGE = {True: "GiB of values do not fit one ONNX file", False: "needs about"}


@pytest.mark.parametrize("bias", [True, False])
def test_a_checkpoint_that_needs_more_than_the_machine_has_is_one_sentence(
    bias: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("explorer.engines.export_limits.find_spec", lambda name: object())
    monkeypatch.setattr(export_run, "available_ram_mib", lambda: 4096.0)
    torch.save(state_with_windows(CONFIG, 128), tmp_path / "windows.pth")
    command = ["onnx", str(tmp_path / "x.onnx"), "--checkpoint", str(tmp_path / "windows.pth")]
    assert main([*command, "--assume", f"relative_position_bias={str(bias).lower()}"]) == 2
    assert TOO_LARGE[bias] in (error := capsys.readouterr().err)
    assert "Traceback" not in error
    assert not (tmp_path / "x.onnx").exists()


def test_what_does_not_fit_one_file_is_said_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = small(channels=(1024, 2048, 4096, 8192))
    assert why_not(huge).endswith("GiB of values do not fit one ONNX file, which ends at 2 GiB.")
    monkeypatch.setattr("explorer.engines.export_limits.find_spec", lambda name: None)
    assert why_not(CONFIG).startswith("onnx, onnxscript, onnxruntime not installed")
