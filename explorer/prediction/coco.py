"""COCO's 17 key points: names, sides, skeleton, and its format of results.

Order and skeleton are those of the annotations (`person_keypoints_val2017.json`, categories), colours by side as in
mmpose's `configs/_base_/datasets/coco.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.prediction.key_points import Person

JOINTS = (
    *("nose", "left eye", "right eye", "left ear", "right ear"),
    *("left shoulder", "right shoulder", "left elbow", "right elbow", "left wrist", "right wrist"),
    *("left hip", "right hip", "left knee", "right knee", "left ankle", "right ankle"),
)
#: Joints that change places in a mirrored picture.
FLIP_PAIRS = tuple((left, left + 1) for left in range(1, len(JOINTS), 2))
#: Limbs, as pairs of joints.
SKELETON = (
    *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6)),
    *((5, 7), (6, 8), (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
)
LEFT_COLOUR, RIGHT_COLOUR, MIDDLE_COLOUR = "#00FF00", "#FF8000", "#3399FF"
_TORSO = ((5, 11), (6, 12))
_FIRST_OF_BODY = JOINTS.index("left shoulder")
_PERSON = 1


def colour_of(joint: int) -> str:
    """Of a joint: by its side, those of the head alike."""
    if joint < _FIRST_OF_BODY:
        return MIDDLE_COLOUR
    return LEFT_COLOUR if JOINTS[joint].startswith("left") else RIGHT_COLOUR


def limb_colour(limb: tuple[int, int]) -> str:
    """Of a limb: an arm's or a leg's by its side, all others alike."""
    colours = {colour_of(joint) for joint in limb}
    return MIDDLE_COLOUR if limb in _TORSO or len(colours) > 1 else colours.pop()


def results_of(persons: Sequence[Person], image_id: int | str) -> list[dict[str, Any]]:
    """Persons in COCO's format of results (https://cocodataset.org/#format-results).

    Args:
        persons: Of networks with COCO's joints or other ones.
        image_id: What the picture is called.

    Returns:
        One entry a person; each key point is x and y in pixels and its score.
    """
    return [
        {
            "image_id": image_id,
            "category_id": _PERSON,
            "bbox": [person.box.left, person.box.top, person.box.width, person.box.height],
            "keypoints": [
                round(float(value), 3)
                for (x, y), score in zip(person.points, person.scores, strict=True)
                for value in (x, y, score)
            ],
            "score": round(person.score, 4),
        }
        for person in persons
    ]
