"""What the Attribution page explains: a class wherever it wins, at a pixel or in a box, or a key point at its peak."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import asdict, replace
from functools import partial
from math import ceil, floor

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from torch import Tensor

from explorer.charts.attribution import mark_box, mark_pixel
from explorer.charts.clickable import add_clickable_pixels
from explorer.cost.capacity import looking_mib
from explorer.inspection.explained import WON, ClassScores, Explained, Peak, Pixel, Region, Where, Won, class_scores
from explorer.ui import choices
from explorer.ui.choices import present
from explorer.ui.explore.output_names import OutputNames
from explorer.ui.heavy_work import shared_pass
from explorer.units import significant
from hrformer import HRFormer, HRFormerConfig

#: Classes that are listed one by one: all where they are few, else so many.
MOST_LISTED = 12
TOP = 5
#: What can be explained of a task's networks, as links write it.
_KINDS = {"classification": ("class",), "segmentation": ("class", "pixel", "region"), "pose": ("peak",)}
_LABELS = {"class": "Wherever it wins", "pixel": "One pixel", "region": "A box"}
#: Stands in the list for all classes that are not there.
_ANOTHER = -1
_TARGET = "target"
_IS_ANOTHER = "target_is_another"
_NUMBER = "target_number"
_REGION = "region"
_HALF_PX = 152

Size = tuple[int, int]


def scores_of(model: HRFormer, x: Tensor, key: tuple[Hashable, ...], where: Where = WON) -> ClassScores:
    """What the picture scores in every output there; `key` stands for model, weights and picture.

    Raises:
        ValueError: If a forward can never fit into the memory budget.
    """
    return shared_pass(
        "class scores", (*key, where), looking_mib(model.config), model, lambda: class_scores(model, x, where)
    )


def choose_where(config: HRFormerConfig) -> Where:
    """Where outputs are read: what the task allows of all kinds, with its place."""
    kinds = _KINDS[config.task]
    if len(kinds) > 1:
        kind = choices.segments("Explained", kinds, key="explained", format_func=lambda kind: _LABELS[kind])
    else:
        kind = _only(kinds[0])
    if kind == "pixel":
        return _choose_pixel(config.img_size)
    if kind == "region":
        return _choose_region(config.img_size)
    return Peak() if kind == "peak" else WON


def _only(kind: str) -> str:
    """The one kind that there is, which a link may name."""

    def read(text: str) -> str:
        if text != kind:
            raise ValueError(f"{text} can't be explained here.")
        return text

    return choices.remembered("explained", kind, read=read, is_legal=lambda chosen: chosen == kind)


def _choose_pixel(size: Size) -> Pixel:
    with st.container(horizontal=True):
        row, column = (
            choices.number(
                st.number_input,
                name,
                0,
                side - 1,
                key=key,
                default=side // 2,
                width=_HALF_PX,
                help="Or click on the map.",
            )
            for name, key, side in zip(("Row", "Column"), ("pixel_row", "pixel_column"), size, strict=True)
        )
    return Pixel(row, column)


def _choose_region(size: Size) -> Region:
    region = choices.remembered(
        _REGION,
        _middle(size),
        read=partial(_read_region, size=size),
        write=lambda region: ",".join(map(str, asdict(region).values())),
        is_legal=lambda region: region.lies_in(size),
    )
    limits = {
        "top": (0, size[0] - 1),
        "left": (0, size[1] - 1),
        "height": (1, size[0] - region.top),
        "width": (1, size[1] - region.left),
    }
    with st.container(horizontal=True):
        for side, (low, high) in limits.items():
            present(
                st.number_input,
                f"{side.capitalize()}, pixels",
                low,
                high,
                key=f"region_{side}",
                value=getattr(region, side),
                on_move=partial(_move_side, side, size),
                place=(low, high),
                width=_HALF_PX,
                help="Or drag a box on the map.",
            )
    return region


def _middle(size: Size) -> Region:
    """The middle half of each side."""
    return Region(size[0] // 4, size[1] // 4, ceil(size[0] / 2), ceil(size[1] / 2))


def _read_region(text: str, size: Size) -> Region:
    sides = [int(part) for part in text.split(",")]
    if len(sides) != 4 or not Region(*sides).lies_in(size):
        raise ValueError(f"A box is top,left,height,width within {size[0]} x {size[1]} pixels.")
    return Region(*sides)


def _move_side(side: str, size: Size, value: int) -> None:
    """Move one side; where the box would leave the picture it becomes smaller."""
    region = choices.held(_REGION, _middle(size))
    if not region.lies_in(size):  # of another picture
        region = _middle(size)
    region = replace(region, **{side: value})
    height, width = min(region.height, size[0] - region.top), min(region.width, size[1] - region.left)
    choices.hold(_REGION, replace(region, height=height, width=width))


def choose_output(scores: ClassScores, names: OutputNames, where: Where) -> Explained:
    """A key point by its name; a class from those that win most or have the largest logits, or by its number."""
    target = _choose_key_point(scores, names) if isinstance(where, Peak) else _choose_class(scores, names, where)
    return Explained(target, where)


def _choose_key_point(scores: ClassScores, names: OutputNames) -> int:
    return choices.one_of(
        st.selectbox,
        f"{names.noun}, by its peak",
        tuple(range(len(scores.values))),
        key=_TARGET,
        default=scores.order[0],
        format_func=lambda option: _label(option, scores, names),
    )


def _choose_class(scores: ClassScores, names: OutputNames, where: Where) -> int:
    order = scores.order
    listed = tuple(order if len(order) <= MOST_LISTED else order[:TOP])
    things = [target for target in order if target != names.background]
    target = _chosen_class(len(order), things[0] if isinstance(where, Won) else order[0])
    has_others = len(listed) < len(order)
    is_another = has_others and (choices.held(_IS_ANOTHER, default=False) or target not in listed)
    options = (*listed, _ANOTHER) if has_others else listed
    present(
        st.radio,
        f"{names.noun}, by its {'logit' if scores.shares is None else _share_of(where)}",
        options,
        key=_TARGET,
        value=_ANOTHER if is_another else target,
        on_move=_choose_listed,
        place=options,
        format_func=lambda option: _label(option, scores, names),
    )
    if is_another:
        highest = len(order) - 1
        choose = partial(choices.hold, _TARGET)
        label = f"Its number, 0 to {highest:,}"
        present(st.number_input, label, 0, highest, key=_NUMBER, value=target, on_move=choose, place=highest)
    return target


def _share_of(where: Where) -> str:
    return "share of the box" if isinstance(where, Region) else "share of the picture"


def _chosen_class(classes: int, default: int) -> int:
    def read(text: str) -> int:
        if not is_legal(int(text)):
            raise ValueError(f"There is no class {text}.")
        return int(text)

    def is_legal(target: int) -> bool:
        return 0 <= target < classes

    return choices.remembered(_TARGET, default, read=read, is_legal=is_legal)


def _choose_listed(option: int) -> None:
    choices.hold(_IS_ANOTHER, option == _ANOTHER)
    if option != _ANOTHER:
        choices.hold(_TARGET, option)


def _label(option: int, scores: ClassScores, names: OutputNames) -> str:
    return "another" if option == _ANOTHER else f"{names[option]} · {_standing(scores, option)}"


def _standing(scores: ClassScores, target: int) -> str:
    if scores.shares is None:
        return significant(float(scores.values[target]))
    return f"{significant(float(scores.shares[target]) * 100)} %"


def explanation(explained: Explained, scores: ClassScores, names: OutputNames, size: Size) -> str:
    """What the score is that the map explains, in one sentence; the picture has `size` pixels."""
    target, where = explained.target, explained.where
    name, value = f"**{names[target]}**", significant(float(scores.values[target]))
    if isinstance(where, Pixel):
        first = scores.order[0]
        wins = "where it wins" if target == first else f"where {names[first]} wins"
        return (
            f"Explained is the logit of {name} at the pixel in row {where.row}, column {where.column}, {wins}: {value}."
        )
    if isinstance(where, Region):
        box = f"{where.height} x {where.width} pixels from row {where.top}, column {where.left}"
        share = _standing(scores, target)
        return f"Explained is the mean logit of {name} over the {box}, of which it wins {share}: {value}."
    if scores.peaks is not None:
        row, column = _pixel_at_peak(target, scores, size)
        return f"Explained is the heat map of {name} at its peak, near row {row}, column {column}: {value}."
    if scores.shares is None:
        return f"Explained is the logit of {name}: {value}."
    if scores.shares[target] > 0:
        return (
            f"Explained is the mean logit of {name} over the pixels where it wins, {_standing(scores, target)} of "
            f"the picture: {value}."
        )
    return f"**{names[target].capitalize()}** wins no pixel here: explained is its mean logit over all pixels, {value}."


def _pixel_at_peak(target: int, scores: ClassScores, size: Size) -> Size:
    row, column = np.asarray(scores.peaks)[target] * size
    return int(row), int(column)


def chart_name(where: Where) -> str:
    """Name of the map's chart: another one for each box, so that what was dragged is not drawn over it."""
    return "_".join(["attribution", *(map(str, asdict(where).values()) if isinstance(where, Region) else ())])


def mark_explained(
    figure: go.Figure, explained: Explained, scores: ClassScores, size: Size
) -> Callable[[], None] | None:
    """Show on a map of (height, width) where the output is read, and let that be chosen there.

    Returns:
        What is to be called after a click or a dragged box; None where neither chooses anything.
    """
    where = explained.where
    if isinstance(where, Pixel):
        add_clickable_pixels(figure, size)
        mark_pixel(figure, (where.row, where.column))
        return partial(_take_click, chart_name(where))
    if isinstance(where, Region):
        mark_box(figure, (where.top, where.left), (where.height, where.width))
        figure.update_layout(dragmode="select")
        return partial(_take_box, chart_name(where), size)
    if scores.peaks is not None:
        mark_pixel(figure, _pixel_at_peak(explained.target, scores, size))
    return None


def _take_click(chart: str) -> None:
    points = st.session_state[f"chart_{chart}"].selection.points
    for row, column in (point["customdata"] for point in points if point.get("customdata") is not None):
        choices.hold("pixel_row", int(row))
        choices.hold("pixel_column", int(column))


def _take_box(chart: str, size: Size) -> None:
    for box in st.session_state[f"chart_{chart}"].selection.box:
        (left, right), (top, bottom) = sorted(box["x"]), sorted(box["y"])
        first, last = (max(floor(top), 0), max(floor(left), 0)), (min(ceil(bottom), size[0]), min(ceil(right), size[1]))
        region = Region(*first, last[0] - first[0], last[1] - first[1])
        if region.lies_in(size):
            choices.hold(_REGION, region)
        else:
            st.toast("The box lies outside the picture: drag one over it.", icon=":material/error:")
