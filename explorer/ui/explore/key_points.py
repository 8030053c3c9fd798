"""Key points on the Prediction page: boxes dragged or typed, skeletons, and a joint's heat map."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from explorer.charts.attribution import attribution_overlay
from explorer.charts.prediction import Limbs, Skeleton, skeleton_picture
from explorer.charts.skeleton_image import painted_skeletons
from explorer.cost.capacity import looking_mib
from explorer.models.trained import PEAK_THRESHOLD, POINTER
from explorer.pictures.photographs import frame_of
from explorer.prediction.class_sets import class_set
from explorer.prediction.coco import JOINTS, SKELETON, colour_of, limb_colour, results_of
from explorer.prediction.key_points import PADDING, Box, Person, find_persons
from explorer.prediction.peaks import local_peaks
from explorer.ui import choices
from explorer.ui.explore.block_controls import hold_place
from explorer.ui.explore.output_names import OutputNames
from explorer.ui.explore.person_boxes import PERSON, add_box, chosen_boxes, edit_boxes
from explorer.ui.explore.prediction import show_ways_on
from explorer.ui.explore.sight import Key, Sight
from explorer.ui.heavy_work import shared_pass
from explorer.ui.panels import file_button, half_grid, npz_button, png_button, show_chart
from explorer.units import significant
from hrformer import HRFormer

MOSTPERSONS = 8
_LEAST_SCORE = 0.2
_JOINT = "joint"
#: Longest side of the picture as it is sent to the browser.
_SHOWN_PX = 800
_CLICK, _DRAW = "Choose key points", "Draw boxes around persons"
_LOOKED_AT, _CLICKED_AT = "looked_at_joint", "clicked_at"


@dataclass(frozen=True, eq=False)
class KeyPointsView:
    """Persons found in a picture, and which key point is looked at.

    Attributes:
        sight: The picture before the network.
        persons: One a box.
        boxes: Those that the user drew; none stands for the whole picture.
        least: Score below which key points are not shown.
        chosen: Index of a person and of a key point.
    """

    sight: Sight
    persons: Sequence[Person]
    boxes: tuple[Box, ...]
    least: float
    chosen: tuple[int, int]

    @property
    def names(self) -> OutputNames:
        """Of the key points."""
        return OutputNames(self.sight.weights)

    @property
    def person(self) -> Person:
        """The chosen one."""
        return self.persons[self.chosen[0]]

    @property
    def joint(self) -> int:
        """The chosen key point."""
        return self.chosen[1]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture, pixels."""
        return _size_of(self.sight)


def show_key_points(sight: Sight) -> None:
    """Skeletons over the picture, a joint's heat map, boxes by hand, scores and files."""
    boxes = () if _is_pointer(sight) else chosen_boxes(_size_of(sight))
    answer = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        least = choices.number(
            st.slider,
            "Least score shown",
            0.0,
            1.0,
            key="least_score",
            default=least_score(sight),
            step=0.05,
            width=260,
        )
        flip = _is_coco(sight) and choices.toggle(
            "Flip test",
            key="flip_test",
            help="The mean with the mirrored crop, as the published scores were measured; it takes twice the time.",
        )
    persons = _find(sight, boxes, flip=flip) if boxes else persons_in_whole_picture(sight, flip=flip)
    view = KeyPointsView(sight, persons, boxes, least, _choose_joint(persons, OutputNames(sight.weights)))
    answer.markdown(_describe(view))
    draws = _CLICK if _is_pointer(sight) else _choose_pointer()
    halves = half_grid()
    with halves.cell():
        _show_skeletons(view, draws_boxes=draws == _DRAW)
    with halves.cell():
        _show_heat_map(view)
    _look_there(view)
    if not _is_pointer(sight):
        edit_boxes(boxes, view.size)
    _files(view)


def _choose_pointer() -> str:
    return choices.segments(
        "Pointer",
        (_CLICK, _DRAW),
        key="pointer",
        label_visibility="collapsed",
        help="What the pointer does in the picture; boxes can also be typed below.",
    )


def persons_in_whole_picture(sight: Sight, *, flip: bool = False) -> list[Person]:
    """One person, whose box is the picture."""
    height, width = _size_of(sight)
    return _find(sight, (Box(0, 0, width, height),), flip=flip)


def _find(sight: Sight, boxes: tuple[Box, ...], *, flip: bool) -> list[Person]:
    padding = 1.0 if _is_pointer(sight) else PADDING
    return sight.look(partial(_persons, sight.picture.whole, flip=flip, padding=padding), _all_finite, boxes)


def _size_of(sight: Sight) -> tuple[int, int]:
    """(height, width) of the picture before it is fitted, pixels."""
    height, width = sight.picture.whole.shape[:2]
    return height, width


def least_score(sight: Sight) -> float:
    """Of the network that ships the score that its own was measured at, so that no digit is shown that is not there."""
    return PEAK_THRESHOLD if _is_pointer(sight) else _LEAST_SCORE


def found_in(sight: Sight, person: Person, least: float) -> int:
    """How many key points score enough; of digits, of which each map may have several, all."""
    return len(_digits(person, least)) if _is_pointer(sight) else int((person.scores >= least).sum())


def _is_pointer(sight: Sight) -> bool:
    """Whether it is the network that ships: its maps have a peak at each digit, in the whole picture as it is."""
    return sight.weights.origin == "trained" and POINTER.fits(sight.config)


def _digits(person: Person, least: float) -> list[tuple[int, NDArray[np.float64], float]]:
    """Key point, place in the picture and score of every peak of every map."""
    size = person.heat_maps.shape[1:]
    return [
        (peak.key_point, person.crop.in_picture(np.array([peak.x, peak.y]), (size[0], size[1])), peak.score)
        for peak in local_peaks(person.heat_maps, least)
    ]


def _is_coco(sight: Sight) -> bool:
    return sight.config.num_classes == len(JOINTS)


def _persons(
    picture: NDArray[np.uint8],
    model: HRFormer,
    _: Tensor,
    key: Key,
    boxes: Sequence[Box],
    *,
    flip: bool,
    padding: float,
) -> list[Person]:
    """Key points in every box; the picture as other pages give it to the network plays no part."""

    def compute() -> list[Person]:
        return find_persons(model, picture, boxes, flip_test=flip, padding=padding)

    return shared_pass("key points", (key, tuple(boxes), flip), looking_mib(model.config), model, compute)


def _all_finite(persons: Sequence[Person]) -> bool:
    return all(np.isfinite(person.heat_maps).all() for person in persons)


def _choose_joint(persons: Sequence[Person], names: OutputNames) -> tuple[int, int]:
    """Which person's which key point is looked at: by a click, or in the sidebar."""
    with st.sidebar:
        people = tuple(range(len(persons)))
        person = 0
        if len(people) > 1:
            person = choices.segments("Person", people, key=PERSON, format_func=lambda number: str(number + 1))
        joints = tuple(range(len(persons[0].points)))
        joint = choices.one_of(
            st.selectbox, "Key point", joints, key=_JOINT, format_func=lambda number: names[number].capitalize()
        )
    return person, joint


def _describe(view: KeyPointsView) -> str:
    found = [found_in(view.sight, person, view.least) for person in view.persons]
    if _is_pointer(view.sight):
        return f"It finds **{found[0]}** digits, above a score of {view.least:g}."
    noun = "outputs" if view.sight.weights.are_random else "key points"
    each = ", ".join(f"person {number}: {count}" for number, count in enumerate(found, start=1))
    told = each if len(found) > 1 else str(found[0])
    return f"Of {len(view.person.points)} {noun}, above a score of {view.least:g}: **{told}**."


def _limbs(view: KeyPointsView) -> Limbs:
    names = view.names.all()
    if not _is_coco(view.sight):
        return Limbs(names, [f"rgb{colour}" for colour in class_set(len(names)).colours])
    limbs = [] if view.sight.weights.are_random else [(limb, limb_colour(limb)) for limb in SKELETON]
    return Limbs(names, [colour_of(joint) for joint in range(len(JOINTS))], limbs)


def _skeletons(view: KeyPointsView) -> list[Skeleton]:
    if _is_pointer(view.sight):
        digits = _digits(view.person, view.least)
        points = np.array([place for _, place, _ in digits]).reshape(-1, 2)
        scores = np.array([score for _, _, score in digits])
        return [Skeleton(points, scores, None, [number for number, _, _ in digits])]
    return [
        Skeleton(each.points, each.scores, (each.box.left, each.box.top, each.box.width, each.box.height))
        for each in view.persons
    ]


def _show_skeletons(view: KeyPointsView, *, draws_boxes: bool) -> None:
    small = Image.fromarray(view.sight.picture.whole)
    small.thumbnail((_SHOWN_PX, _SHOWN_PX))
    figure = skeleton_picture(
        np.asarray(small),
        view.size,
        _skeletons(view),
        _limbs(view),
        "Drag a box around a person" if draws_boxes else "Click a key point",
        least_score=view.least,
        chosen=view.chosen,
        draws_boxes=draws_boxes,
    )
    # Another element, so that a box that was dragged is not drawn over it.
    name = f"key_points_{len(view.boxes)}_{'boxes' if draws_boxes else 'points'}"
    show_chart(
        figure,
        name,
        _table(view),
        alt="The picture with the key points of every person",
        on_select=partial(_take, name, view.size),
        boxes=True,
    )


def _take(name: str, size: tuple[int, int]) -> None:
    """Choose the key point that was clicked, or add the box that was dragged."""
    selection = st.session_state[f"chart_{name}"].selection
    if selection.box:
        (left, right), (top, bottom) = sorted(selection.box[0]["x"]), sorted(selection.box[0]["y"])
        add_box((left, top, right - left, bottom - top), size)
        return
    for point in selection.points:
        if point.get("customdata") is not None:
            choices.hold(PERSON, int(point["customdata"][0]))
            choices.hold(_JOINT, int(point["customdata"][1]))
            choices.hold(_CLICKED_AT, (point["x"], point["y"]))


def _show_heat_map(view: KeyPointsView) -> None:
    heat_map, name = view.person.heat_maps[view.joint], view.names[view.joint]
    height, width = view.sight.config.img_size
    values = np.asarray(Image.fromarray(heat_map).resize((width, height), Image.Resampling.BILINEAR))
    figure = attribution_overlay(
        view.person.crop.of(view.sight.picture.whole),
        values,
        f"Heat map: {name}, score {significant(float(view.person.scores[view.joint]))}",
        opacity=0.55,
        signed=False,
        quantity="heat map",
    )
    rows, columns = np.indices(heat_map.shape).reshape(2, -1)
    table = pd.DataFrame({"row": rows, "column": columns, "heat map": heat_map.ravel()})
    show_chart(figure, "heat_map", table, alt=f"Heat map of {name} over the person's crop")


def _look_there(view: KeyPointsView) -> None:
    """Let the pages that look inside start where a joint is that was chosen, in the picture as they show it."""
    picture = view.sight.picture
    left, top, right, bottom = frame_of(view.size, picture.img_size, picture.framing)
    now = view.sight.key, view.person.box, view.joint
    is_other = st.session_state.setdefault(_LOOKED_AT, now) != now
    clicked: tuple[float, float] | None = choices.held(_CLICKED_AT, None)
    choices.forget(_CLICKED_AT)
    if clicked is not None or is_other:
        x, y = clicked or view.person.points[view.joint] + 0.5  # pixel i reaches from i to i + 1
        hold_place("row", (y - top) / (bottom - top))
        hold_place("column", (x - left) / (right - left))
    st.session_state[_LOOKED_AT] = now
    show_ways_on("What speaks for it in the whole picture", target=view.joint)


def _table(view: KeyPointsView) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"person": number, "key point": view.names[joint], "x, pixels": x, "y, pixels": y, "score": score}
            for number, skeleton in enumerate(_skeletons(view), start=1)
            for joint, (x, y), score in zip(skeleton.numbers, skeleton.points, skeleton.scores, strict=True)
        ]
    )


def _files(view: KeyPointsView) -> None:
    persons, picture = view.persons, view.sight.picture
    with st.container(horizontal=True):
        png_button(
            lambda: painted_skeletons(picture.whole, _skeletons(view), _limbs(view), least_score=view.least),
            "key_points_over_picture",
            "Picture with key points as PNG",
        )
        if not _is_pointer(view.sight):  # digits are no persons
            file_button(
                "Key points as JSON (COCO)",
                lambda: json.dumps(results_of(persons, picture.name), indent=1),
                "key_points.json",
                "application/json",
                key="json_key_points",
            )
        npz_button(
            lambda: {
                "heat_maps": np.stack([person.heat_maps for person in persons]),
                "points": np.stack([person.points for person in persons]),
                "scores": np.stack([person.scores for person in persons]),
            },
            "key_points",
            "Heat maps as NumPy",
        )
