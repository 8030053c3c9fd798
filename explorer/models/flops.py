"""FLOPs of a model by module and operator, counted so that no other thread notices.

PyTorch's counter asks hooks on every module of the process which one runs, and so reaches into what other threads
compute: their gradients fail, and their operators are put down to modules that they are not of. Here it asks hooks on
the counted model's own modules. What it counts, the operators of its own thread, stays as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.hooks import RemovableHandle
from torch.utils.module_tracker import ModuleTracker

_ANY_MODULE = "Global"


def flops_by_module(model: nn.Module, images: torch.Tensor) -> dict[str, dict[Any, int]]:
    """FLOPs of a forward pass, two to a multiply-add.

    Args:
        model: Nobody else's, as it bears hooks meanwhile.
        images: (B, in_chans, H, W), on the meta device: fused attention counts as nothing on the CPU.

    Returns:
        By the module's qualified name ("" is the model) and the operator; a module's count holds those of its children.
    """
    model.requires_grad_(False)  # with a gradient torch makes some batched products plain ones, which count as layers
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _OwnModules(model)
    with torch.no_grad(), counter:
        model(images)
    return {path: counts for path, counts in counter.get_flop_counts().items() if path != _ANY_MODULE}


class _OwnModules(ModuleTracker):
    """Knows which of a model's modules run, by hooks on those alone; one that several share goes by its last name."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._model = model
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> _OwnModules:
        paths = {module: path for path, module in self._model.named_modules(remove_duplicate=False)}
        for module, path in paths.items():
            self._handles += self._attach(path, module)
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _attach(self, path: str, module: nn.Module) -> list[RemovableHandle]:
        return [
            module.register_forward_pre_hook(lambda *_: self.parents.add(path)),
            module.register_forward_hook(lambda *_: self.parents.discard(path)),
        ]
