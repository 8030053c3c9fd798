"""Classes of segmentation by how many a network has: their names and colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Colour = tuple[int, int, int]

#: Names and colours in the order of the train ids (cityscapesScripts, helpers/labels.py).
CITYSCAPES: dict[str, Colour] = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}
#: Of up to ten things over a background: light, and far from each other (out of Sasha Trubetskoy's distinct colours).
_FEW: tuple[Colour, ...] = (
    (230, 25, 75),
    (60, 180, 75),
    (255, 225, 25),
    (67, 99, 216),
    (245, 130, 49),
    (145, 30, 180),
    (66, 212, 244),
    (240, 50, 230),
    (191, 239, 69),
    (250, 190, 212),
)
_BITS = 8


@dataclass(frozen=True)
class ClassSet:
    """What the classes of a segmentation look like.

    Attributes:
        colours: One a class, each 0 to 255.
        background: The class that is no thing and stays clear, if there is one.
    """

    colours: Sequence[Colour]
    background: int | None = None


def class_set(count: int, background: int | None = None) -> ClassSet:
    """Colours for so many classes.

    Args:
        count: How many.
        background: The class that is no thing, if there is one.
    """
    if count == len(CITYSCAPES):
        return ClassSet(tuple(CITYSCAPES.values()), background)
    things = [number for number in range(count) if number != background]
    if len(things) <= len(_FEW):
        colours = dict(zip(things, _FEW, strict=False))
        return ClassSet([colours.get(number, (0, 0, 0)) for number in range(count)], background)
    return ClassSet([voc_colour(number + 1) for number in range(count)], background)


def voc_colour(number: int) -> Colour:
    """Colour of a label in Pascal VOC's map (`VOClabelcolormap` of its development kit): neighbours differ most."""
    parts = [0, 0, 0]
    for bit in range(_BITS):
        for part in range(3):
            parts[part] |= (number >> (3 * bit + part) & 1) << (_BITS - 1 - bit)
    return parts[0], parts[1], parts[2]
