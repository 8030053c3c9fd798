"""What the Attribution page explains: the class, the method and its settings, and the computation they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import isnan

import numpy as np
import pandas as pd
import streamlit as st
from torch import Tensor

from explorer.charts.theme import branch_name
from explorer.cost.capacity import gradient_mib, looking_mib
from explorer.inspection.attribution import (
    POINTS_PER_FORWARD,
    SQUARES_PER_FORWARD,
    Attribution,
    ClassScores,
    class_scores,
    grad_cam,
    integrated_gradients,
    occlusion,
    share_of_half,
)
from explorer.ui import choices
from explorer.ui.choices import present
from explorer.ui.explore.block_controls import BRANCHES
from explorer.ui.explore.output_names import OutputNames
from explorer.ui.heavy_work import shared_pass
from explorer.ui.progress import OnProgress, ShouldStop, Work
from explorer.ui.variant import use_variant
from explorer.units import significant
from hrformer import HRFormer, HRFormerConfig
from hrformer.config import published_task_fields

#: Classes that are listed one by one: all where they are few, else so many.
MOST_LISTED = 12
TOP = 5
METHODS = ("Grad-CAM", "Integrated Gradients", "Occlusion")
#: Stands in the list for all classes that are not there.
_ANOTHER = -1
_TARGET = "target"
_IS_ANOTHER = "target_is_another"
_NUMBER = "target_number"


@dataclass(frozen=True)
class Method:
    """A way to attribute, with its settings.

    Attributes:
        name: One of `METHODS`.
        settings: What the result depends on beside model, picture and class.
        label: What is being done.
        quantity: What the values are, for scale and hover text.
        signed: Whether pixels can speak against the class.
        attribute: The function of `explorer.inspection.attribution` with its settings.
        needed_mib: The most memory that it takes for a variant, MiB.
    """

    name: str
    settings: tuple[int, ...]
    label: str
    quantity: str
    signed: bool
    attribute: Callable[..., Attribution]
    needed_mib: Callable[[HRFormerConfig], float]

    def work(self, model: HRFormer, x: Tensor, target: int) -> Work[Attribution]:
        """The computation for a picture and a class, ready for a thread of its own."""

        def run(on_progress: OnProgress, should_stop: ShouldStop) -> Attribution:
            return self.attribute(model, x, target, on_progress=on_progress, should_stop=should_stop)

        return run


def scores_of(model: HRFormer, x: Tensor, key: tuple[str, ...]) -> ClassScores:
    """What the picture scores in every class; `key` stands for model, weights and picture.

    Raises:
        ValueError: If a forward can never fit into the memory budget.
    """
    return shared_pass("class scores", key, looking_mib(model.config), model, lambda: class_scores(model, x))


def offer_classification(config: HRFormerConfig) -> None:
    """Say why there is nothing to attribute, with a button that makes the variant a classifier."""
    st.info(f"Attribution explains the score of a class, and a {config.task} model has none.", icon=":material/info:")
    classifier = replace(config, task="classification", **published_task_fields("classification"))
    st.button(
        "Switch the task to classification",
        key="use_classification",
        on_click=use_variant,
        args=(classifier,),
    )


def choose_class(scores: ClassScores, names: OutputNames) -> int:
    """One of the classes that win most or have the largest logits, or any other by its number."""
    order = scores.order
    listed = tuple(order if len(order) <= MOST_LISTED else order[:TOP])
    target = _chosen_class(len(order), next(target for target in order if target != names.background))
    has_others = len(listed) < len(order)
    is_another = has_others and (choices.held(_IS_ANOTHER, default=False) or target not in listed)
    options = (*listed, _ANOTHER) if has_others else listed
    present(
        st.radio,
        f"{names.noun}, by its {'logit' if scores.shares is None else 'share of the picture'}",
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


def explanation(target: int, scores: ClassScores, names: OutputNames) -> str:
    """What the score is that the map explains, in one sentence."""
    name, value = names[target], significant(float(scores.values[target]))
    if scores.shares is None:
        return f"Explained is the logit of **{name}**: {value}."
    if scores.shares[target] > 0:
        return (
            f"Explained is the mean logit of **{name}** over the pixels where it wins, {_standing(scores, target)} of "
            f"the picture: {value}."
        )
    return f"**{name.capitalize()}** wins no pixel here: explained is its mean logit over all pixels, {value}."


def finding(attribution: Attribution, label: str, name: str) -> str:
    """How much of the picture it takes to explain half of the score."""
    half = share_of_half(attribution.values)
    if isnan(half):
        return f"{label}: nothing speaks for {name}"
    return f"{label}: half of what speaks for {name} lies on {significant(half * 100)} % of the picture"


def choose_method(config: HRFormerConfig) -> Method:
    """Method and settings; each setting is kept inside what the picture allows."""
    name = choices.segments(
        "Method",
        METHODS,
        key="method",
        help="Grad-CAM weighs a branch's channels by their gradient (arXiv 1610.02391). Integrated Gradients sums the "
        "gradient on the way from the mean colour to the picture (1703.01365). Occlusion covers squares (1311.2901).",
    )
    if name == "Integrated Gradients":
        return _integrated_gradients()
    return _occlusion(min(config.img_size)) if name == "Occlusion" else _grad_cam()


def _grad_cam() -> Method:
    chosen = choices.segments("Branch", BRANCHES, key="cam_branch", help="The branch's map as it enters the head.")
    branch = BRANCHES.index(chosen)
    label = f"Grad-CAM of the {branch_name(branch)}"
    attribute = partial(grad_cam, branch=branch)
    return Method("Grad-CAM", (branch,), label, "Grad-CAM, no unit", False, attribute, gradient_mib)


def _integrated_gradients() -> Method:
    steps = choices.number(
        st.slider,
        "Steps",
        8,
        128,
        key="ig_steps",
        default=32,
        step=8,
        help="Points on the way from the mean colour to the picture; more make the convergence delta smaller.",
    )
    attribute = partial(integrated_gradients, steps=steps)
    needed_mib = partial(gradient_mib, pictures=POINTS_PER_FORWARD)
    label = "Integrated Gradients"
    return Method("Integrated Gradients", (steps,), label, "part of the score", True, attribute, needed_mib)


def _occlusion(shorter_side: int) -> Method:
    most = max(16, shorter_side // 2 // 8 * 8)
    square = choices.number(
        st.slider,
        "Square, pixels",
        8,
        most,
        key="occlusion_square",
        default=min(32, most),
        step=8,
        help="Side of the square that is covered with the mean colour; it moves by half its side.",
    )
    attribute = partial(occlusion, window_px=square, stride_px=square // 2)
    needed_mib = partial(looking_mib, activation_copies=2.0 * SQUARES_PER_FORWARD)
    return Method("Occlusion", (square,), "Occlusion", "fall of the score", True, attribute, needed_mib)


def pixel_table(attribution: Attribution, quantity: str) -> pd.DataFrame:
    """Attribution of every pixel, one line each."""
    values = np.asarray(attribution.values)
    rows, columns = np.indices(values.shape).reshape(2, -1)
    return pd.DataFrame({"row": rows, "column": columns, quantity: values.ravel()})
