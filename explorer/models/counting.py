"""What a model costs: in closed form for a variant, counted on the meta device for all others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from explorer.cost.complexity import estimate_complexity
from explorer.cost.conventions import Work
from explorer.models.flops import flops_by_module
from explorer.models.kept_counts import Counts, kept
from explorer.models.model_ref import ModelRef, Size, build_model, wrong_size

#: What aten calls matrix products of two activations; layers are convolutions, mm and addmm.
_PRODUCTS = re.compile(r"bmm|scaled_dot_product|attention")
PUBLISHED_CONVENTION = "MACs, norms and element-wise operators, as the HRFormer paper counts"


@dataclass(frozen=True)
class ModelCost:
    """Work of one image.

    Attributes:
        params: Learnable parameters.
        macs: Multiply-adds of a forward pass.
        flops_published: As the model's own publication counts; None without such a count.
        product_macs: Of the multiply-adds, those of the matrix products inside attention.
    """

    params: int
    macs: int
    flops_published: int | None = None
    product_macs: int = 0

    @property
    def work(self) -> Work:
        """The work by kinds of operators, from which a convention's number is made."""
        other = None if self.flops_published is None else self.flops_published - self.macs
        return Work(self.macs, self.product_macs, other)


@lru_cache(maxsize=256)
def model_cost(ref: ModelRef, img_size: Size) -> ModelCost:
    """Parameters and work at a size: a variant's in closed form, a timm model's counted on the meta device.

    Raises:
        ValueError: If the model does not take images of this size.
    """
    if ref.config is not None:
        complexity = estimate_complexity(replace(ref.config, img_size=img_size))
        return ModelCost(
            complexity.params, complexity.macs, complexity.flops_published, product_macs=complexity.counts.matmul
        )
    return ModelCost(**counts_of("cost", ref, img_size, _count_cost))


def counts_of(what: str, ref: ModelRef, img_size: Size, count: Callable[[ModelRef, Size], Counts]) -> Counts:
    """What was counted of a model at a size, now or earlier on this machine; see `explorer.models.kept_counts`."""
    settings = replace(ref, pretrained=False).settings(img_size)  # learned weights count like others
    return kept({"what": what, "settings": settings, "img_size": img_size}, partial(count, ref, img_size))


def build_meta_model(ref: ModelRef, img_size: Size) -> nn.Module:
    """The model without memory for its weights: good for counting, not for computing."""
    with torch.device("meta"), _WithoutInitialValues():
        return build_model(replace(ref, pretrained=False), img_size)


class _WithoutInitialValues(TorchFunctionMode):
    """Leaves out what gives weights their first values: half of the time of building, and of no use without memory."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return args[0] if func in _INITIALISERS else func(*args, **(kwargs or {}))


_INITIALISERS = {torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.fill_, torch.Tensor.zero_}


def meta_images(ref: ModelRef, img_size: Size, batch_size: int = 1) -> torch.Tensor:
    """Images without content, (B, in_chans, H, W)."""
    return torch.empty(batch_size, ref.in_chans, *img_size, device="meta")


@contextmanager
def running(ref: ModelRef, img_size: Size) -> Iterator[None]:
    """Runs a model in the body.

    Raises:
        ValueError: Whatever a model of timm's raises, as the reason.
    """
    try:
        yield
    except Exception as error:
        raise ValueError(wrong_size(ref, img_size, error)) from error


def _count_cost(ref: ModelRef, img_size: Size) -> Counts:
    """Parameters, and multiply-adds of all operators and of the matrix products that are no layer's."""
    model = build_meta_model(ref, img_size)
    with running(ref, img_size):
        by_operator = flops_by_module(model, meta_images(ref, img_size)).get("", {})
    products = sum(flops for operator, flops in by_operator.items() if _PRODUCTS.search(str(operator)))
    return {
        "params": sum(parameter.numel() for parameter in model.parameters()),
        "macs": sum(by_operator.values()) // 2,
        "product_macs": products // 2,
    }
