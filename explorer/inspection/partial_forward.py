"""Looking into a model that several users share: one at a time, part by part, and only as far as needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock, RLock
from typing import cast
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from hrformer import HRFormer
from hrformer.block import HRFormerBlock
from hrformer.config import NUM_STAGES
from hrformer.fusion import HighResolutionModule
from hrformer.layers import Bottleneck

_locks: WeakKeyDictionary[nn.Module, RLock] = WeakKeyDictionary()
_locks_guard = Lock()


class Stopped(Exception):  # noqa: N818 - what the user asked for is no error
    """A way through the network that was ended because nobody wants it any more."""


@contextmanager
def exclusive(model: nn.Module) -> Iterator[None]:
    """Keep a model to one thread: hooks on a shared model would otherwise show one user another user's maps."""
    with _locks_guard:
        lock = _locks.setdefault(model, RLock())
    with lock:
        yield


@contextmanager
def watched(
    model: HRFormer, on_progress: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> Iterator[None]:
    """Keep a model to one thread, tell how far a picture has come on its way through it, and end it when asked to.

    Args:
        model: The model.
        on_progress: Told (blocks done, blocks in all), at each block.
        should_stop: Asked at each block.

    Raises:
        Stopped: Once it was asked to stop.
    """
    blocks = [module for module in model.modules() if isinstance(module, HRFormerBlock | Bottleneck)]
    begun = 0

    def begin_block(*_: object) -> None:
        nonlocal begun
        if should_stop():
            raise Stopped
        on_progress(begun, len(blocks))
        begun += 1

    with exclusive(model), ExitStack() as hooks:
        for block in blocks:
            hooks.callback(block.register_forward_pre_hook(begin_block).remove)
        yield


def high_resolution_module(model: HRFormer, stage: int, module: int) -> HighResolutionModule:
    """Module `module` (from 0) of stage 2, 3 or 4.

    Raises:
        ValueError: If there is none.
    """
    stages = range(2, NUM_STAGES + 1)
    if stage not in stages or not 0 <= module < model.config.num_modules[stage - 1]:
        counts = ", ".join(f"{model.config.num_modules[number - 1]} in stage {number}" for number in stages)
        raise ValueError(f"There is no module {module} in stage {stage}: the modules, from 0, are {counts}.")
    return cast(HighResolutionModule, model.get_submodule(f"stage{stage}.{module}"))


def check_picture(model: HRFormer, x: Tensor) -> None:
    """Refuse what cannot be looked at.

    Raises:
        ValueError: If `x` is not one picture, (1, in_chans, H, W), or the model is in training mode.
    """
    if model.training:
        raise ValueError("The model is in training mode, where looking would change it: call model.eval() first.")
    if x.ndim != 4 or x.shape[:2] != (1, model.config.in_chans):
        raise ValueError(
            f"A picture of shape {tuple(x.shape)} does not fit: use (1, {model.config.in_chans}, height, width)."
        )


def module_inputs(model: HRFormer, x: Tensor, stage: int, module: int) -> list[Tensor]:
    """The branch maps that enter a module, computed without anything that comes after and without any hook.

    The caller holds `exclusive(model)`.

    Args:
        model: The model, in evaluation mode.
        x: One picture, (1, in_chans, H, W).
        stage: 2, 3 or 4.
        module: Index of the module in its stage.

    Returns:
        One map per branch of the stage, (1, C_i, H_i, W_i).

    Raises:
        ValueError: If there is no such module, `x` is not one picture, or the model is in training mode.
    """
    high_resolution_module(model, stage, module)
    check_picture(model, x)
    branches = [model.layer1(model.forward_stem(x))]
    for number in range(2, stage + 1):
        branches = model.get_submodule(f"transition{number - 1}")(branches)
        modules = list(model.get_submodule(f"stage{number}").children())
        for step in modules[:module] if number == stage else modules:
            branches = step(branches)
    return branches
