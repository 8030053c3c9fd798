"""Key points in the pixels of their picture."""

import numpy as np

from explorer.charts.prediction import Limbs, Skeleton
from explorer.charts.skeleton_image import painted_skeletons

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
LIMBS = Limbs(["one", "other", "third"], ["#FF0000", "#00FF00", "#FF0000"], [((0, 1), "#0000FF"), ((1, 2), "#0000FF")])
PICTURE = np.full((100, 200, 3), 90, np.uint8)


def painted(*scores: float) -> np.ndarray:
    """Three key points in row 20: columns 20, 80 and 160."""
    points = np.array([[20.0, 20.0], [80.2, 19.7], [160.0, 20.0]])
    person = Skeleton(points, np.array(scores, np.float32), (0, 0, 200, 100))
    return painted_skeletons(PICTURE, [person], LIMBS, least_score=0.5)


def test_joints_and_what_joins_them_have_their_colours() -> None:
    image = painted(0.9, 0.8, 0.7)
    assert [tuple(image[20, column]) for column in (20, 50, 80, 120, 160)] == [RED, BLUE, GREEN, BLUE, RED]
    assert tuple(image[20, 76]) == WHITE  # a key point of two twice two pixels' radius has an edge
    assert (image[40:] == 90).all()
    assert (PICTURE == 90).all()


def test_what_scores_too_little_is_left_out_with_its_limbs() -> None:
    image = painted(0.9, 0.8, 0.4)
    assert [tuple(image[20, column]) for column in (20, 50, 80)] == [RED, BLUE, GREEN]
    assert (image[:, 90:] == 90).all()
    assert (painted(0.1, 0.8, 0.4)[20, 50] == 90).all()


def test_every_person_is_painted_and_beyond_the_picture_nothing_is() -> None:
    scores = np.ones(3, np.float32)
    persons = [
        Skeleton(np.array([[20.0, row], [80.0, row], [260.0, row]]), scores, (0, 0, 200, 100)) for row in (20.0, 70.0)
    ]
    image = painted_skeletons(PICTURE, persons, LIMBS, least_score=0.5)
    assert image.shape == PICTURE.shape
    assert tuple(image[20, 20]) == tuple(image[70, 20]) == RED
    assert tuple(image[20, 199]) == BLUE
