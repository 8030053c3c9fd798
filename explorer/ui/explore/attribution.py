"""How the Attribution page explains: the method and its settings, and the computation they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    branches_of_head,
    grad_cam,
    integrated_gradients,
    occlusion,
    share_of_half,
)
from explorer.inspection.explained import Explained
from explorer.ui import choices
from explorer.ui.explore.block_controls import BRANCHES
from explorer.ui.progress import OnProgress, ShouldStop, Work
from explorer.units import significant
from hrformer import HRFormer, HRFormerConfig

METHODS = ("Grad-CAM", "Integrated Gradients", "Occlusion")


@dataclass(frozen=True)
class Method:
    """A way to attribute, with its settings.

    Attributes:
        name: One of `METHODS`.
        settings: What the result depends on beside model, picture and output.
        label: What is being done.
        quantity: What the values are, for scale and hover text.
        signed: Whether pixels can speak against the output.
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

    def work(self, model: HRFormer, x: Tensor, explained: Explained) -> Work[Attribution]:
        """The computation for a picture and an output, ready for a thread of its own."""

        def run(on_progress: OnProgress, should_stop: ShouldStop) -> Attribution:
            return self.attribute(model, x, explained, on_progress=on_progress, should_stop=should_stop)

        return run


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
    return _occlusion(min(config.img_size)) if name == "Occlusion" else _grad_cam(config)


def _grad_cam(config: HRFormerConfig) -> Method:
    read = [BRANCHES[branch] for branch in branches_of_head(config)]
    explanation = "The branch's map as it enters the head."
    if len(read) < len(BRANCHES):
        explanation += f" A {config.task} head reads the {read[0]} branch alone, so that Grad-CAM of others is zero."
    chosen = choices.segments("Branch", read, key="cam_branch", help=explanation)
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
