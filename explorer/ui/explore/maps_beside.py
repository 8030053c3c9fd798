"""Feature maps of two variants below each other, on one scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st

from explorer.charts.maps import Panel
from explorer.charts.theme import literal
from explorer.inspection.feature_maps import Map, ModuleMaps
from explorer.ui.comparing import Reference
from explorer.ui.explore.beside import module_like
from explorer.ui.explore.block_controls import chosen_place
from explorer.ui.explore.feature_maps import (
    all_finite,
    arrays,
    map_statistics,
    module_maps,
    panels_of,
    strongest_panels,
)
from explorer.ui.explore.map_rows import show_maps
from explorer.ui.panels import npz_button, plain, verbatim
from explorer.ui.sources import PictureSource, weights_beside
from explorer.units import significant
from hrformer import HRFormerConfig


@dataclass(frozen=True, eq=False)
class MapsOf:
    """What a network makes of a picture in one module.

    Attributes:
        name: What the network is called.
        config: The network.
        where: Stage and module in words.
        picture: As the network sees it.
        weights_name: What its weights are.
        maps: Before and after the module's fusion.
    """

    name: str
    config: HRFormerConfig
    where: str
    picture: PictureSource
    weights_name: str
    maps: ModuleMaps

    def at(self, moment: str) -> tuple[Map, ...]:
        """The maps "before" or "after" the fusion."""
        return self.maps.before if moment == "before" else self.maps.after

    def rows(self, moment: str, view: Callable[[Map], tuple[np.ndarray, str]]) -> list[Panel]:
        """The picture and a panel per branch."""
        return panels_of(self.at(moment), self.picture.fitted, view)

    def strongest(self, moment: str, branch: int) -> list[Panel]:
        """The picture and the strongest channels of a branch; nothing where there is no such map."""
        maps = self.at(moment)
        return strongest_panels(maps[branch], branch, self.picture.fitted) if branch < len(maps) else []


def maps_beside(
    other: Reference, config: HRFormerConfig, picture: PictureSource, stage: int, module: int
) -> MapsOf | None:
    """What another variant makes of the same picture in the module that goes with one of `config`; None with a reason.

    Each network is admitted to the memory budget for itself.
    """
    weights = weights_beside(other.config)
    if weights is None:
        return None
    number, picture = module_like(module, stage, config, other.config), replace(picture, img_size=other.config.img_size)
    try:
        maps = module_maps(weights.model, picture.as_input(other.config), (weights.key, picture.key), stage, number)
    except ValueError as error:
        st.error(f"{verbatim(other.name)}: {plain(str(error))}", icon=":material/error:")
        return None
    if not all_finite(maps):
        st.error(f"The maps of {verbatim(other.name)} hold NaN or infinite values.", icon=":material/error:")
        return None
    return MapsOf(other.name, other.config, f"stage {stage}, module {number + 1}", picture, weights.name, maps)


def show_map_rows(
    networks: Sequence[MapsOf], rows: Sequence[Sequence[Panel]], says: str, name: str, *, alt: str
) -> None:
    """A row of maps per network; all heat maps share one scale, and a place that was chosen elsewhere is marked.

    Args:
        networks: One or two.
        rows: The panels of each; none where there is nothing to show.
        says: What the maps are, for the titles.
        name: Names the files and the elements; unique on a page.
        alt: What a screen reader says.
    """
    signed = any(panel.values.ndim == 2 and panel.values.min() < 0 for row in rows for panel in row)
    for place, (network, row) in enumerate(zip(networks, rows, strict=True)):
        if not row:
            continue
        others = [panel for number, other in enumerate(rows) if number != place for panel in other]
        title = f"{network.where.capitalize()}, {says}"
        if len(networks) > 1:
            title = literal(f"{network.name} · {title}{_range(row)}")
        show_maps(
            row,
            network.config.img_size,
            title,
            f"{name}_beside" if place else name,
            signed=signed,
            alt=f"{alt}, {network.name}" if len(networks) > 1 else alt,
            beside=others,
            mark=chosen_place(),
        )


def statistics_of(networks: Sequence[MapsOf]) -> pd.DataFrame:
    """Shape, mean, spread and range of every map; with several networks each row says whose."""
    if len(networks) == 1:
        return map_statistics(networks[0].maps)
    return pd.concat([map_statistics(network.maps).assign(network=network.name) for network in networks])


def maps_button(network: MapsOf) -> None:
    """Download all maps of a network."""
    name = f"maps_{network.where.replace(', ', '_').replace(' ', '')}"
    npz_button(lambda: arrays(network.maps), f"{name}_{network.config.config_id}", f"Maps of {verbatim(network.name)}")


def _range(row: Sequence[Panel]) -> str:
    maps = [panel.values for panel in row if panel.values.ndim == 2]
    if not maps:
        return ""
    low, high = min(values.min() for values in maps), max(values.max() for values in maps)
    return f", {significant(float(low))} to {significant(float(high))}"
