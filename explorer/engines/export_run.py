"""An export to ONNX in a process of its own: it can be stopped, and what it takes of memory goes with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.cost.complexity import estimate_complexity
from explorer.engines.export_limits import missing_packages, refuse_too_large
from explorer.units import MIB
from hrformer import HRFormerConfig

if TYPE_CHECKING:
    from hrformer import HRFormer

#: Interpreter and libraries, and how often the weights are there at once: model, optimised form, graph, file, session.
_LIBRARIES_MIB = 900.0
_WEIGHT_COPIES = 6
#: Batches of up to three images are checked.
_CHECKED_IMAGES = 3
_POLL_S = 0.1


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """A written file; it is deleted with the last reference to this.

    Attributes:
        path: The file.
        summary: One sentence on what was written and how closely it follows the model.
    """

    path: Path
    summary: str

    def __post_init__(self) -> None:
        weakref.finalize(self, shutil.rmtree, self.path.parent, ignore_errors=True)


def why_not(config: HRFormerConfig) -> str | None:
    """Why a variant cannot be exported here, in one sentence; None if it can."""
    try:
        refuse_too_large(round(estimate_complexity(config).weights_mib * MIB))
    except ValueError as error:
        return str(error)
    return missing_packages()


def exporting_mib(config: HRFormerConfig) -> float:
    """Memory that an export takes, MiB."""
    cost = estimate_complexity(config)
    return _LIBRARIES_MIB + _WEIGHT_COPIES * cost.weights_mib + _CHECKED_IMAGES * cost.peak_activation_mib


def export_in_process(
    config: HRFormerConfig,
    weights: HRFormer | int,
    on_progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> OnnxFile | None:
    """Write a variant as an ONNX file through `python -m explorer onnx`.

    Args:
        config: The variant; its image size is fixed in the file.
        weights: A model of the variant, or the seed of random weights.
        on_progress: Told the steps done and all steps.
        should_stop: Asked ten times a second.

    Returns:
        The file; None if it was stopped.

    Raises:
        ValueError: One sentence on why there is no file.
    """
    folder = Path(tempfile.mkdtemp(prefix="hrformer-onnx-"))
    path = folder / f"hrformer_{config.config_id}.onnx"
    try:
        summary = _run(_command(config, weights, path), folder / "messages", on_progress, should_stop)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if summary is None:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return OnnxFile(path, summary)


def _command(config: HRFormerConfig, weights: HRFormer | int, path: Path) -> list[str]:
    variant = path.with_suffix(".json")
    variant.write_text(config.to_json(), encoding="utf-8")
    command = [sys.executable, "-m", "explorer", "onnx", str(path), "--variant", str(variant), "--with-parent"]
    if isinstance(weights, int):
        return [*command, "--seed", str(weights)]
    import torch  # there already, with the model; where there is none the page does without

    checkpoint = path.with_suffix(".pth")
    torch.save(weights.state_dict(), checkpoint)
    return [*command, "--checkpoint", str(checkpoint)]


def _run(
    command: list[str], messages: Path, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> str | None:
    """The last line of what the process says; None if it was stopped."""
    with (
        messages.open("wb") as file,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # ends with this process, and so does the export
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        ) as process,
    ):
        try:
            while process.poll() is None:
                if should_stop():
                    return None
                _report(messages.read_text(errors="replace"), on_progress)
                time.sleep(_POLL_S)
        finally:
            process.kill()
    said = messages.read_text(errors="replace").strip().splitlines()
    last = said[-1] if said else f"The exporting process ended with code {process.returncode}."
    if process.returncode != 0:
        raise ValueError(last)
    return last


def _report(messages: str, on_progress: Callable[[int, int], None]) -> None:
    """The newest of lines such as "2 of 3: writing the file" says that one step is done."""
    for line in reversed(messages.splitlines()):
        step, _, rest = line.partition(" of ")
        total = rest.partition(":")[0]
        if step.isdecimal() and total.isdecimal():
            on_progress(int(step) - 1, int(total))
            return
