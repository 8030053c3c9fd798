"""What the Prediction page shows of a segmentation or a classification, as charts with their tables and files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from explorer.charts.prediction import Mask, class_bars, confidence_map, error_picture, mask_picture, middle_of
from explorer.charts.theme import HRFORMER_COLOUR, NEUTRAL_COLOUR
from explorer.cost.capacity import looking_mib
from explorer.inspection.explained import ClassScores
from explorer.models.trained import DIGIT_SAMPLES, load_digit_truth
from explorer.prediction.class_sets import class_set
from explorer.prediction.overlap import confusion_matrix, mean_iou
from explorer.prediction.segmentation import Segmentation, segment
from explorer.ui import address
from explorer.ui.explore.output_names import OutputNames
from explorer.ui.explore.sight import Key, Sight
from explorer.ui.heavy_work import shared_pass
from explorer.ui.panels import npz_button, png_button
from explorer.units import significant
from hrformer import HRFormer
from hrformer.geometry import branch_sizes

Shown = tuple[go.Figure, pd.DataFrame]
#: With a table of every pixel, which is made only when it is asked for.
ShownPixels = tuple[go.Figure, Callable[[], pd.DataFrame]]
#: Classes whose probabilities are shown.
TOP = 5


def segmentation_of(model: HRFormer, x: Tensor, key: Key) -> Segmentation:
    """What the network says of every pixel; `key` stands for model, weights and picture.

    Raises:
        ValueError: If a forward can never fit into the memory budget.
    """
    return shared_pass("segmentation", key, looking_mib(model.config), model, lambda: segment(model, x))


def is_finite(seen: Segmentation) -> bool:
    """Whether there is a segmentation to show at all."""
    return bool(np.isfinite(seen.logits).all())


@dataclass(frozen=True)
class SegmentationView:
    """A segmentation before its picture, and the cell of the 1/4 branch that is looked at.

    Attributes:
        sight: The picture before the network.
        seen: What the network says.
        cell: (row, column) of the 1/4 branch.
        opacity: Of the mask.
    """

    sight: Sight
    seen: Segmentation
    cell: tuple[int, int]
    opacity: float

    @cached_property
    def names(self) -> OutputNames:
        """Of the classes."""
        return OutputNames(self.sight.weights)

    @property
    def picture(self) -> NDArray[np.uint8]:
        """(H, W, 3), as the network sees it."""
        return self.sight.picture.fitted

    @cached_property
    def mask(self) -> Mask:
        """As it is drawn."""
        colours = class_set(len(self.seen.logits), self.names.background)
        return Mask(
            self.seen.classes,
            self.seen.confidence,
            self.names.all(),
            colours.colours,
            self.seen.shares,
            colours.background,
        )

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of the 1/4 branch."""
        return branch_sizes(self.sight.config.img_size)[0]

    @property
    def pixel(self) -> tuple[int, int]:
        """The one in the middle of the cell."""
        height, width = self.seen.classes.shape
        return middle_of(self.cell[0], self.cells[0], height), middle_of(self.cell[1], self.cells[1], width)

    @property
    def at_pixel(self) -> int:
        """The class that wins there."""
        return int(self.seen.classes[self.pixel])

    @cached_property
    def truth(self) -> NDArray[np.uint8] | None:
        """What is there, (H, W), where the picture is one of the trained network's own task at its own size."""
        name = self.sight.picture.key  # a picture of one's own may be called as a sample is
        if self.sight.weights.origin != "trained" or name not in DIGIT_SAMPLES:
            return None
        truth = load_digit_truth(name)
        return truth if truth.shape == self.seen.classes.shape else None

    @property
    def iou(self) -> float | None:
        """Mean IoU of this picture, where its truth is known."""
        if self.truth is None:
            return None
        return mean_iou(confusion_matrix(self.truth, self.seen.classes, len(self.seen.logits)))

    def describe(self) -> str:
        """What there is, in one or two sentences."""
        things = [number for number in self.mask.present if number != self.mask.background]
        listed = ", ".join(
            f"{self.names[number]} ({significant(100 * self.mask.shares[number])} %)" for number in things[:4]
        )
        more = f" and {len(things) - 4} more" if len(things) > 4 else ""
        verb = "gives the pixels" if self.sight.weights.are_random else "sees"
        found = f"It {verb} {listed}{more}" if things else "It sees nothing but background"
        known = "" if self.iou is None else f" Against the truth of this picture: **mIoU {self.iou:.3f}**."
        return f"{found}; {significant(100 * float(self.seen.confidence.mean()))} % sure of a pixel on average.{known}"


def mask_chart(view: SegmentationView) -> Shown:
    """The mask over the picture, and each class's share."""
    mask = view.mask
    figure = mask_picture(
        view.picture,
        mask,
        "Mask over the picture: click a pixel",
        opacity=view.opacity,
        pixel=view.pixel,
        cells=view.cells,
    )
    table = pd.DataFrame(
        {
            "class": range(len(mask.names)),
            "name": mask.names,
            "share of the picture": mask.shares,
        }
    )
    return figure, table


def pixel_chart(view: SegmentationView) -> Shown:
    """The likeliest classes of the chosen pixel."""
    probabilities = view.seen.probabilities_at(*view.pixel)
    order = np.argsort(-probabilities, kind="stable")
    top = order[:TOP].tolist()
    row, column = view.pixel
    colours = [
        NEUTRAL_COLOUR if number == view.mask.background else f"rgb{tuple(view.mask.colours[number])}" for number in top
    ]
    figure = class_bars(
        [view.names[number] for number in top],
        probabilities[top].tolist(),
        colours,
        f"Pixel in row {row}, column {column}: {view.names[top[0]]}",
    )
    table = pd.DataFrame(
        {
            "class": order,
            "name": [view.names[int(number)] for number in order],
            "logit": view.seen.logits[order, row, column],
            "probability": probabilities[order],
        }
    )
    return figure, table


def confidence_chart(view: SegmentationView) -> ShownPixels:
    """How sure the network is of each pixel."""
    figure = confidence_map(view.mask, "Confidence: how sure it is of each pixel")
    return figure, partial(_pixels, view, confidence=view.seen.confidence)


def error_chart(view: SegmentationView) -> ShownPixels:
    """Where the mask differs from the truth, which the view knows."""
    truth = np.asarray(view.truth)
    wrong = truth != view.seen.classes
    figure = error_picture(
        view.picture, wrong, f"Wrong pixels: {significant(100 * float(wrong.mean()))} % of the picture"
    )
    return figure, partial(_pixels, view, truth=truth, wrong=wrong)


def _pixels(view: SegmentationView, **values: NDArray[np.generic]) -> pd.DataFrame:
    rows, columns = np.indices(view.seen.classes.shape).reshape(2, -1)
    told = {name: array.ravel() for name, array in values.items()}
    return pd.DataFrame({"row": rows, "column": columns, "class": view.seen.classes.ravel()} | told)


def mask_buttons(view: SegmentationView) -> None:
    """The mask over the picture and alone as PNG, and all of it as NumPy."""
    png_button(lambda: painted_over(view), "mask_over_picture", "Picture with mask as PNG")
    png_button(lambda: as_grey(view.seen.classes, len(view.seen.logits)), "classes", "Classes as PNG")

    def collect() -> dict[str, NDArray[np.generic]]:
        return {"classes": view.seen.classes, "confidence": view.seen.confidence, "logits": view.seen.logits}

    npz_button(collect, "segmentation", "Classes, confidence and logits as NumPy")


def as_grey(classes: NDArray[np.integer], count: int) -> NDArray[np.unsignedinteger]:
    """Classes as the levels of a grey picture: 8 bits where they suffice, else 16."""
    return classes.astype(np.uint8 if count <= 256 else np.uint16)


def painted_over(view: SegmentationView) -> NDArray[np.uint8]:
    """The picture with its mask, (H, W, 3)."""
    base = Image.fromarray(view.picture).convert("RGBA")
    return np.asarray(Image.alpha_composite(base, Image.fromarray(view.mask.painted(view.opacity))).convert("RGB"))


def show_ways_on(label: str, **explained: int | str) -> None:
    """Links to the pages that look behind a prediction, which start at the chosen position and output.

    Args:
        label: Of the link to the Attribution page.
        explained: What of that page's link says which output it explains.
    """
    query = {key: str(value) for key, value in explained.items()}
    with st.container(horizontal=True):
        st.markdown("Why here?")
        st.page_link("pages/explore/attention_windows.py", label="Its window", icon=":material/grid_on:")
        st.page_link("pages/explore/receptive_field.py", label="Its field", icon=":material/filter_center_focus:")
        st.page_link("pages/explore/feature_maps.py", label="Feature maps", icon=":material/layers:")
        st.page_link(
            "pages/explore/attribution.py",
            label=label,
            icon=":material/center_focus_strong:",
            query_params=address.linked(query),
        )


def probabilities_of(scores: ClassScores) -> NDArray[np.float64]:
    """Softmax of the logits, (classes,)."""
    raised = np.exp(scores.values.astype(np.float64) - scores.values.max())
    return np.asarray(raised / raised.sum())


def classification_chart(scores: ClassScores, names: OutputNames) -> Shown:
    """The likeliest classes of the whole picture."""
    probabilities = probabilities_of(scores)
    top = scores.order[:TOP]
    figure = class_bars(
        [names[number] for number in top],
        probabilities[top].tolist(),
        [HRFORMER_COLOUR] * len(top),
        f"The {len(top)} likeliest of {len(probabilities):,}: {names[top[0]]} first",
    )
    order = scores.order
    table = pd.DataFrame(
        {
            "class": order,
            "name": [names[number] for number in order],
            "logit": scores.values[order],
            "probability": probabilities[order],
        }
    )
    return figure, table
