"""What two forms of a model are compared with: weights whose norms do something, images, a measure."""

from typing import Any

import torch
from torch import Tensor, nn

from hrformer import HRFormer, HRFormerConfig, create_model
from hrformer.attention import WindowAttention
from tests.variants import tiny


def small(task: str = "classification", **changes: Any) -> HRFormerConfig:
    """A variant of the outputs and sizes that the forms are compared on."""
    return tiny(task, **({"img_size": (64, 64), "num_classes": 10} | changes))


def model_with_statistics(config: HRFormerConfig, seed: int = 0) -> HRFormer:
    """Random weights, and norms that do something: fresh ones are the identity, which any folding would pass."""
    torch.manual_seed(seed)
    model = create_model(config)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm | nn.Linear):
            nn.init.normal_(module.bias, std=0.3)
        if isinstance(module, WindowAttention):
            nn.init.normal_(module.relative_position_bias_table)
    return model.eval()


def images(config: HRFormerConfig, batch_size: int = 2, size: tuple[int, int] | None = None) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch_size, config.in_chans, *(size or config.img_size), generator=generator)


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return float((actual - expected).norm() / expected.norm().clamp_min(1e-30))
