"""Where NaN and infinite values come from: the first layer and the first weight that hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain

import torch
from torch import Tensor, nn

from explorer.inspection.partial_forward import exclusive


def first_non_finite_parameter(model: nn.Module) -> str | None:
    """Name of the first parameter or buffer that holds NaN or infinity; None if all are finite."""
    tensors = chain(model.named_parameters(), model.named_buffers())
    return next((name for name, tensor in tensors if not _is_finite(tensor)), None)


def first_non_finite_layer(model: nn.Module, x: Tensor) -> str | None:
    """Name of the first layer, in the order of computation, whose output holds NaN or infinity; None if none does.

    Inner layers finish first, so the name is the innermost that fits.

    Args:
        model: The model, in evaluation mode.
        x: Pictures, (B, C, H, W).
    """
    found: list[str] = []

    def check(layer: str, output: object) -> None:
        if not found and not _is_finite(output):
            found.append(layer)

    with exclusive(model), _watched_outputs(model, check), torch.no_grad():
        model(x)
    return found[0] if found else None


def explain_non_finite(model: nn.Module, x: Tensor) -> str | None:
    """One sentence that says where NaN or infinite values start; None if the input, weights and layers are finite."""
    if not _is_finite(x):
        return "The picture itself holds NaN or infinite values."
    layer, parameter = first_non_finite_layer(model, x), first_non_finite_parameter(model)
    if layer is None and parameter is None:
        return None
    if layer is None:
        return f"The weight {parameter} holds NaN or infinite values, but no layer passes them on."
    if parameter is None:
        return f"With these weights {layer} is the first layer that produces NaN or infinite values."
    return (
        f"With these weights {layer} is the first layer that produces NaN or infinite values; the first weight that "
        f"holds such values is {parameter}."
    )


@contextmanager
def _watched_outputs(model: nn.Module, watch: Callable[[str, object], None]) -> Iterator[None]:
    """Call `watch(layer, output)` after each layer below the model, until the context ends, however it ends."""
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if name:
                hooks.enter_context(module.register_forward_hook(_name_output(name, watch)))
        yield


def _name_output(name: str, watch: Callable[[str, object], None]) -> Callable[[nn.Module, object, object], None]:
    def hook(module: nn.Module, inputs: object, output: object) -> None:
        watch(name, output)

    return hook


def _is_finite(value: object) -> bool:
    if isinstance(value, Tensor):
        return bool(value.isfinite().all())
    if isinstance(value, list | tuple):
        return all(_is_finite(item) for item in value)
    return True
