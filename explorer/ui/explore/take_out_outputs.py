"""What a network says with and without some of its parts, beside each other, and how much of it changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from explorer.charts.ablation_predictions import prediction_row
from explorer.charts.maps import Panel
from explorer.models.trained import fits_trained_weights
from explorer.prediction.class_sets import class_set
from explorer.ui.explore.map_rows import show_maps
from explorer.ui.explore.output_names import OutputNames
from explorer.ui.explore.sight import Sight
from explorer.ui.panels import show_chart, show_table
from explorer.units import counted, significant

#: Outputs of a classification that are listed.
TOP = 5
WHOLE, LACKING = "whole network", "without them"


def relative_change(before: Tensor, after: Tensor) -> float:
    """Norm of the difference over the norm of what was."""
    norm = float(before.norm())
    return float((after - before).norm()) / norm if norm else float((after - before).norm())


def changed_pixels(before: Tensor, after: Tensor) -> NDArray[np.bool_]:
    """Where another class wins: logits (1, classes, H, W) -> (H, W)."""
    changed: NDArray[np.bool_] = (before.argmax(1) != after.argmax(1))[0].numpy()
    return changed


def moved_peaks(before: Tensor, after: Tensor) -> int:
    """Of how many heat maps, (1, maps, H, W), the highest value is elsewhere."""
    return int((before.flatten(2).argmax(2) != after.flatten(2).argmax(2)).sum())


def change_sentence(sight: Sight, before: Tensor, after: Tensor) -> str:
    """What of the output changes, as Markdown."""
    by = f"the output changes by {significant(relative_change(before, after) * 100)} % of its norm"
    if sight.config.task == "segmentation":
        changed = changed_pixels(before, after)
        share = significant(float(changed.mean()) * 100)
        return f"**{share} %** of the pixels ({int(changed.sum()):,} of {changed.size:,}) change their class; {by}."
    if sight.config.task == "pose":
        maps = before.shape[1]
        return f"The peaks of **{moved_peaks(before, after)}** of {counted(maps, 'heat map')} move; {by}."
    names = OutputNames(sight.weights)
    first, other = int(before.argmax()), int(after.argmax())
    if first == other:
        return f"The first stays **{names[first]}**; {by}."
    return f"The first changes from {names[first]} to **{names[other]}**; {by}."


def show_both(sight: Sight, before: Tensor, after: Tensor) -> None:
    """The output of the whole network beside that without the parts."""
    if sight.config.task == "classification":
        show_table(score_table(OutputNames(sight.weights), before, after))
    elif sight.config.task == "pose":
        _show_heat_maps(sight, before, after)
    elif fits_trained_weights(sight.config) and not sight.weights.are_random:
        _show_digits(sight, before, after)
    else:
        _show_classes(sight, before, after)


def score_table(names: OutputNames, before: Tensor, after: Tensor) -> pd.DataFrame:
    """The first outputs of the whole network, and the first without the parts, by their softmax, %."""
    scores = [output.softmax(1)[0] * 100 for output in (before, after)]
    first = [index for score in scores for index in score.argsort(descending=True)[:TOP].tolist()]
    return pd.DataFrame(
        [
            {names.noun: names[index]}
            | {
                f"{name}, %": significant(float(score[index]))
                for name, score in zip((WHOLE, LACKING), scores, strict=True)
            }
            for index in dict.fromkeys(first)
        ]
    )


def _show_digits(sight: Sight, before: Tensor, after: Tensor) -> None:
    masks = {name: output.argmax(1)[0].numpy().astype(np.uint8) for name, output in _both(before, after)}
    changed = changed_pixels(before, after)
    # Where the background takes over, the digit that was there.
    digits = np.where(masks[LACKING] > 0, masks[LACKING], masks[WHOLE])
    masks_and_changes = masks | {"pixels that change": np.where(changed, digits, 0).astype(np.uint8)}
    show_chart(
        prediction_row(
            sight.picture.fitted,
            masks_and_changes,
            f"{int(changed.sum()):,} pixels change their class",
        ),
        "taken_out",
        lambda: mask_table(masks[WHOLE], masks[LACKING]),
        alt="Over the picture: the digits that the whole network predicts, those without the parts, and "
        "the pixels that change",
    )


def _show_classes(sight: Sight, before: Tensor, after: Tensor) -> None:
    colours = np.asarray(class_set(before.shape[1], OutputNames(sight.weights).background).colours, np.uint8)
    masks = {name: output.argmax(1)[0].numpy() for name, output in _both(before, after)}
    panels = [Panel(name, colours[mask]) for name, mask in masks.items()]
    changed = changed_pixels(before, after)
    marked = np.where(changed[..., None], np.uint8(255), np.uint8(40)).repeat(3, -1)
    show_maps(
        [Panel("picture", sight.picture.fitted), *panels, Panel("changed · white", marked)],
        sight.config.img_size,
        f"{int(changed.sum()):,} pixels change their class; a colour an output",
        "taken_out",
        signed=False,
        alt="The classes of the whole network, those without the parts, and the pixels that change, beside the picture",
    )


def _show_heat_maps(sight: Sight, before: Tensor, after: Tensor) -> None:
    panels = [Panel(name, output[0].amax(0).numpy(), 0, "highest of all") for name, output in _both(before, after)]
    show_maps(
        [Panel("picture", sight.picture.fitted), *panels],
        sight.config.img_size,
        "The highest of all heat maps",
        "taken_out",
        signed=False,
        alt="The highest of all heat maps of the whole network and without the parts, beside the picture",
    )


def mask_table(whole: NDArray[np.integer], lacking: NDArray[np.integer]) -> pd.DataFrame:
    """The class of each pixel with and without the parts, one line each."""
    rows, columns = np.indices(whole.shape).reshape(2, -1)
    return pd.DataFrame({"row": rows, "column": columns, WHOLE: whole.ravel(), LACKING: lacking.ravel()})


def _both(before: Tensor, after: Tensor) -> tuple[tuple[str, Tensor], tuple[str, Tensor]]:
    return (WHOLE, before), (LACKING, after)
