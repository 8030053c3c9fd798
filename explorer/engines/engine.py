"""What an engine is: a way to run a model's forward pass; one that is not installed says so, the others go on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from hrformer import HRFormer, optimize_for_inference

Forward = Callable[[Tensor], Tensor]


class EngineError(ValueError):
    """An engine cannot run a model; its text is one sentence that says why."""


class Engine(ABC):
    """A way to run a model's forward pass.

    Attributes:
        name: How the engine is called in tables and files.
        in_torch: Whether PyTorch runs the model: in any precision, and in memory that PyTorch counts. The others run
            an exported file in float32.
        trains: Whether training steps run under it, too; they run the readable form of the model.
    """

    name: str
    in_torch = True
    trains = False

    @abstractmethod
    def available(self) -> str | None:
        """Why the engine does not run on this machine, in one sentence; None where it does."""

    def prepare(self, model: nn.Module, example: Tensor) -> Forward:
        """Make a model ready: a function of images, on the device of the example, that gives the model's output.

        Args:
            model: HRFormer or another network from images to one tensor, on the example's device; left as it is,
                save that it is put in evaluation mode.
            example: Images (B, in_chans, height, width) of the size to come; most engines take other batch sizes too.

        Raises:
            EngineError: If the engine is not available or cannot run this model.
        """
        reason = self.available()
        if reason:
            raise EngineError(reason)
        try:
            return self._prepare(model.eval(), example)
        except EngineError:
            raise
        except self._failures() as error:
            raise EngineError(f"{self.name} cannot run this {type(model).__name__}: {_first_line(error)}") from error

    @abstractmethod
    def _prepare(self, model: nn.Module, example: Tensor) -> Forward: ...

    def _failures(self) -> tuple[type[Exception], ...]:
        return (RuntimeError, ValueError)


def portable(model: nn.Module) -> nn.Module:
    """HRFormer in its optimised form without packed weights, which only PyTorch itself runs; others as they are."""
    return optimize_for_inference(model, packed=False) if isinstance(model, HRFormer) else model


def inference(model: Callable[[Tensor], Tensor]) -> Forward:
    """A model as a function that keeps nothing for a backward pass."""

    def run(x: Tensor) -> Tensor:
        with torch.inference_mode():
            return model(x)

    return run


def _first_line(error: BaseException) -> str:
    """What went wrong, of the innermost error: exporters wrap it in advice to their developers."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".") + "."
