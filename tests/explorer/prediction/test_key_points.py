"""Key points against the published rules: crops, peaks, the flip test, and the way back into the picture."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from explorer.prediction.coco import FLIP_PAIRS
from explorer.prediction.key_points import Box, crop_around, find_persons, flipped_back, peaks_of
from hrformer import create_model
from tests.variants import tiny

SIZES = st.sampled_from([(256, 192), (384, 288), (64, 64), (96, 128)])
SIDES = st.floats(1, 2000)
BOXES = st.builds(Box, st.floats(-500, 2000), st.floats(-500, 2000), SIDES, SIDES)


def bump(height: int, width: int, **values: float) -> np.ndarray:
    """A heat map with values at places such as r3c4."""
    heat_map = np.zeros((height, width), np.float32)
    for place, value in values.items():
        row, column = place[1:].split("c")
        heat_map[int(row), int(column)] = value
    return heat_map


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"r5c6": 1.0}, (6, 5)),  # both neighbours alike: sign 0
        ({"r5c6": 1.0, "r5c7": 0.5}, (6.25, 5)),
        ({"r5c6": 1.0, "r5c5": 0.5, "r4c6": 0.1}, (5.75, 4.75)),
        ({"r5c6": 1.0, "r5c7": 0.5, "r5c5": 0.6, "r6c6": 0.9}, (5.75, 5.25)),
        ({"r0c6": 1.0, "r0c7": 0.5}, (6, 0)),  # at the edge there is no offset
        ({"r1c6": 1.0, "r1c7": 0.5}, (6, 1)),  # nor beside it: 1 < row < height - 1
        ({"r5c10": 1.0, "r5c9": 0.5}, (9.75, 5)),  # but one before the last one there is
        ({"r5c11": 1.0, "r5c10": 0.5}, (11, 5)),
    ],
)
def test_a_joint_lies_a_quarter_of_a_cell_towards_the_higher_neighbour(
    values: dict[str, float], expected: tuple[float, float]
) -> None:
    cells, scores = peaks_of(bump(10, 12, **values)[None])
    assert tuple(cells[0]) == expected
    assert scores.tolist() == [1.0]


def test_the_crop_of_a_box_is_a_quarter_larger_and_has_the_networks_aspect() -> None:
    """simple-baselines' `_box2cs`: 60 x 200 at 192:256 is widened to 150 x 200, then both by 1.25."""
    tall = crop_around(Box(100, 50, 60, 200), (256, 192))
    assert tall.centre == (130, 150)
    assert tall.extent == (187.5, 250)
    wide = crop_around(Box(0, 0, 300, 100), (256, 192))
    assert wide.extent == (375, 500)


@given(BOXES, SIZES)
def test_the_whole_box_is_in_the_crop_and_corners_come_back(box: Box, img_size: tuple[int, int]) -> None:
    crop = crop_around(box, img_size)
    map_size = (img_size[0] // 4, img_size[1] // 4)
    corners = np.array([[0, 0], [map_size[1], map_size[0]]])
    (left, top), (right, bottom) = crop.in_picture(corners, map_size)
    assert left <= box.left + 1e-6
    assert top <= box.top + 1e-6
    assert right >= box.left + box.width - 1e-6
    assert bottom >= box.top + box.height - 1e-6
    assert (right - left) / (bottom - top) == pytest.approx(img_size[1] / img_size[0])


@given(st.integers(0, 40), st.integers(0, 40), SIZES)
def test_a_place_of_the_picture_is_where_the_crop_shows_it(row: int, column: int, img_size: tuple[int, int]) -> None:
    """Row and column are told by brightness, so that what the crop shows says where it is from."""
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[..., 0], picture[..., 1] = np.arange(128)[:, None], np.arange(128)[None]
    crop = crop_around(Box(column + 20, row + 20, 40, 40), img_size)
    shown = crop.of(picture)
    assert shown.shape == (*img_size, 3)
    for y, x in ((img_size[0] // 2, img_size[1] // 2), (img_size[0] // 3, img_size[1] // 4)):
        place_x, place_y = crop.in_picture(np.array([x, y]), img_size)
        if 1 <= place_x <= 126 and 1 <= place_y <= 126:
            assert shown[y, x, 0] == pytest.approx(place_y, abs=1.01)
            assert shown[y, x, 1] == pytest.approx(place_x, abs=1.01)


def test_beyond_the_picture_a_crop_is_black() -> None:
    crop = crop_around(Box(0, 0, 50, 50), (64, 64)).of(np.full((50, 50, 3), 200, np.uint8))
    assert crop[0].max() == crop[:, -1].max() == 0
    assert crop[32, 32].tolist() == [200, 200, 200]


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0.5), (-3, 4), (float("nan"), 4)])
def test_an_empty_box_is_refused(width: float, height: float) -> None:
    with pytest.raises(ValueError, match="holds nothing: draw it larger"):
        Box(0, 0, width, height)


def test_a_box_is_cut_to_the_picture_or_refused() -> None:
    assert Box(-10, 5, 30, 100).cut_to((50, 60)) == Box(0, 5, 20, 45)
    with pytest.raises(ValueError, match="outside the picture: use rows up to 50 and columns up to 60"):
        Box(70, 0, 10, 10).cut_to((50, 60))


class MirroredPerson(nn.Module):
    """Finds each left joint at the right edge of what it sees and each right one at the left edge, always."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = torch.zeros(len(x), 17, 8, 6)
        for left, right in FLIP_PAIRS:
            maps[:, left, 3, 4] = maps[:, right, 3, 1] = 1
        maps[:, 0, 3, 2] = 1
        return maps


def test_mirrored_maps_change_sides_and_move_by_a_cell() -> None:
    """Column 4 of 6 is column 1 when mirrored back, and lies in column 2 then, in the map of the other side."""
    back = flipped_back(MirroredPerson()(torch.zeros(1))[0])
    left, right = FLIP_PAIRS[3]
    assert back[right].nonzero().tolist() == [[3, 2]]
    assert back[left].nonzero().tolist() == [[3, 5]]
    assert back[0].nonzero().tolist() == [[3, 4]]


def test_the_flip_test_is_the_mean_of_both_ways() -> None:
    torch.manual_seed(0)
    model = create_model(tiny("pose", num_classes=17, img_size=(64, 48))).eval()
    picture = np.random.default_rng(0).integers(0, 256, (80, 60, 3), np.uint8)
    box = Box(0, 0, 60, 80)
    plain, tested = (find_persons(model, picture, [box], flip_test=flip)[0] for flip in (False, True))
    x = torch.from_numpy(plain.crop.of(picture).copy()).permute(2, 0, 1).float()[None] / 255
    x = (x - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        there, back = model(x)[0], flipped_back(model(x.flip(3))[0])
    np.testing.assert_allclose(plain.heat_maps, there, atol=1e-5)
    np.testing.assert_allclose(tested.heat_maps, (there + back) / 2, atol=1e-5)


def test_every_box_is_a_person_of_its_own() -> None:
    model = create_model(tiny("pose", num_classes=5)).eval()
    picture = np.random.default_rng(1).integers(0, 256, (90, 90, 3), np.uint8)
    boxes = [Box(0, 0, 90, 90), Box(10, 10, 30, 30), Box(50, 40, 30, 45)]
    persons = find_persons(model, picture, boxes)
    assert [person.box for person in persons] == boxes
    for person, box in zip(persons, boxes, strict=True):
        (alone,) = find_persons(model, picture, [box])
        np.testing.assert_array_equal(person.heat_maps, alone.heat_maps)
        assert person.points.shape == (5, 2)


def test_what_cannot_be_asked_is_refused() -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    boxes = [Box(0, 0, 32, 32)]
    with pytest.raises(ValueError, match="A classification network finds no key points: use a pose variant"):
        find_persons(create_model(tiny()).eval(), picture, boxes)
    with pytest.raises(ValueError, match="Which of 5 key points change sides is not known"):
        find_persons(create_model(tiny("pose", num_classes=5)).eval(), picture, boxes, flip_test=True)
    with pytest.raises(ValueError, match=r"call model.eval\(\) first"):
        find_persons(create_model(tiny("pose")), picture, boxes)
