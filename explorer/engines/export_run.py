"""An export to ONNX in a process of its own: it can be stopped, and what it takes of memory goes with it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from explorer.cost.capacity import USABLE_SHARE, optimised_mib
from explorer.cost.complexity import estimate_complexity
from explorer.engines.export_limits import missing_packages, refuse_too_large
from explorer.engines.export_messages import EXPORT_WORKER, Exported, StepBegun
from explorer.processes.memory import available_ram_mib
from explorer.processes.messages import Failed
from explorer.processes.process import WorkerProcess
from explorer.units import MIB, mebibytes
from hrformer import HRFormerConfig
from hrformer.config import NUM_BRANCHES
from hrformer.geometry import attention_pairs

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
        refuse_too_large(optimised_mib(config) * MIB)
    except ValueError as error:
        return str(error)
    return missing_packages()


def exporting_mib(config: HRFormerConfig) -> float:
    """Memory that an export takes, MiB; ONNX Runtime writes out the attention of a block, and its softmax."""
    pairs = max(attention_pairs(config, branch, config.img_size) for branch in range(NUM_BRANCHES))
    per_image = estimate_complexity(config).peak_activation_mib + 2 * pairs * 4 / MIB
    return _LIBRARIES_MIB + _WEIGHT_COPIES * optimised_mib(config) + _CHECKED_IMAGES * per_image


def check_room(config: HRFormerConfig) -> None:
    """Refuse an export that this machine cannot hold.

    Raises:
        ValueError: If it needs more memory than is free, naming both.
    """
    needed, free = exporting_mib(config), available_ram_mib()
    if needed > USABLE_SHARE * free:
        raise ValueError(
            f"Writing this variant as ONNX needs about {mebibytes(needed)} and this machine has {mebibytes(free)} "
            "free: use smaller windows, a smaller image or fewer channels."
        )


def export_in_process(
    config: HRFormerConfig,
    weights: HRFormer | int,
    on_progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> OnnxFile | None:
    """Write a variant as an ONNX file in a process of its own.

    Args:
        config: The variant; its image size is fixed in the file.
        weights: A model of the variant, or the seed of random weights.
        on_progress: Told the steps done and all steps.
        should_stop: Asked ten times a second, from another thread.

    Returns:
        The file; None if it was stopped.

    Raises:
        ValueError: One sentence on why there is no file.
    """
    folder = Path(tempfile.mkdtemp(prefix="hrformer-onnx-"))
    path = folder / f"hrformer_{config.config_id}.onnx"
    summary = None
    try:
        summary = _run(_request(config, weights, path), on_progress, should_stop)
    finally:
        if summary is None:
            shutil.rmtree(folder, ignore_errors=True)
    return None if summary is None else OnnxFile(path, summary)


def _request(config: HRFormerConfig, weights: HRFormer | int, path: Path) -> dict[str, Any]:
    request = {"variant": config.to_dict(), "path": str(path)}
    if isinstance(weights, int):
        return {**request, "seed": weights, "checkpoint": None}
    import torch  # there already, with the model; where there is none the page does without

    checkpoint = path.with_suffix(".pth")
    torch.save(weights.state_dict(), checkpoint)
    return {**request, "checkpoint": str(checkpoint)}


def _run(
    request: Mapping[str, Any], on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> str | None:
    """What the process says of the file; None if it was stopped."""
    process = WorkerProcess(EXPORT_WORKER, request, {})
    summary, reason = None, None
    try:
        with killed_when(should_stop, process) as was_stopped:
            for message in process.messages():
                match message:
                    case StepBegun():
                        on_progress(message.done, message.total)
                    case Exported():
                        summary = message.summary
                    case Failed():
                        reason = message.reason
    except BaseException:
        process.kill()
        raise
    finally:
        how_it_ended = process.close()
    if summary is None and not was_stopped():
        raise ValueError(reason or f"{how_it_ended[0].upper()}{how_it_ended[1:]}.")
    return None if was_stopped() else summary


@contextmanager
def killed_when(should_stop: Callable[[], bool], process: WorkerProcess[Any]) -> Iterator[Callable[[], bool]]:
    """End a process as soon as it is not wanted any more, while this thread listens to it.

    Yields:
        Whether it was ended so.
    """
    stopped, heard = Event(), Event()

    def watch() -> None:
        while not heard.wait(_POLL_S):
            if should_stop():
                stopped.set()
                process.kill()
                return

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield stopped.is_set
    finally:
        heard.set()
        watcher.join()
