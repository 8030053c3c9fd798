"""What a job times: one call of a model, or one training step, in the job's precision, layout and compile mode."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from explorer.benchmark.models import build_model
from explorer.benchmark.plan import Job, parse_device

_HALF_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


@dataclass(frozen=True)
class BuiltStep:
    """A job's call, ready to run.

    Attributes:
        model: What it calls.
        run: Makes the call; on a card it may return before the work is done.
        compile_time_s: Seconds from `torch.compile` to the end of the first call; None when not compiled.
    """

    model: nn.Module
    run: Callable[[], object]
    compile_time_s: float | None


def set_precision(precision: str) -> None:
    """Say for the whole process what fp32 means on a card: itself, or TF32."""
    meaning = "tf32" if precision == "tf32" else "ieee"
    torch.backends.cuda.matmul.fp32_precision = meaning
    torch.backends.cudnn.conv.fp32_precision = meaning  # type: ignore[attr-defined]
    torch.backends.cudnn.rnn.fp32_precision = meaning  # type: ignore[attr-defined]


def compute_dtype(precision: str) -> torch.dtype:
    """The type in which the matrix products of a precision run."""
    return _HALF_TYPES.get(precision.removeprefix("autocast_"), torch.float32)


def build_step(job: Job, device: torch.device, batch_size: int, synchronize: Callable[[], None]) -> BuiltStep:
    """Build the model, put it and a random batch on the device, and run the first call.

    A training step is forward, the mean of the squared outputs as loss, backward, and AdamW's step. Half precision
    without autocast holds weights and images in that type.

    Raises:
        ValueError: If the model does not take images of this size.
    """
    torch.manual_seed(0)
    dtype = _HALF_TYPES.get(job.precision, torch.float32)
    memory_format = _MEMORY_FORMATS[job.memory_format]
    model = build_model(job.model, job.img_size).to(device, dtype).to(memory_format=memory_format)
    images = torch.randn(batch_size, job.model.in_chans, *job.img_size, device=device, dtype=dtype)
    images = images.contiguous(memory_format=memory_format)
    start = time.perf_counter()
    compiled = job.compile_mode != "eager"
    if compiled:
        model.compile(mode=job.compile_mode)
    autocast = _autocast(job)
    run = _training_step(model, images, autocast) if job.kind == "training_step" else _forward(model, images, autocast)
    run()
    synchronize()
    return BuiltStep(model, run, time.perf_counter() - start if compiled else None)


def _forward(
    model: nn.Module, images: torch.Tensor, autocast: Callable[[], AbstractContextManager[object]]
) -> Callable[[], object]:
    def run() -> object:
        with torch.inference_mode(), autocast():
            return model(images)

    return run


def _training_step(
    model: nn.Module, images: torch.Tensor, autocast: Callable[[], AbstractContextManager[object]]
) -> Callable[[], object]:
    model.train()
    optimiser = torch.optim.AdamW(model.parameters())

    def run() -> None:
        with autocast():
            loss = model(images).float().square().mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return run


def _autocast(job: Job) -> Callable[[], AbstractContextManager[object]]:
    if not job.precision.startswith("autocast_"):
        return nullcontext
    device, _ = parse_device(job.device)
    return lambda: torch.autocast(device, compute_dtype(job.precision))
