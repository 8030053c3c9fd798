"""Centres of digits and their heat maps: by hand, and against the ink of drawn digits."""

import numpy as np
import pytest

from explorer.pictures.digit_points import (
    LEAST_VISIBLE,
    SIGMA_CELLS,
    DigitPoint,
    heat_maps,
    heat_maps_at,
    points_of,
    visible_points,
)
from explorer.pictures.digits import Canvases, CropPlace, DigitBox, crops_at, make_canvases

WHOLE = slice(0, 64), slice(0, 64)


def test_a_digit_lies_in_the_middle_of_its_box() -> None:
    """Pixels 10 to 29 and 20 to 30: their middles are 19.5 and 25."""
    assert visible_points([DigitBox(7, 10, 20, 20, 11)], *WHOLE) == (DigitPoint(7, 25, 19.5, 20),)


def test_over_the_edge_it_lies_in_the_middle_of_what_is_visible() -> None:
    """Rows -6 to 13 and columns 54 to 73: rows 0 to 13 and columns 54 to 63 are visible, 140 of 400 pixels."""
    assert visible_points([DigitBox(1, -6, 54, 20, 20)], *WHOLE) == ()  # 0.35 is too little
    assert visible_points([DigitBox(1, -6, 50, 20, 20)], *WHOLE) == (DigitPoint(1, 56.5, 6.5, 20),)  # 0.49


def test_a_part_of_a_picture_counts_from_its_own_corner_and_shows_no_slivers() -> None:
    boxes = [DigitBox(0, 20, 20, 10, 10), DigitBox(1, 33, 30, 10, 10)]
    assert visible_points(boxes, slice(16, 36), slice(12, 48)) == (DigitPoint(0, 12.5, 8.5, 10),)


def test_every_digit_that_is_drawn_on_a_canvas_counts() -> None:
    canvases = make_canvases("test", 40, 112)
    assert [len(points) for points in points_of(canvases)] == [len(boxes) for boxes in canvases.boxes]
    assert LEAST_VISIBLE < (2 / 3) ** 2


def test_a_target_is_a_gaussian_of_height_one_on_the_map_of_its_class() -> None:
    """Cell (x, y) stands for pixel (4x, 4y)."""
    maps = heat_maps([DigitPoint(3, 20, 32, 24)], (64, 48))
    assert maps.shape == (10, 16, 12)
    assert maps[3, 8, 5] == 1
    assert maps[3, 8, 6] == maps[3, 9, 5] == pytest.approx(np.exp(-1 / (2 * SIGMA_CELLS**2)))
    assert maps[[0, 1, 2, 4, 5, 6, 7, 8, 9]].max() == 0


def test_between_cells_the_nearest_is_highest_and_two_of_one_class_both_have_a_peak() -> None:
    one, other = DigitPoint(3, 9, 8, 20), DigitPoint(3, 41, 8, 20)
    both = heat_maps([one, other], (64, 64))
    assert both[3, 2].argmax() == 2
    np.testing.assert_array_equal(both, np.maximum(heat_maps([one], (64, 64)), heat_maps([other], (64, 64))))


def test_a_crops_targets_move_with_its_picture() -> None:
    """A cell is four pixels: moved by 8 pixels, the target moves by two cells."""
    canvases = Canvases(
        np.zeros((1, 64, 64, 3), np.uint8), np.zeros((1, 64, 64), np.uint8), ((DigitBox(5, 24, 28, 16, 16),),)
    )
    here, moved = heat_maps_at(
        canvases, [CropPlace(0, slice(0, 48), slice(0, 48)), CropPlace(0, slice(8, 56), slice(4, 52))]
    ).numpy()
    np.testing.assert_array_equal(moved[:, :-2, :-1], here[:, 2:, 1:])


def test_the_ink_around_a_centre_is_of_its_class() -> None:
    canvases = make_canvases("train", 6, 96)
    places = crops_at(canvases, 64, 6, 0, seed=0)
    for place in places:
        labels = canvases.labels[place]
        for point in visible_points(canvases.boxes[place.picture], place.rows, place.columns):
            reach = point.longest / 2
            rows, columns = np.indices(labels.shape)
            near = (abs(rows - point.y) <= reach) & (abs(columns - point.x) <= reach)
            assert (labels[near] == point.value + 1).any()
