"""Boxes of persons on the Prediction page: in the link, dragged, typed, taken out again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from explorer.prediction.key_points import Box
from explorer.ui import choices

MOST_PERSONS = 8
#: Key of the chosen person, by the number of their box.
PERSON = "person"
_BOXES = "boxes"
_TYPED = ("left", "top", "width", "height")


def chosen_boxes(size: tuple[int, int]) -> tuple[Box, ...]:
    """Those that the user drew or the link names, within the picture; none stands for the whole picture."""
    return choices.remembered(
        _BOXES,
        (),
        read=partial(read_boxes, size=size),
        write=write_boxes,
        is_legal=lambda boxes: all(_lies_in(box, size) for box in boxes),
    )


def read_boxes(text: str, size: tuple[int, int]) -> tuple[Box, ...]:
    """Boxes of a link, cut to a picture of (height, width).

    Raises:
        ValueError: If they are none, too many, or outside.
    """
    boxes = tuple(Box(*map(float, part.split(","))) for part in text.split(";") if part.count(",") == 3)
    if not 1 <= len(boxes) <= MOST_PERSONS or len(boxes) != text.count(";") + 1:
        raise ValueError(f"Boxes are left,top,width,height, joined by semicolons, up to {MOST_PERSONS}.")
    return tuple(_whole_pixels(box.cut_to(size)) for box in boxes)


def write_boxes(boxes: Sequence[Box]) -> str:
    """The inverse of `read_boxes`."""
    return ";".join(",".join(f"{getattr(box, side):g}" for side in _TYPED) for box in boxes)


def _whole_pixels(box: Box) -> Box:
    return Box(*(round(getattr(box, side)) for side in _TYPED))


def _lies_in(box: Box, size: tuple[int, int]) -> bool:
    return box.left >= 0 and box.top >= 0 and box.left + box.width <= size[1] and box.top + box.height <= size[0]


def _drawn() -> tuple[Box, ...]:
    """The boxes of now, which the page may not have drawn yet."""
    return choices.held(_BOXES, ())


def add_box(sides: tuple[float, float, float, float], size: tuple[int, int]) -> None:
    """Add a box of (left, top, width, height) in a picture of (height, width), or say why not."""
    boxes = _drawn()
    try:
        box = _whole_pixels(Box(*sides).cut_to(size))
    except ValueError as error:
        st.toast(str(error), icon=":material/error:")
        return
    if len(boxes) == MOST_PERSONS:
        st.toast(f"There are {MOST_PERSONS} boxes already: take one out first.", icon=":material/error:")
        return
    choices.hold(_BOXES, (*boxes, box))
    choices.hold(PERSON, len(boxes))


def take_out_box(box: Box) -> None:
    """Take a box out again, and choose the first person."""
    choices.hold(_BOXES, tuple(each for each in _drawn() if each is not box))
    choices.forget(PERSON)


def _take_all_out() -> None:
    choices.forget(_BOXES)
    choices.forget(PERSON)


def edit_boxes(boxes: tuple[Box, ...], size: tuple[int, int]) -> None:
    """Boxes by number, for the keyboard."""
    with st.expander("Boxes of persons"):
        if not boxes:
            st.caption("No box yet: the whole picture is one person's.")
        for index, box in enumerate(boxes):
            with st.container(horizontal=True, vertical_alignment="center"):
                place = f"from column {box.left:g}, row {box.top:g}"
                st.markdown(f"**{index + 1}** · {box.width:g} x {box.height:g} pixels {place}")
                st.button("Take it out", key=f"take_out_box_{index}", on_click=take_out_box, args=(box,))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            sides = _typed_box(size)
            st.button("Add the box", key="add_box", on_click=add_box, args=(sides, size))
            if boxes:
                st.button("The whole picture again", key="clear_boxes", on_click=_take_all_out)


def _typed_box(size: tuple[int, int]) -> tuple[float, float, float, float]:
    most = {"left": size[1] - 1, "top": size[0] - 1, "width": size[1], "height": size[0]}
    left, top, width, height = (
        choices.number(
            st.number_input,
            f"{side.capitalize()}, pixels",
            0 if side in ("left", "top") else 1,
            most[side],
            key=f"box_{side}",
            default=0 if side in ("left", "top") else most[side],
            link=None,
            width=120,
        )
        for side in _TYPED
    )
    return left, top, width, height
