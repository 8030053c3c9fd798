"""The weights that ship with the explorer: small HRFormers that have learned to segment digits, or to find them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explorer import places
from explorer.pictures.digit_points import NUM_DIGITS
from explorer.pictures.digits import NUM_CLASSES, Canvases, make_canvases
from explorer.pictures.photographs import Picture
from hrformer import HRFormer, HRFormerConfig, load_checkpoint
from hrformer.config import published_task_fields

#: What is not higher is no peak of the pointer's; of 0.4, 0.5, 0.6 and 0.7 the best on 400 validation pictures.
PEAK_THRESHOLD = 0.6
#: Pictures of its task that nothing was trained on.
DIGIT_SAMPLES = tuple(f"Digits {number}" for number in range(1, 7))
#: Chooses them among all possible test pictures.
_SAMPLE_SEED = 1


def trained_config() -> HRFormerConfig:
    """The variant of the segmenter, and the one that the ablation trains: one module and one block a stage.

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


def pointing_config() -> HRFormerConfig:
    """The same backbone as the published code has it for key points, with one heat map a digit."""
    segmenting = trained_config()
    own = {"task": "pose", "img_size": segmenting.img_size, "num_classes": NUM_DIGITS, "segmentation_head": "ocr"}
    return replace(segmenting, **published_task_fields("pose") | own)


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """A network that ships with what it has learned.

    Attributes:
        key: Its value in links.
        label: What the choice of networks calls it.
        title: What its card calls it.
        path: Its weights.
        config: The variant that they are of.
        class_names: What its outputs mean.
        learned: What its weights can do, in a few words.
        score_name: What is measured of it.
        score: On 400 test pictures; `docs/trained_weights.md` says how, a test checks it.
        trained_on: What it was trained for, to be said after "it was".
    """

    key: str
    label: str
    title: str
    path: Path
    config: HRFormerConfig
    class_names: tuple[str, ...]
    learned: str
    score_name: str
    score: float
    trained_on: str

    @property
    def weights_name(self) -> str:
        """What its weights are, with their score."""
        return f"{self.learned} ({self.scored})"

    @property
    def scored(self) -> str:
        """Its score, in words."""
        return f"test {self.score_name} {self.score:.3f}"

    @property
    def trained_for(self) -> str:
        """What it was trained for, how well it does, and what it cannot do."""
        return f"{self.trained_on}, {self.scored}. It has learned nothing else; on a photograph it looks for digits"

    def fits(self, config: HRFormerConfig) -> bool:
        """Whether its weights fit a variant, at whatever image size."""
        return replace(config, img_size=self.config.img_size) == self.config

    def load(self) -> HRFormer:
        """The network, in evaluation mode.

        Raises:
            ValueError: If the file is damaged.
            FileNotFoundError: If it is missing.
        """
        return load_checkpoint(self.path, self.config).eval()


_DIGITS = tuple(f"digit {digit}" for digit in range(NUM_DIGITS))
SEGMENTER = TrainedNetwork(
    key="digits",
    label="Digits: masks",
    title="Small HRFormer, trained on digits",
    path=places.DATA / "digits_hrformer.safetensors",
    config=trained_config(),
    class_names=("background", *_DIGITS),
    learned="weights trained to segment digits",
    score_name="mIoU",
    score=0.759,
    trained_on="trained for this explorer to segment handwritten digits (MNIST) over photographs: background and ten "
    "digits",
)
POINTER = TrainedNetwork(
    key="digit_points",
    label="Digits: points",
    title="Small HRFormer, trained on digits' centres",
    path=places.DATA / "digit_points_hrformer.safetensors",
    config=pointing_config(),
    class_names=_DIGITS,
    learned="weights trained to find digits",
    score_name="F1",
    score=0.895,
    trained_on="trained for this explorer to find the centres of handwritten digits (MNIST) over photographs: one heat "
    "map a digit",
)
#: All that ship; the pages that look into a network open with the first.
TRAINED_NETWORKS = (SEGMENTER, POINTER)


def trained_network(config: HRFormerConfig) -> TrainedNetwork | None:
    """The network that ships with weights for a variant, at whatever image size; None where none does."""
    return next((network for network in TRAINED_NETWORKS if network.fits(config)), None)


def fits_trained_weights(config: HRFormerConfig) -> bool:
    """Whether the segmenter's weights fit a variant, at whatever image size."""
    return SEGMENTER.fits(config)


def load_trained() -> HRFormer:
    """The trained segmenter, in evaluation mode; errors are those of `TrainedNetwork.load`."""
    return SEGMENTER.load()


def load_digit_sample(name: str) -> Picture:
    """One of `DIGIT_SAMPLES`, (112, 112, 3).

    Raises:
        ValueError: If there is no such sample.
    """
    return np.array(_samples().images[_sample_index(name)])


def load_digit_truth(name: str) -> NDArray[np.uint8]:
    """The class of each pixel of one of `DIGIT_SAMPLES`, (112, 112), as the segmenter's `class_names` count them.

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
