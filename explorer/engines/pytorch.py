"""PyTorch's own ways: operation by operation, in the optimised form, and compiled."""

from __future__ import annotations

import shutil

import torch
from torch import Tensor, nn

from explorer.engines.engine import Engine, EngineError, Forward, inference, portable
from hrformer import HRFormer, optimize_for_inference


class Eager(Engine):
    """PyTorch, operation by operation: the readable form as it is."""

    name = "eager"
    trains = True

    def available(self) -> str | None:
        """None: PyTorch is always there."""
        return None

    def _prepare(self, model: nn.Module, example: Tensor) -> Forward:
        return inference(model)


class OptimisedEager(Engine):
    """PyTorch on `hrformer.optimize_for_inference`."""

    name = "optimised eager"

    def available(self) -> str | None:
        """None: PyTorch is always there."""
        return None

    def _prepare(self, model: nn.Module, example: Tensor) -> Forward:
        if not isinstance(model, HRFormer):
            raise EngineError(f"{self.name} rewrites HRFormer only, not {type(model).__name__}.")
        # Packed products take float32 alone, and autocast would hand them another type.
        packed = False if torch.is_autocast_enabled(example.device.type) else None
        return inference(optimize_for_inference(model, packed=packed))


class Compiled(Engine):
    """`torch.compile`; HRFormer in its optimised form without packed weights, which the compiler packs itself.

    Args:
        mode: One of the compiler's modes.
    """

    name = "torch.compile"
    trains = True

    def __init__(self, mode: str = "default") -> None:
        self.mode = mode

    def available(self) -> str | None:
        """On a CPU it needs a C++ compiler."""
        if torch.cuda.is_available() or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++"):
            return None
        return "torch.compile needs a C++ compiler on a CPU: install g++."

    def _prepare(self, model: nn.Module, example: Tensor) -> Forward:
        forward = inference(torch.compile(portable(model), mode=self.mode))
        forward(example)
        return forward
