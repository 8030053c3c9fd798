"""Models with weights, ready to look into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from explorer.cost.capacity import check_capacity
from explorer.sharing.seeding import seeded
from hrformer import HRFormer, HRFormerConfig, create_model, load_official_state_dict
from hrformer.checkpoint import infer_config

MAX_SEED = 2**31 - 1


def random_model(config: HRFormerConfig, seed: int) -> HRFormer:
    """The variant with random weights that the seed fixes, in evaluation mode.

    Raises:
        ValueError: If this machine cannot hold it.
    """
    check_capacity(config)
    with seeded(seed):
        return create_model(config).eval()


def config_of(weights: Mapping[str, Tensor], img_size: tuple[int, int] | None = None) -> HRFormerConfig:
    """The variant that weights are of, read off their shapes.

    Args:
        weights: As `explorer.reading.uploads` gives them.
        img_size: (height, width) that cost and pages shall use, which a checkpoint does not tell; else its task's.

    Raises:
        ValueError: If they are not the weights of an HRFormer.
    """
    config = infer_config(weights)
    return config if img_size is None else replace(config, img_size=img_size)


def model_with(weights: Mapping[str, Tensor], config: HRFormerConfig, *, fresh_head: bool = True) -> HRFormer:
    """The variant with these weights, in evaluation mode.

    Args:
        weights: As `explorer.reading.uploads` gives them.
        config: Their variant.
        fresh_head: Whether the head is a fresh one where they have none; else they are refused.

    Raises:
        ValueError: If they do not fit the variant, or this machine cannot hold it.
    """
    check_capacity(config)
    with seeded(0):  # drawn only to be replaced, but not between another model's weights
        model = create_model(config).eval()
    load_official_state_dict(model, weights, strict=not fresh_head or any(key.startswith("head.") for key in weights))
    return model
