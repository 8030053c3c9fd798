"""Receptive fields of two networks at one place of the picture, each with and without the convolution, on one scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pandas as pd
import streamlit as st

from explorer.charts.clickable import add_clickable_positions
from explorer.charts.receptive_field import area_against_macs, effective_field_maps, leak_maps, theoretical_field_map
from explorer.charts.shared_axes import share_axes
from explorer.charts.theme import literal
from explorer.inspection.leak import Leak, window_of
from explorer.ui.comparing import Reference
from explorer.ui.explore.beside import position_like
from explorer.ui.explore.block_controls import CLICKABLE, take_click
from explorer.ui.explore.receptive_field import (
    EffectivePair,
    effective_pair,
    fields,
    leak_pair,
    window_size_tables,
)
from explorer.ui.explore.receptive_field_sections import (
    FieldView,
    arrival_finding,
    choose_pictures,
    leak_finding,
)
from explorer.ui.explore.receptive_field_tables import (
    WITH,
    WITHOUT,
    field_table,
    leak_table,
    pixel_table,
    reads_table,
)
from explorer.ui.panels import csv_button, half_grid, show_chart
from explorer.ui.sources import weights_beside
from explorer.units import significant
from hrformer.geometry import branch_sizes

Found = TypeVar("Found")


@dataclass(frozen=True)
class NamedView:
    """A network that is looked into.

    Attributes:
        name: What it is called.
        view: What of it.
    """

    name: str
    view: FieldView


def view_beside(view: FieldView, other: Reference) -> NamedView:
    """The same place of the same picture, as another variant sees it.

    Raises:
        ValueError: If its theoretical field can't be had.
    """
    config, position = other.config, position_like(view.position, view.config, other.config)
    found = None if view.fields is None else fields(config, position)  # a page computes one field at a time
    picture = replace(view.picture, img_size=config.img_size)
    return NamedView(other.name, FieldView(config, position, picture, weights_beside(config), found))


def show_theoretical_fields(views: Sequence[NamedView]) -> None:
    """Both theoretical fields over the picture; the first can be clicked."""
    found = _each(views, lambda view: view.fields)
    if found is None:
        return
    halves = half_grid()
    for number, (named, pair) in enumerate(zip(views, found, strict=True)):
        view = named.view
        figure = theoretical_field_map(
            view.picture.fitted,
            pair[0].pixels,
            view.position.pixel,
            literal(f"{named.name} · {arrival_finding(pair)}"),
            branch=view.position.branch,
            pixels_without_dw_conv=pair[1].pixels,
        )
        if number == 0:
            size = branch_sizes(view.config.img_size)[view.position.branch]
            add_clickable_positions(figure, size, branch=view.position.branch)
        with halves.cell():
            show_chart(
                figure,
                CLICKABLE if number == 0 else "theoretical_beside",
                alt=f"The picture with the outlines of the theoretical receptive field of {named.name}, {view.place}",
                on_select=take_click if number == 0 else None,
            )
    st.caption(
        "; ".join(f"{named.name}: {named.view.place}" for named in views) + ". Click the first picture to choose "
        "another position; the second shows the same place."
    )
    table = _together(views, [field_table(pair) for pair in found])
    st.dataframe(table, hide_index=True, alt="Size and reach of the theoretical fields of both networks")
    csv_button(table, "theoretical_fields")


def show_reads_of_both(views: Sequence[NamedView]) -> None:
    """How much of each branch map both fields hold, module by module."""
    found = _each(views, lambda view: view.fields)
    if found is None:
        return
    if views[0].view.position.stage == 1:
        st.info("Stage 1 reads no branch maps: choose stage 2 to 4.", icon=":material/info:")
        return
    table = _together(views, [reads_table(pair) for pair in found])
    st.dataframe(table, hide_index=True, alt="Share of each branch map that the position reads, per network and module")
    csv_button(table, "maps_read")


def show_effective_fields(views: Sequence[NamedView]) -> None:
    """Both pairs of effective fields on one scale, and the squares that hold their shares."""
    count = choose_pictures()

    def compute(view: FieldView) -> EffectivePair | None:
        return None if view.weights is None else effective_pair(view.weights, view.picture, view.position, count)

    found = _each(views, compute)
    if found is None:
        return
    for number, (named, pair) in enumerate(zip(views, found, strict=True)):
        half = [panel.square_px for panel in pair.panels]
        show_chart(
            effective_field_maps(
                pair.panels,
                pair.pixel,
                literal(f"{named.name} · Half of the contribution within {half[0]} px, {half[1]} px without DW conv"),
                beside=found[1 - number].panels,
            ),
            f"effective_field_{number + 1}",
            pixel_table({panel.title: panel.contribution for panel in pair.panels}),
            alt=f"Effective receptive fields of {named.name} on the logarithmic scale of both networks",
        )
    squares = _together(views, [pair.squares for pair in found])
    st.dataframe(squares, hide_index=True, alt="Squares that hold 20, 30, 50 and 99 % of the contribution, per network")
    csv_button(squares, "effective_field_squares")
    st.caption(f"{', '.join(found[0].pictures)}. The dotted square holds half of the contribution.")


def show_leaks(views: Sequence[NamedView]) -> None:
    """Where a change of one window is found after each block, in both networks; the scale is the same for all."""
    if views[0].view.position.stage == 1:
        st.info("Stage 1 has no windows: choose stage 2 to 4.", icon=":material/info:")
        return

    def compute(view: FieldView) -> tuple[Leak, Leak] | None:
        return None if view.weights is None else leak_pair(view.weights, view.picture, view.position)

    found = _each(views, compute)
    if found is None:
        return
    for number, (named, leaks) in enumerate(zip(views, found, strict=True)):
        show_chart(
            leak_maps(
                {WITH: leaks[0].shares, WITHOUT: leaks[1].shares},
                window_of(named.view.config, named.view.position),
                literal(f"{named.name} · {leak_finding(leaks)}"),
            ),
            f"leak_{number + 1}",
            alt=f"Share of the change in each window after each block of {named.name}",
        )
    table = _together(views, [leak_table(leaks) for leaks in found])
    st.dataframe(table, hide_index=True, alt="What has left the changed window after each block, per network")
    csv_button(table, "leak_summary")


def show_window_sizes_of_both(views: Sequence[NamedView]) -> None:
    """What a larger window sees beside what it costs, in both networks on the same axes."""
    found = _each(views, lambda view: window_size_tables(view.config, view.position))
    if found is None:
        return
    figures = []
    for named, tables in zip(views, found, strict=True):
        sizes, most = set(named.view.config.window_sizes), tables[0].iloc[-1]
        sees = f"{named.name} · Windows of {most['window_size']:.0f} see {significant(most['field_share'] * 100)} %"
        figures.append(
            area_against_macs(
                tables[0],
                literal(f"{sees} of the picture"),
                branch=named.view.position.branch,
                without_dw_conv=tables[1],
                window_size=sizes.pop() if len(sizes) == 1 else None,
            )
        )
    share_axes(figures)
    halves = half_grid()
    for number, (named, figure, tables) in enumerate(zip(views, figures, found, strict=True)):
        with halves.cell():
            show_chart(
                figure,
                f"window_sizes_{number + 1}",
                pd.concat([table.assign(dw_conv=name) for table, name in zip(tables, (True, False), strict=True)]),
                alt=f"Area of the theoretical field over MACs for window sizes 3 to 21 in {named.name}",
            )
    st.caption("One window size in all branches; everything else as in the variants, whose own sizes are larger.")


SECTIONS_OF_BOTH: Mapping[str, Callable[[Sequence[NamedView]], None]] = {
    "Maps read on the way": show_reads_of_both,
    "Effective field": show_effective_fields,
    "Leak test": show_leaks,
    "Window sizes": show_window_sizes_of_both,
}


def _each(views: Sequence[NamedView], compute: Callable[[FieldView], Found | None]) -> list[Found] | None:
    """What is found in each network, one after the other; None until all is there.

    Raises:
        ValueError: What `compute` raises, with the network's name.
    """
    found = []
    for named in views:
        try:
            one = compute(named.view)
        except ValueError as error:
            raise ValueError(f"{named.name}: {error}") from error
        if one is None:
            return None
        found.append(one)
    return found


def _together(views: Sequence[NamedView], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The tables below each other, each row with its network."""
    named = zip(views, tables, strict=True)
    return pd.concat(
        [pd.concat([pd.Series(named.name, table.index, name="network"), table], axis=1) for named, table in named]
    )
