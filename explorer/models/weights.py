"""Models with weights, ready to look into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from explorer.cost.capacity import check_capacity
from explorer.sharing.seeding import seeded
from hrformer import HRFormer, HRFormerConfig, create_model, load_official_state_dict
from hrformer.checkpoint import Checkpoint, StoredWeights, fitted

MAX_SEED = 2**31 - 1


def random_model(config: HRFormerConfig, seed: int) -> HRFormer:
    """The variant with random weights that the seed fixes, in evaluation mode.

    Raises:
        ValueError: If this machine cannot hold it.
    """
    check_capacity(config)
    with seeded(seed):
        return create_model(config).eval()


def checkpoint_of(
    stored: StoredWeights,
    config: HRFormerConfig | None = None,
    *,
    img_size: tuple[int, int] | None = None,
    **chosen: Any,
) -> Checkpoint:
    """The variant that weights are of, and they themselves made to fit it.

    Args:
        stored: As `explorer.reading.uploads` gives them.
        config: The variant that they shall fit; else it is read off them.
        img_size: (height, width) that cost and pages shall use, which weights do not tell; else its task's.
        **chosen: Fields in place of what is assumed, as in `hrformer.load_checkpoint`.

    Raises:
        ValueError: If they are not the weights of an HRFormer.
    """
    sized = {} if img_size is None else {"img_size": img_size}
    return fitted(stored, config, **chosen | sized)


def model_of(checkpoint: Checkpoint) -> HRFormer:
    """The network of a checkpoint, in evaluation mode; what it holds no weights for is the same every time.

    Raises:
        ValueError: If its weights do not fit its variant, or this machine cannot hold it.
    """
    check_capacity(checkpoint.config)
    with seeded(0):  # drawn only to be replaced, but not between another model's weights
        return checkpoint.build().eval()


def model_with(weights: Mapping[str, Tensor], config: HRFormerConfig) -> HRFormer:
    """The variant with these weights, in evaluation mode.

    Raises:
        ValueError: If they do not fit the variant, or this machine cannot hold it.
    """
    model = random_model(config, 0)
    load_official_state_dict(model, weights)
    return model
