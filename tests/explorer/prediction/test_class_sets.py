"""Colours of classes: the published ones where there are such, and never two alike among few."""

import pytest

from explorer.prediction.class_sets import CITYSCAPES, class_set, voc_colour


def test_vocs_colours_are_those_of_its_development_kit() -> None:
    """Background, aeroplane, bicycle, bird, boat, bottle, ..., tvmonitor."""
    assert [voc_colour(number) for number in (0, 1, 2, 3, 4, 5, 15, 20)] == [
        *(
            (0, 0, 0),
            (128, 0, 0),
            (0, 128, 0),
            (128, 128, 0),
            (0, 0, 128),
            (128, 0, 128),
            (192, 128, 128),
            (0, 64, 128),
        ),
    ]


@pytest.mark.parametrize(
    ("count", "background"), [(1, None), (2, 0), (10, None), (11, 0), (19, None), (60, 0), (171, None)]
)
def test_no_two_classes_look_alike(count: int, background: int | None) -> None:
    colours = [colour for number, colour in enumerate(class_set(count, background).colours) if number != background]
    assert len(colours) == len(set(colours)) == count - (background is not None)


def test_nineteen_classes_look_as_those_of_cityscapes() -> None:
    assert class_set(19).colours[13] == CITYSCAPES["car"] == (0, 0, 142)
