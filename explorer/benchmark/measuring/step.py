"""What a job times: one call of a model, or one training step, under the job's engine, in its precision and layout."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from explorer.benchmark.plan import Job, parse_device
from explorer.engines.engine import Engine, EngineError
from explorer.engines.pytorch import Compiled
from explorer.engines.registry import COMPILED, EAGER, engine_by_name
from explorer.models.model_ref import build_model

_HALF_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


@dataclass(frozen=True)
class BuiltStep:
    """A job's call, ready to run.

    Attributes:
        model: What it calls; None where an engine has made something else of the model.
        run: Makes the call; on a card it may return before the work is done.
        compile_time_s: Seconds from handing the model to its engine to the end of the first call; None when eager.
    """

    model: nn.Module | None
    run: Callable[[], object]
    compile_time_s: float | None


def set_precision(precision: str) -> None:
    """Say for the whole process what fp32 means on a card: itself, or TF32."""
    meaning = "tf32" if precision == "tf32" else "ieee"
    # The exporter and the compiler read the older flags, and refuse to where the two kinds disagree.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cuda.matmul.fp32_precision = meaning
    torch.backends.cudnn.conv.fp32_precision = meaning  # type: ignore[attr-defined]
    torch.backends.cudnn.rnn.fp32_precision = meaning  # type: ignore[attr-defined]


def compute_dtype(precision: str) -> torch.dtype:
    """The type in which the matrix products of a precision run."""
    return _HALF_TYPES.get(precision.removeprefix("autocast_"), torch.float32)


def build_step(job: Job, device: torch.device, batch_size: int, synchronize: Callable[[], None]) -> BuiltStep:
    """Build the model, put it and a random batch on the device, hand it to its engine, and run the first call.

    A training step is forward, the mean of the squared outputs as loss, backward, and AdamW's step. Half precision
    without autocast holds weights and images in that type.

    Raises:
        ValueError: If the model does not take images of this size.
        EngineError: If the engine is not there or cannot run such a job.
    """
    engine = _engine(job)
    torch.manual_seed(0)
    dtype = _HALF_TYPES.get(job.precision, torch.float32)
    memory_format = _MEMORY_FORMATS[job.memory_format]
    model = build_model(job.model, job.img_size).to(device, dtype).to(memory_format=memory_format)
    images = torch.randn(batch_size, job.model.in_chans, *job.img_size, device=device, dtype=dtype)
    images = images.contiguous(memory_format=memory_format)
    start = time.perf_counter()
    autocast = _autocast(job)
    if job.kind == "training_step":
        if job.engine == COMPILED:
            model.compile(mode=job.compile_mode)
        run = _training_step(model, images, autocast)
    else:
        run = _forward(engine, model, images, autocast)
    run()
    synchronize()
    preparing_s = None if job.engine == EAGER else time.perf_counter() - start
    is_as_built = job.engine == EAGER or job.kind == "training_step"
    return BuiltStep(model if is_as_built else None, run, preparing_s)


def _engine(job: Job) -> Engine:
    """The job's engine, refused where it could only do something else than the job says."""
    engine = Compiled(job.compile_mode) if job.engine == COMPILED else engine_by_name(job.engine)
    reason = engine.available()
    if reason:
        raise EngineError(reason)
    if job.kind == "training_step" and not engine.trains:
        raise EngineError(f"{engine.name} runs inference only: measure training steps with eager or torch.compile.")
    if not engine.in_torch:
        if job.precision != "fp32":
            raise EngineError(f"{engine.name} runs exported files in fp32 only, not in {job.precision}.")
        if job.memory_format != "contiguous":
            raise EngineError(f"{engine.name} takes contiguous images only, not {job.memory_format}.")
        if job.kind == "largest_batch":
            raise EngineError(f"{engine.name} has no search for the largest batch: it allocates outside PyTorch.")
    return engine


def _forward(
    engine: Engine, model: nn.Module, images: torch.Tensor, autocast: Callable[[], AbstractContextManager[object]]
) -> Callable[[], object]:
    with autocast():
        forward = engine.prepare(model, images)

    def run() -> object:
        with autocast():
            return forward(images)

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
