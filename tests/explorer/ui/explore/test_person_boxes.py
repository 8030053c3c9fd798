"""Boxes in links: what is written is read again, and what cannot be is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.prediction.key_points import Box
from explorer.ui.explore.person_boxes import MOST_PERSONS, read_boxes, write_boxes

SIZE = (300, 400)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[Box, ...]:
    def one() -> Box:
        left, top = draw(st.integers(0, SIZE[1] - 1)), draw(st.integers(0, SIZE[0] - 1))
        return Box(left, top, draw(st.integers(1, SIZE[1] - left)), draw(st.integers(1, SIZE[0] - top)))

    return tuple(one() for _ in range(draw(st.integers(1, MOST_PERSONS))))


@given(boxes())
def test_a_link_brings_back_what_was_drawn(drawn: tuple[Box, ...]) -> None:
    assert read_boxes(write_boxes(drawn), SIZE) == drawn


@given(st.text(max_size=60))
def test_any_text_is_read_as_boxes_in_the_picture_or_refused(text: str) -> None:
    try:
        read = read_boxes(text, SIZE)
    except ValueError:
        return
    for box in read:
        assert box.cut_to(SIZE) == box


@pytest.mark.parametrize("text", ["inf,0,5,5", "0,0,inf,inf", "nan,nan,nan,nan", "1e400,0,1,1", "-5,-5,4,4"])
def test_numbers_that_are_no_places_are_refused_or_cut(text: str) -> None:
    try:
        (box,) = read_boxes(text, SIZE)
    except ValueError:
        return
    assert box.cut_to(SIZE) == box
