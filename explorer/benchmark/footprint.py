"""The memory a job will need, counted before it runs: weights, and the tensors alive at the worst moment of a step.

The tensors are those of a step on the meta device, where they have sizes but no memory. Libraries' workspaces are not
counted and autocast's half-size copies are not credited, so the truth is somewhat above or below.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from explorer.cost.complexity import estimate_complexity
from explorer.models.counting import build_meta_model, counts_of, meta_images, model_cost, running
from explorer.models.kept_counts import Counts
from explorer.models.model_ref import ModelRef, Size
from explorer.units import MIB

_FP32_BYTES = 4
#: AdamW keeps two moments of each weight.
_OPTIMISER_COPIES = 2
#: A batch norm can refuse to train on one.
_TRAINED_IMAGES = 2


class LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that operators make inside the context, while they are alive.

    Attributes:
        peak_bytes: The most bytes alive at once.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak_bytes: int = 0
        self._alive_bytes = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the operator and note what it made."""
        inputs = {leaf.untyped_storage() for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.untyped_storage() not in inputs:
                self._note(leaf.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:
            return
        self._known.add(storage)
        self._alive_bytes += storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, self._alive_bytes)
        weakref.finalize(storage, self._forget, storage.nbytes())

    def _forget(self, size: int) -> None:
        self._alive_bytes -= size


@dataclass(frozen=True)
class Footprint:
    """Memory of a model at one image size, in fp32.

    Attributes:
        weights_mib: Learned weights.
        inference_mib_per_img: Tensors alive at the worst moment of a forward pass of one image.
        training_mib_per_img: The same for forward and backward, gradients of the weights not counted; None where it
            was not asked for.
    """

    weights_mib: float
    inference_mib_per_img: float
    training_mib_per_img: float | None = None

    def step_mib(self, batch_size: int) -> float:
        """What a step adds to what is resident."""
        if self.training_mib_per_img is None:
            return self.inference_mib_per_img * batch_size
        return self.training_mib_per_img * batch_size

    @property
    def resident_mib(self) -> float:
        """What stays between two steps: weights, in training also their gradients and AdamW's two moments."""
        copies = 1 if self.training_mib_per_img is None else 2 + _OPTIMISER_COPIES
        return self.weights_mib * copies


@lru_cache(maxsize=256)
def footprint(ref: ModelRef, img_size: Size, *, training: bool) -> Footprint:
    """Memory of a model: a variant's inference in closed form, all else counted on the meta device.

    Raises:
        ValueError: If the model does not take images of this size, or can't be trained on them.
    """
    weights_mib = model_cost(ref, img_size).params * _FP32_BYTES / MIB
    training_mib = _training_mib_per_img(ref, img_size) if training else None
    return Footprint(weights_mib, _inference_mib(ref, img_size), training_mib)


def _inference_mib(ref: ModelRef, img_size: Size) -> float:
    if ref.config is not None:
        return estimate_complexity(replace(ref.config, img_size=img_size)).peak_activation_mib
    return counts_of("memory of inference", ref, img_size, _count_inference)["peak_bytes"] / MIB


def _training_mib_per_img(ref: ModelRef, img_size: Size) -> float:
    return counts_of("memory of training", ref, img_size, _count_training)["peak_bytes"] / MIB / _TRAINED_IMAGES


def _count_inference(ref: ModelRef, img_size: Size) -> Counts:
    model = build_meta_model(ref, img_size)
    live = LiveTensors()
    with running(ref, img_size), torch.no_grad(), live:
        model(meta_images(ref, img_size))
    return {"peak_bytes": live.peak_bytes}


def _count_training(ref: ModelRef, img_size: Size) -> Counts:
    """Each weight's gradient is dropped when made."""
    model = build_meta_model(ref, img_size).train()
    for parameter in model.parameters():
        parameter.register_post_accumulate_grad_hook(_drop_gradient)  # type: ignore[no-untyped-call]
    live = LiveTensors()
    try:
        with live:
            model(meta_images(ref, img_size, _TRAINED_IMAGES)).square().mean().backward()
    except Exception as error:  # whatever a model of timm's raises becomes the reason
        raise ValueError(f"{ref.name} can't be trained for a trial without memory: {type(error).__name__}.") from error
    return {"peak_bytes": live.peak_bytes}


def _drop_gradient(parameter: torch.Tensor) -> None:
    parameter.grad = None
