"""Controls of the Attribution page: the class, the method and its settings, and the computation they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import pandas as pd
import streamlit as st
import torch
from numpy.typing import NDArray
from timm.data.imagenet_info import ImageNetInfo
from torch import Tensor

from explorer.attribution import (
    POINTS_PER_FORWARD,
    SQUARES_PER_FORWARD,
    Attribution,
    grad_cam,
    integrated_gradients,
    occlusion,
)
from explorer.capacity import gradient_mib, looking_mib
from explorer.charts.theme import branch_name
from explorer.partial_forward import exclusive
from explorer.ui.heavy_work import looked_through
from explorer.ui.progress import OnProgress, ShouldStop, Work
from explorer.ui.variant import use_variant
from explorer.units import significant
from hrformer import HRFormer, HRFormerConfig
from hrformer.config import NUM_BRANCHES, published_task_fields

TOP = 5
METHODS = ("Grad-CAM", "Integrated Gradients", "Occlusion")
_IMAGENET_CLASSES = 1000
_ANOTHER = -1


@dataclass(frozen=True)
class Method:
    """A way to attribute, with its settings.

    Attributes:
        name: One of `METHODS`.
        settings: What the result depends on beside model, picture and class.
        label: What is being done.
        quantity: What the values are, for scale and hover text.
        signed: Whether pixels can speak against the class.
        attribute: The function of `explorer.attribution` with its settings.
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


def class_logits(model: HRFormer, x: Tensor, key: tuple[str, ...]) -> NDArray[np.float32]:
    """The logit of every class, (classes,); `key` stands for model, weights and picture.

    Raises:
        ValueError: If a forward can never fit into the memory budget.
    """

    def classify() -> NDArray[np.float32]:
        with exclusive(model), torch.no_grad():
            logits: NDArray[np.float32] = model(x)[0].numpy()
        return logits

    return looked_through("logits", key, looking_mib(model.config), model, classify)


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


def choose_class(logits: NDArray[np.float32]) -> int:
    """One of the classes with the largest logits, or any other by its number."""
    strongest = np.argsort(-logits, kind="stable")[:TOP].tolist()
    options = [*strongest, _ANOTHER] if len(logits) > len(strongest) else strongest
    # The strongest classes are others for another picture: a key of their own starts with the first of them again.
    chosen = st.radio(
        "Class, by its logit",
        options,
        format_func=lambda target: "another class" if target == _ANOTHER else class_label(target, logits),
        key=f"class_of_{'_'.join(map(str, strongest))}",
    )
    if chosen != _ANOTHER:
        return int(chosen)
    highest = len(logits) - 1
    if not 0 <= st.session_state.get("class_number", 0) <= highest:
        st.session_state["class_number"] = highest
        st.info(f"This variant has classes 0 to {highest}; this is class {highest}.", icon=":material/info:")
    return int(st.number_input("Class number", 0, highest, key="class_number", persist_state="session"))


def class_label(target: int, logits: NDArray[np.float32]) -> str:
    """Number, ImageNet name where there is one, and logit of a class."""
    name = f" {_imagenet().index_to_description(target).split(',')[0]}" if len(logits) == _IMAGENET_CLASSES else ""
    return f"{target}{name} · {significant(float(logits[target]))}"


@cache
def _imagenet() -> ImageNetInfo:
    return ImageNetInfo()


def choose_method(config: HRFormerConfig) -> Method:
    """Method and settings; each setting is kept inside what the picture allows."""
    name = st.segmented_control(
        "Method",
        METHODS,
        default=METHODS[0],
        required=True,
        key="method",
        bind="query-params",
        help="Grad-CAM weighs a branch's channels by their gradient (arXiv 1610.02391). Integrated Gradients sums the "
        "gradient on the way from the mean colour to the picture (1703.01365). Occlusion covers squares (1311.2901).",
    )
    if name == "Integrated Gradients":
        return _integrated_gradients()
    return _occlusion(min(config.img_size)) if name == "Occlusion" else _grad_cam()


def _grad_cam() -> Method:
    branch = st.segmented_control(
        "Branch",
        range(NUM_BRANCHES),
        default=0,
        required=True,
        format_func=lambda index: branch_name(index).removesuffix(" branch"),
        key="cam_branch",
        help="The branch's map as it enters the classification head.",
    )
    branch = int(branch or 0)
    label = f"Grad-CAM of the {branch_name(branch)}"
    attribute = partial(grad_cam, branch=branch)
    return Method("Grad-CAM", (branch,), label, "Grad-CAM, no unit", False, attribute, gradient_mib)


def _integrated_gradients() -> Method:
    steps = st.slider(
        "Steps",
        8,
        128,
        32,
        step=8,
        key="ig_steps",
        help="Points on the way from the mean colour to the picture; more make the convergence delta smaller.",
    )
    attribute = partial(integrated_gradients, steps=steps)
    needed_mib = partial(gradient_mib, pictures=POINTS_PER_FORWARD)
    label = "Integrated Gradients"
    return Method("Integrated Gradients", (steps,), label, "part of the logit", True, attribute, needed_mib)


def _occlusion(shorter_side: int) -> Method:
    most = max(8, shorter_side // 2 // 8 * 8)
    if st.session_state.get("occlusion_square", 0) > most:
        st.session_state["occlusion_square"] = most
    square = st.slider(
        "Square, pixels",
        8,
        max(most, 16),
        min(32, most),
        step=8,
        key="occlusion_square",
        help="Side of the square that is covered with the mean colour; it moves by half its side.",
    )
    attribute = partial(occlusion, window_px=square, stride_px=square // 2)
    needed_mib = partial(looking_mib, activation_copies=2.0 * SQUARES_PER_FORWARD)
    return Method("Occlusion", (square,), "Occlusion", "fall of the logit", True, attribute, needed_mib)


def pixel_table(attribution: Attribution, quantity: str) -> pd.DataFrame:
    """Attribution of every pixel, one line each."""
    values = np.asarray(attribution.values)
    rows, columns = np.indices(values.shape).reshape(2, -1)
    return pd.DataFrame({"row": rows, "column": columns, quantity: values.ravel()})
