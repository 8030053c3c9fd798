"""The weights that ship with the explorer: a small HRFormer that has learned to segment digits."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from explorer import places
from explorer.pictures.digits import NUM_CLASSES, Canvases, make_canvases
from explorer.pictures.photographs import Picture
from hrformer import HRFormer, HRFormerConfig, load_checkpoint

WEIGHTS_PATH = places.DATA / "digits_hrformer.safetensors"
#: On 400 test pictures; `docs/trained_weights.md` says how, a test checks it.
TEST_MIOU = 0.759
TRAINED_ON = (
    "trained for this explorer to segment handwritten digits (MNIST) over photographs: background and ten digits, "
    f"test mIoU {TEST_MIOU:.3f}. It has learned nothing else; on a photograph it looks for digits"
)
#: What its outputs mean.
CLASS_NAMES = ("background", *(f"digit {digit}" for digit in range(10)))
#: Pictures of its task that nothing was trained on.
DIGIT_SAMPLES = tuple(f"Digits {number}" for number in range(1, 7))
#: Chooses them among all possible test pictures.
_SAMPLE_SEED = 1


def trained_config() -> HRFormerConfig:
    """The variant that the weights are of, and that the ablation trains: one module and one block a stage.

    Its 1/32 branch has the width of the 1/16 branch: a wider one added parameters and nothing to the result.
    """
    return HRFormerConfig(
        task="segmentation",
        img_size=(112, 112),
        num_classes=NUM_CLASSES,
        num_modules=(1, 1, 1, 1),
        num_blocks=(1, 1, 1, 1),
        channels=(16, 32, 64, 64),
        num_heads=(1, 2, 4, 4),
        mlp_ratios=(4.0, 4.0, 4.0, 4.0),
        window_sizes=(7, 7, 7, 7),
        segmentation_head="fcn",
    )


def fits_trained_weights(config: HRFormerConfig) -> bool:
    """Whether the weights fit a variant, at whatever image size."""
    return replace(config, img_size=trained_config().img_size) == trained_config()


def load_trained() -> HRFormer:
    """The trained network, in evaluation mode.

    Raises:
        ValueError: If the file is damaged.
        FileNotFoundError: If it is missing.
    """
    return load_checkpoint(WEIGHTS_PATH, trained_config()).eval()


def load_digit_sample(name: str) -> Picture:
    """One of `DIGIT_SAMPLES`, (112, 112, 3).

    Raises:
        ValueError: If there is no such sample.
    """
    return np.array(_samples().images[_sample_index(name)])


def load_digit_truth(name: str) -> NDArray[np.uint8]:
    """The class of each pixel of one of `DIGIT_SAMPLES`, (112, 112), as `CLASS_NAMES` counts them.

    Raises:
        ValueError: If there is no such sample.
    """
    return np.array(_samples().labels[_sample_index(name)])


def _sample_index(name: str) -> int:
    if name not in DIGIT_SAMPLES:
        raise ValueError(f"There is no sample picture {name!r}: use one of {', '.join(DIGIT_SAMPLES)}.")
    return DIGIT_SAMPLES.index(name)


@cache
def _samples() -> Canvases:
    return make_canvases("test", len(DIGIT_SAMPLES), trained_config().img_size[0], _SAMPLE_SEED)
