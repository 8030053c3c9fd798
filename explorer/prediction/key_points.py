"""Key points of persons, as published for top-down networks: the crop around a box, heat maps, joints in the picture.

The rules are those of the authors' code and of mmpose (`get_final_preds` and `flip_back` of HRNet, `TopDownAffine` and
`keypoints_from_heatmaps` of mmpose 0.x): a box is widened to the network's aspect and by a quarter, a joint lies at its
map's maximum and a quarter of a cell towards the higher neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from explorer.inspection.partial_forward import exclusive
from explorer.pictures.photographs import Picture, to_input
from explorer.prediction.coco import FLIP_PAIRS, JOINTS
from hrformer import HRFormer

#: How much more than its box a person's crop holds.
PADDING = 1.25
_QUARTER = 0.25

HeatMaps = NDArray[np.float32]
Size = tuple[int, int]


@dataclass(frozen=True)
class Box:
    """Where a person is, in pixels of the picture.

    Attributes:
        left: Left edge.
        top: Upper edge.
        width: To the right edge.
        height: To the lower edge.

    Raises:
        ValueError: If it holds nothing.
    """

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        if not (self.width >= 1 and self.height >= 1):
            raise ValueError(f"A box of {self.width:g} x {self.height:g} pixels holds nothing: draw it larger.")

    def cut_to(self, size: Size) -> Box:
        """The part of it that lies in a picture of (height, width).

        Raises:
            ValueError: If none does.
        """
        left, top = max(self.left, 0.0), max(self.top, 0.0)
        right, bottom = min(self.left + self.width, size[1]), min(self.top + self.height, size[0])
        if right - left < 1 or bottom - top < 1:
            raise ValueError(f"The box lies outside the picture: use rows up to {size[0]} and columns up to {size[1]}.")
        return Box(left, top, right - left, bottom - top)


@dataclass(frozen=True)
class Crop:
    """The part of a picture that a network is given for a box.

    Attributes:
        centre: (x, y) of its middle, in pixels of the picture.
        extent: (width, height), in pixels of the picture; its aspect is the network's.
        img_size: (height, width) to which it is brought.
    """

    centre: tuple[float, float]
    extent: tuple[float, float]
    img_size: Size

    def of(self, picture: Picture) -> Picture:
        """The picture's part, (H, W, 3), black where it reaches beyond the picture."""
        height, width = self.img_size
        step_x, step_y = self.extent[0] / width, self.extent[1] / height
        # Pixel i of the crop shows the place centre + (i - side / 2) * step; Pillow counts from corners, not centres.
        from_x = self.centre[0] - self.extent[0] / 2 + 0.5 - step_x / 2
        from_y = self.centre[1] - self.extent[1] / 2 + 0.5 - step_y / 2
        image = Image.fromarray(picture).transform(
            (width, height),
            Image.Transform.AFFINE,
            (step_x, 0, from_x, 0, step_y, from_y),
            Image.Resampling.BILINEAR,
        )
        return np.asarray(image)

    def in_picture(self, cells: NDArray[np.floating[Any]], map_size: Size) -> NDArray[np.float64]:
        """Places of a heat map, (..., 2) as (x, y), in pixels of the picture."""
        steps = np.asarray(self.extent) / (map_size[1], map_size[0])
        return np.asarray(cells * steps + np.asarray(self.centre) - np.asarray(self.extent) / 2)


@dataclass(frozen=True, eq=False)
class Person:
    """What a network finds in one box.

    Attributes:
        box: The box.
        crop: What the network was given.
        heat_maps: One a key point, (K, H/4, W/4).
        points: Their places in the picture, (K, 2) as (x, y), in pixels.
        scores: Height of each map's peak, (K,); where it is not above zero, there is no such joint.
    """

    box: Box
    crop: Crop
    heat_maps: HeatMaps
    points: NDArray[np.float64]
    scores: NDArray[np.float32]

    @property
    def score(self) -> float:
        """Mean of the joints' scores."""
        return float(self.scores.mean())


def crop_around(box: Box, img_size: Size, padding: float = PADDING) -> Crop:
    """The crop of a box: as wide or as high as the network's aspect asks for, and a quarter more."""
    aspect = img_size[1] / img_size[0]
    width, height = max(box.width, box.height * aspect), max(box.height, box.width / aspect)
    centre = box.left + box.width / 2, box.top + box.height / 2
    return Crop(centre, (width * padding, height * padding), img_size)


def peaks_of(heat_maps: HeatMaps) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Where each map is highest, a quarter of a cell towards the higher of the two neighbours, and how high.

    Args:
        heat_maps: (K, H, W).

    Returns:
        (K, 2) as (x, y), in cells, and (K,).
    """
    count, height, width = heat_maps.shape
    flat = heat_maps.reshape(count, -1)
    rows, columns = np.divmod(flat.argmax(1), width)
    cells = np.stack([columns, rows], 1).astype(np.float64)
    for index, (row, column) in enumerate(zip(rows, columns, strict=True)):
        if 1 < column < width - 1 and 1 < row < height - 1:  # as published: the second row and column stay, too
            values = heat_maps[index]
            towards = (
                values[row, column + 1] - values[row, column - 1],
                values[row + 1, column] - values[row - 1, column],
            )
            cells[index] += np.sign(towards) * _QUARTER
    return cells, flat.max(1)


def find_persons(
    model: HRFormer, picture: Picture, boxes: Sequence[Box], *, flip_test: bool = False, padding: float = PADDING
) -> list[Person]:
    """The key points in each box.

    Args:
        model: A pose network, in evaluation mode.
        picture: (height, width, 3).
        boxes: One or more.
        flip_test: Whether the mean with the mirrored crop's maps is taken; for COCO's joints alone.
        padding: How much more than its box a crop holds.

    Raises:
        ValueError: If the network is of another task or in training mode, or has other joints than COCO's and shall see
            them mirrored.
    """
    if model.config.task != "pose":
        raise ValueError(f"A {model.config.task} network finds no key points: use a pose variant.")
    if model.training:
        raise ValueError("The model is in training mode, where looking would change it: call model.eval() first.")
    if flip_test and model.config.num_classes != len(JOINTS):
        raise ValueError(
            f"Which of {model.config.num_classes} key points change sides is not known: leave the flip test out."
        )
    crops = [crop_around(box, model.config.img_size, padding) for box in boxes]
    persons = []
    for box, crop in zip(boxes, crops, strict=True):
        heat_maps = _heat_maps(model, to_input(crop.of(picture), model.config.in_chans), flip_test=flip_test)
        cells, scores = peaks_of(heat_maps)
        persons.append(Person(box, crop, heat_maps, crop.in_picture(cells, heat_maps.shape[1:]), scores))
    return persons


def _heat_maps(model: HRFormer, x: Tensor, *, flip_test: bool) -> HeatMaps:
    with exclusive(model), torch.inference_mode():
        maps: Tensor = model(x)[0]
        if flip_test:
            maps = (maps + flipped_back(model(x.flip(3))[0])) / 2
    return np.asarray(maps.float())


def flipped_back(maps: Tensor) -> Tensor:
    """Heat maps of a mirrored picture as those of the picture: (17, H, W) -> (17, H, W).

    Mirrored back they lie a cell too far left, as a cell stands for four pixels and not for their middle; so all but
    the first column move to the right (`SHIFT_HEATMAP`).
    """
    order = list(range(len(JOINTS)))
    for one, other in FLIP_PAIRS:
        order[one], order[other] = other, one
    back = maps[order].flip(2)
    return torch.cat([back[:, :, :1], back[:, :, :-1]], 2)
