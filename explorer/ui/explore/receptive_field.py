"""Controls of the Receptive field page, and what it computes: at once, kept in caches, or with progress."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st
import torch
from torch import Tensor

from explorer.charts.receptive_field import FieldPanel
from explorer.cost.capacity import building_mib, gradient_mib, looking_mib
from explorer.inspection.effective_field import (
    EffectiveField,
    contribution_squares,
    dw_conv_pair,
    effective_field_pair,
)
from explorer.inspection.finite import explain_non_finite
from explorer.inspection.leak import (
    Leak,
    map_entering_blocks,
    measure_leak,
    window_of,
)
from explorer.inspection.receptive_field import (
    WINDOW_SIZE_AXIS,
    MapPosition,
    compare_window_sizes,
    num_output_branches,
    theoretical_field,
)
from explorer.pictures.photographs import (
    SAMPLES,
    fit,
    load_sample,
    to_input,
)
from explorer.ui.explore.architecture import blocks_of
from explorer.ui.explore.block_controls import (
    ALL_STAGES,
    asked_branch,
    branch_control,
    choose_module,
    choose_position,
    nearest,
)
from explorer.ui.explore.receptive_field_tables import WITH, WITHOUT, FieldPair
from explorer.ui.heavy_work import shared
from explorer.ui.progress import OnProgress, ShouldStop, with_progress
from explorer.ui.sources import PictureSource, WeightsSource
from explorer.units import counted
from hrformer import HRFormer, HRFormerConfig
from hrformer.geometry import area

MAX_PICTURES = 8
#: Area of a picture up to which its theoretical fields are there within a glance.
_QUICK_AREA_PX = 512 * 512
#: Blocks up to which the same holds.
_QUICK_BLOCKS = 1000
#: Share of the contribution whose square is drawn into the maps.
_DRAWN_SHARE = 0.5
#: Activations at their peak, of the changed and of the unchanged map.
_LEAK_COPIES = 4.0

Pair = tuple[HRFormer, HRFormer]


@dataclass(frozen=True, eq=False)
class EffectivePair:
    """Two effective fields over the same pictures, as much of them as is shown.

    Attributes:
        panels: With and without the depth-wise convolution.
        squares: Sides and area ratios of the squares around the position, one row per share.
        pixel: (row, column) of the position's own pixel.
        pictures: Names of the pictures that were averaged.
    """

    panels: tuple[FieldPanel, FieldPanel]
    squares: pd.DataFrame
    pixel: tuple[int, int]
    pictures: tuple[str, ...]


def choose_map_position(config: HRFormerConfig) -> MapPosition:
    """Choose stage, module, branch, row and column, in the sidebar and in the URL.

    What the variant does not have falls back to the nearest it has, and a sentence says so. Stage, module and branch
    are this page's own, because no other page knows stage 1.
    """
    stage, module = choose_module(config, ALL_STAGES)
    branches = num_output_branches(config, stage, module)
    hands_on = f"Module {module + 1} of stage {stage} hands on {counted(branches, 'branch')}"
    branch = nearest("branch", asked_branch("field_branch") + 1, 1, branches, hands_on) - 1
    branch_control("field_branch", branches, branch)
    row, column = choose_position(config, branch)
    return MapPosition(stage=stage, module=module, branch=branch, row=row, column=column)


def fields(config: HRFormerConfig, position: MapPosition) -> FieldPair | None:
    """Theoretical fields (with, without); None while those of a large picture are being computed."""
    if area(config.img_size) <= _QUICK_AREA_PX and blocks_of(config) <= _QUICK_BLOCKS:
        return _quick_fields(config, position)

    def work(on_progress: OnProgress, should_stop: ShouldStop) -> FieldPair:
        first = theoretical_field(replace(config, dw_conv=True), position)
        on_progress(1, 2)
        return first, theoretical_field(replace(config, dw_conv=False), position)

    key = replace(config, dw_conv=True), position
    return with_progress("theoretical_field", key, "Following the structure back to the picture", work)


@st.cache_data(max_entries=8, show_spinner=False)
def _quick_fields(config: HRFormerConfig, position: MapPosition) -> FieldPair:
    first, second = (theoretical_field(replace(config, dw_conv=dw_conv), position) for dw_conv in (True, False))
    return first, second


def pair_of(model: HRFormer, key: str) -> Pair:
    """The model and its twin, (with, without); `key` stands for model and weights.

    Raises:
        ValueError: If the twin can never fit into the memory budget.
    """
    label = "Building the twin that differs in the depth-wise convolution"
    return shared("twins", key, building_mib(model.config), label, lambda: dw_conv_pair(model))


def effective_key(weights: WeightsSource, picture: PictureSource, position: MapPosition, count: int) -> Hashable:
    """Everything that an effective pair depends on."""
    return weights.key, picture.key, position, count


def effective_pair(
    weights: WeightsSource, picture: PictureSource, position: MapPosition, count: int
) -> EffectivePair | None:
    """Effective fields with and without the convolution over `count` pictures, the chosen one first; None until done.

    Raises:
        ValueError: If values are not finite or nothing contributes to the position.
    """
    pair = pair_of(weights.model, weights.key)

    def work(on_progress: OnProgress, should_stop: ShouldStop) -> EffectivePair:
        names, images = _pictures(weights.model.config, picture, count)
        found = effective_field_pair(*pair, images, position, should_stop=should_stop, on_progress=on_progress)
        return _summarise(found, position, names)

    key = effective_key(weights, picture, position, count)
    return with_progress(
        "effective_field",
        key,
        "Sending gradients back to the pictures",
        work,
        needed_mib=gradient_mib(replace(weights.model.config, dw_conv=True)),
    )


def leak_key(weights: WeightsSource, picture: PictureSource, position: MapPosition) -> Hashable:
    """Everything that a pair of leaks depends on: all positions of one window share it."""
    window = window_of(weights.model.config, position)
    return weights.key, picture.key, position.stage, position.module, position.branch, window


def leak_pair(weights: WeightsSource, picture: PictureSource, position: MapPosition) -> tuple[Leak, Leak] | None:
    """Leaks with and without the convolution from the position's window, from one map for both; None until done.

    Raises:
        ValueError: If values are not finite.
    """
    pair = pair_of(weights.model, weights.key)
    config = weights.model.config
    place = {"stage": position.stage, "module": position.module, "branch": position.branch}

    def work(on_progress: OnProgress, should_stop: ShouldStop) -> tuple[Leak, Leak]:
        image = picture.as_input(config)
        features = map_entering_blocks(weights.model, image, **place)
        leaks = []
        for index, model in enumerate(pair):
            on_progress(1 + index, 3)
            leaks.append(_finite_leak(model, image, features, place, window_of(config, position)))
        return leaks[0], leaks[1]

    key = leak_key(weights, picture, position)
    return with_progress(
        "leak", key, "Following a change through the blocks", work, needed_mib=looking_mib(config, _LEAK_COPIES)
    )


def _finite_leak(
    model: HRFormer, image: Tensor, features: Tensor, place: dict[str, int], window: tuple[int, int]
) -> Leak:
    try:
        return measure_leak(model, features, window=window, **place)
    except ValueError as error:
        raise ValueError(explain_non_finite(model, image) or str(error)) from error


def size_key(config: HRFormerConfig, position: MapPosition) -> Hashable:
    """Everything that the comparison of window sizes depends on: not the variant's own sizes."""
    return replace(config, dw_conv=True, window_sizes=(7, 7, 7, 7)), position


def window_size_tables(config: HRFormerConfig, position: MapPosition) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Area and MACs over window sizes, with and without the convolution; None until done."""

    def work(on_progress: OnProgress, should_stop: ShouldStop) -> tuple[pd.DataFrame, pd.DataFrame]:
        rows: tuple[list[pd.DataFrame], list[pd.DataFrame]] = ([], [])
        for done, size in enumerate(WINDOW_SIZE_AXIS, start=1):
            for dw_conv, table in zip((True, False), rows, strict=True):
                table.append(compare_window_sizes(replace(config, dw_conv=dw_conv), position, [size]))
            on_progress(done, len(WINDOW_SIZE_AXIS))
            if should_stop():
                break
        return pd.concat(rows[0], ignore_index=True), pd.concat(rows[1], ignore_index=True)

    key = size_key(config, position)
    return with_progress("window_sizes", key, "Comparing window sizes", work)


def _pictures(config: HRFormerConfig, picture: PictureSource, count: int) -> tuple[tuple[str, ...], Tensor]:
    """The chosen picture, the other samples, then mirrored ones: names and (count, in_chans, H, W)."""
    chosen = [(picture.name, picture.fitted)]
    others = [name for name in SAMPLES if name != picture.name][: count - 1]
    chosen += [(name, fit(load_sample(name), config.img_size)) for name in others]
    chosen += [(f"{name}, mirrored", np.ascontiguousarray(pixels[:, ::-1])) for name, pixels in chosen[:]]
    names, pixels = zip(*chosen[:count], strict=True)
    return names, torch.cat([to_input(one, config.in_chans) for one in pixels])


def _summarise(found: Sequence[EffectiveField], position: MapPosition, names: tuple[str, ...]) -> EffectivePair:
    columns: dict[str, list[float]] = {}
    panels = []
    for field, name in zip(found, (WITH, WITHOUT), strict=True):
        published = contribution_squares(field.published_scores, position.pixel)
        plain = contribution_squares(field.contribution, position.pixel)
        columns["share_percent"] = [square.share * 100 for square in published]
        columns[f"side_px, {name}"] = [square.side_px for square in published]
        columns[f"area_percent, {name}"] = [square.area_share * 100 for square in published]
        columns[f"plain_gradient_side_px, {name}"] = [square.side_px for square in plain]
        half = next(square.side_px for square in plain if square.share == _DRAWN_SHARE)
        panels.append(FieldPanel(name, field.contribution.astype(np.float32), half))
    return EffectivePair((panels[0], panels[1]), pd.DataFrame(columns), position.pixel, names[: found[0].pictures])
