"""What the Feature maps page shows of a module's maps, as panels for the charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite

import numpy as np
import pandas as pd
from torch import Tensor

from explorer.charts.maps import Panel
from explorer.charts.theme import branch_name
from explorer.cost.capacity import looking_mib
from explorer.inspection.feature_maps import (
    Map,
    ModuleMaps,
    channel_mean,
    collect_module_maps,
    fusion_changes,
    principal_components,
    strongest_channels,
)
from explorer.pictures.photographs import Picture
from explorer.ui.heavy_work import shared_pass
from hrformer import HRFormer

#: Channels per branch in the view of the strongest ones.
STRONGEST = 4


def module_maps(model: HRFormer, x: Tensor, key: tuple[str, ...], stage: int, module: int) -> ModuleMaps:
    """Maps of one module; `key` stands for model, weights and picture.

    Raises:
        ValueError: If they can never fit into the memory budget.
    """
    return shared_pass(
        "module maps",
        (key, stage, module),
        looking_mib(model.config),
        model,
        partial(collect_module_maps, model, x, stage, module),
    )


def answer(maps: ModuleMaps) -> str:
    """One sentence on what the fusion does to the branches."""
    changes = [
        (change, f"the {branch_name(branch)}") for branch, change in enumerate(fusion_changes(maps)) if isfinite(change)
    ]
    if not changes:
        return "Nothing enters this fusion: all maps are zero."
    (least, at_least), (most, at_most) = min(changes), max(changes)
    answer = f"Fusing the branches changes {at_most} by {_percent(most)} of its norm"
    return f"{answer}, the most, and {at_least} by {_percent(least)}, the least." if len(changes) > 1 else f"{answer}."


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def panels_of(maps: Sequence[Map], picture: Picture, view: Callable[[Map], tuple[np.ndarray, str]]) -> list[Panel]:
    """The picture, then one panel per branch."""
    panels = [Panel("picture", picture)]
    for branch, feature_map in enumerate(maps):
        values, note = view(feature_map)
        channels, height, width = feature_map.shape
        panels.append(Panel(f"{branch_name(branch)} · {channels} x {height} x {width}", values, branch, note))
    return panels


def mean_view(feature_map: Map) -> tuple[np.ndarray, str]:
    """Mean over channels."""
    return channel_mean(feature_map), "mean over channels"


def components_view(feature_map: Map) -> tuple[np.ndarray, str]:
    """First three principal components as colour."""
    return principal_components(feature_map), "principal components"


def channel_view(channel: int) -> Callable[[Map], tuple[np.ndarray, str]]:
    """One channel; a branch with fewer shows its last."""

    def view(feature_map: Map) -> tuple[np.ndarray, str]:
        shown = min(channel, feature_map.shape[0] - 1)
        return feature_map[shown], f"channel {shown}"

    return view


def strongest_panels(feature_map: Map, branch: int, picture: Picture) -> list[Panel]:
    """The picture, then the strongest channels of one branch."""
    channels = strongest_channels(feature_map, STRONGEST)
    maps = (Panel(f"channel {channel}", feature_map[channel], branch, branch_name(branch)) for channel in channels)
    return [Panel("picture", picture), *maps]


def all_finite(maps: ModuleMaps) -> bool:
    """Whether no map holds NaN or infinity."""
    return all(bool(np.isfinite(feature_map).all()) for feature_map in (*maps.before, *maps.after))


def map_statistics(maps: ModuleMaps) -> pd.DataFrame:
    """Shape, mean, spread and range of every map, before and after the fusion."""
    return pd.DataFrame(
        [
            {
                "moment": moment,
                "branch": branch_name(branch),
                "channels": feature_map.shape[0],
                "height": feature_map.shape[1],
                "width": feature_map.shape[2],
                "mean": float(feature_map.mean()),
                "standard deviation": float(feature_map.std()),
                "minimum": float(feature_map.min()),
                "maximum": float(feature_map.max()),
                "dead channels": int((np.abs(feature_map).max((1, 2)) == 0).sum()),
            }
            for moment, group in (("before fusion", maps.before), ("after fusion", maps.after))
            for branch, feature_map in enumerate(group)
        ]
    )


def arrays(maps: ModuleMaps) -> dict[str, Map]:
    """All maps by name, for the download."""
    before = {f"before_branch{branch}": feature_map for branch, feature_map in enumerate(maps.before)}
    return before | {f"after_branch{branch}": feature_map for branch, feature_map in enumerate(maps.after)}
