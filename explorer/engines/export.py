"""A model as an ONNX file with a dynamic batch, checked against the model before it counts as written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import torch
from torch import Tensor, nn

from explorer.cost.capacity import optimised_mib
from explorer.engines.export_limits import missing_packages, refuse_too_large
from explorer.units import MIB
from hrformer import HRFormer, optimize_for_inference

#: Building the model, and the two of `export_onnx`.
STEPS = 3
#: Gelu and LayerNormalization are operators of their own from here on.
OPSET = 20
#: Largest relative error between the file under ONNX Runtime and the model.
TOLERANCE = 1e-4
_CHECKED_BATCHES = (1, 3)


def export_onnx(
    model: nn.Module, path: Path, img_size: tuple[int, int], on_step: Callable[[int, str], None] | None = None
) -> float:
    """Write a model as one ONNX file that takes any number of images, and run it once to check it.

    HRFormer is written in its optimised form (`hrformer.optimize_for_inference`), other models as they are.

    Args:
        model: An HRFormer of any variant and task, or another network from images to one tensor, float32 on the CPU.
        path: The file to write; it is left out if the check fails.
        img_size: (height, width) in pixels, fixed in the file.
        on_step: Told each step's number, 1 or 2, and what is being done.

    Returns:
        Largest relative error to the model, over batches of one and three random images.

    Raises:
        ValueError: If packages are missing, the weights do not fit one file, or the file's values differ.
    """
    reason = missing_packages()
    if reason:
        raise ValueError(reason)
    weight_bytes = sum(parameter.nbytes for parameter in model.parameters())
    refuse_too_large(optimised_mib(model.config) * MIB if isinstance(model, HRFormer) else weight_bytes)
    tell = on_step or (lambda step, what: None)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder, path.name)
        tell(1, "writing the file")
        _write(model, draft, img_size)
        tell(2, "checking it against the model")
        error = max(_relative_error(model, draft, random_images(model, batch, img_size)) for batch in _CHECKED_BATCHES)
        if not error < TOLERANCE:
            raise ValueError(f"The file's values differ from the model's by {error:.1e} relative, so it was dropped.")
        draft.replace(path)
    return error


def written(path: Path, img_size: tuple[int, int], error: float) -> str:
    """What `export_onnx` wrote, in one sentence; its arguments and what it returned."""
    height, width = img_size
    return (
        f"Wrote {path.name}: {path.stat().st_size / MIB:.1f} MiB, any number of images of {height}x{width}, values "
        f"within {error:.1e} relative of the model's."
    )


def random_images(model: nn.Module, batch_size: int, img_size: tuple[int, int]) -> Tensor:
    """Images of noise that the model takes, the same ones every time: (batch_size, in_chans, height, width)."""
    first = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    return torch.randn(batch_size, first.in_channels, *img_size, generator=torch.Generator().manual_seed(0))


def _write(model: nn.Module, path: Path, img_size: tuple[int, int]) -> None:
    exported = model
    if isinstance(model, HRFormer):
        # Three projections: taking one apart costs OpenVINO 1.4 % of HRFormer-B, and ONNX Runtime gains nothing by it.
        exported = optimize_for_inference(model, packed=False, fused_qkv=False)
    was_training = exported.training
    with redirect_stdout(StringIO()):  # the exporter reports its progress there
        torch.onnx.export(
            exported.eval(),
            # Two images: a traced batch of one would be taken for a constant.
            (random_images(model, 2, img_size),),
            path,
            input_names=["images"],
            output_names=["output"],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )
    exported.train(was_training)


def _relative_error(model: nn.Module, path: Path, images: Tensor) -> float:
    import onnxruntime

    was_training = model.training
    with torch.inference_mode():
        expected: Tensor = model.eval()(images)
    model.train(was_training)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"images": images.numpy()})
    return float((torch.from_numpy(output) - expected).norm() / expected.norm())


def export_for(model: nn.Module, example: Tensor, path: Path) -> tuple[int, ...]:
    """Write the model for images of the example's size; the output's shape without the batch."""
    height, width = example.shape[-2:]
    device = example.device
    try:
        export_onnx(model.cpu(), path, (height, width))
    finally:
        model.to(device)
    with torch.inference_mode():
        return tuple(model(example[:1]).shape[1:])
