"""COCO's key points and its format of results."""

import json

import numpy as np

from explorer.prediction.coco import (
    FLIP_PAIRS,
    JOINTS,
    LEFT_COLOUR,
    MIDDLE_COLOUR,
    RIGHT_COLOUR,
    SKELETON,
    colour_of,
    limb_colour,
    results_of,
)
from explorer.prediction.key_points import Box, Person, crop_around


def test_pairs_are_the_two_sides_of_one_joint() -> None:
    assert len(JOINTS) == 17
    assert len(FLIP_PAIRS) == 8
    for left, right in FLIP_PAIRS:
        assert JOINTS[right] == JOINTS[left].replace("left", "right")
        assert JOINTS[left].startswith("left")


def test_every_joint_is_on_the_skeleton_and_the_skeleton_is_symmetric() -> None:
    other = {one: two for pair in FLIP_PAIRS for one, two in (pair, pair[::-1])}
    limbs = {frozenset(limb) for limb in SKELETON}
    assert len(limbs) == 19
    assert {joint for limb in limbs for joint in limb} == set(range(17))
    mirrored = {frozenset(other.get(joint, joint) for joint in limb) for limb in limbs}
    assert mirrored == limbs


def test_sides_have_their_colours() -> None:
    """As in mmpose's coco.py: head and trunk alike, arms and legs by side."""
    assert [colour_of(JOINTS.index(name)) for name in ("nose", "left ear", "left wrist", "right ankle")] == [
        *(MIDDLE_COLOUR, MIDDLE_COLOUR, LEFT_COLOUR, RIGHT_COLOUR),
    ]
    limbs = [(7, 9), (14, 12), (5, 11), (5, 6), (3, 5)]
    assert [limb_colour(limb) for limb in limbs] == [
        *(LEFT_COLOUR, RIGHT_COLOUR, MIDDLE_COLOUR, MIDDLE_COLOUR, MIDDLE_COLOUR),
    ]


def test_results_are_as_coco_reads_them() -> None:
    box = Box(10, 20, 30, 40)
    points = np.arange(34.0).reshape(17, 2)
    person = Person(
        box, crop_around(box, (256, 192)), np.zeros((17, 64, 48), np.float32), points, np.full(17, 0.5, np.float32)
    )
    (result,) = json.loads(json.dumps(results_of([person], 7)))
    assert (result["image_id"], result["category_id"], result["bbox"], result["score"]) == (7, 1, [10, 20, 30, 40], 0.5)
    assert len(result["keypoints"]) == 51
    assert result["keypoints"][:6] == [0.0, 1.0, 0.5, 2.0, 3.0, 0.5]
