"""The parts of the Receptive field page: what is shown of a position, each with its exports."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from explorer.charts.clickable import add_clickable_positions
from explorer.charts.receptive_field import (
    area_against_macs,
    effective_field_difference,
    effective_field_maps,
    leak_maps,
    theoretical_field_map,
)
from explorer.charts.theme import branch_name
from explorer.inspection.leak import Leak, window_of
from explorer.inspection.receptive_field import MapPosition
from explorer.ui import choices
from explorer.ui.explore.block_controls import CLICKABLE, take_click
from explorer.ui.explore.receptive_field import (
    MAX_PICTURES,
    effective_key,
    effective_pair,
    leak_key,
    leak_pair,
    size_key,
    window_size_tables,
)
from explorer.ui.explore.receptive_field_tables import (
    WITH,
    WITHOUT,
    FieldPair,
    field_table,
    leak_share_table,
    leak_table,
    pixel_table,
    reach_summary,
    reads_table,
    square_columns,
)
from explorer.ui.panels import csv_button, half_grid, show_chart
from explorer.ui.progress import throw_away_button
from explorer.ui.sources import PictureSource, WeightsSource
from explorer.units import counted, significant, with_prefix
from hrformer import HRFormerConfig
from hrformer.geometry import branch_sizes


@dataclass(frozen=True)
class FieldView:
    """What the page looks at.

    Attributes:
        config: The variant.
        position: The chosen position.
        picture: The chosen picture.
        weights: The model; None where this machine cannot hold it.
        fields: The theoretical fields (with, without); None while they are being computed.
    """

    config: HRFormerConfig
    position: MapPosition
    picture: PictureSource
    weights: WeightsSource | None
    fields: FieldPair | None

    @property
    def place(self) -> str:
        """The map in words."""
        position = self.position
        return f"stage {position.stage}, module {position.module + 1}, {branch_name(position.branch)}"


def show_theoretical(view: FieldView) -> None:
    """The theoretical field over the picture, to click on, and its size and reach."""
    pair = view.fields
    if pair is None:
        return
    shares = [significant(field.area_share * 100) for field in pair]
    halves = half_grid()
    with halves.cell():
        figure = theoretical_field_map(
            view.picture.fitted,
            pair[0].pixels,
            view.position.pixel,
            arrival_finding(pair),
            branch=view.position.branch,
            pixels_without_dw_conv=pair[1].pixels,
        )
        add_clickable_positions(
            figure, branch_sizes(view.config.img_size)[view.position.branch], branch=view.position.branch
        )
        show_chart(
            figure,
            CLICKABLE,
            alt=f"The picture with the outlines of the theoretical receptive field of {view.place}",
            on_select=take_click,
        )
    with halves.cell():
        row = st.container(horizontal=True)
        for field, label, share in zip(pair, ("With DW conv", "Without"), shares, strict=True):
            height, width = field.sides_px
            row.metric(
                label,
                f"{share} %",
                f"{height} x {width} px",
                delta_color="off",
                delta_arrow="off",
                border=True,
                width=185,
                help=f"Theoretical field: {field.area_px:,} pixels of the picture can change this position, whatever "
                "the weights; height x width of their bounding box.",
            )
        st.markdown(
            f"**{view.place.capitalize()}**, row {view.position.row}, column {view.position.column}. Click the picture "
            "to choose another position. What is dark cannot reach it, whatever the weights; the dashed outline is all "
            "that reaches it once the 3x3 depth-wise convolution is taken out of the FFNs."
        )
        st.dataframe(
            reach_summary(pair),
            alt="Size and reach of the theoretical field with and without the depth-wise convolution",
        )
        with st.container(horizontal=True):
            csv_button(field_table(pair), "theoretical_field", "Table as CSV")
            pixels = {name: field.pixels for name, field in zip((WITH, WITHOUT), pair, strict=True)}
            csv_button(pixel_table(pixels), "theoretical_field_pixels", "Pixels as CSV")


def arrival_finding(pair: FieldPair) -> str:
    """How much of the picture arrives at the position."""
    with_dw_conv, without = (significant(field.area_share * 100) for field in pair)
    also = "with or without DW conv" if with_dw_conv == without else f"{without} % without DW conv"
    return f"{with_dw_conv} % of the picture arrives here, {also}"


def show_reads(view: FieldView) -> None:
    """How much of each branch map the field holds, module by module."""
    pair = view.fields
    if pair is None:
        return
    if not pair[0].reads:
        st.info("Stage 1 reads no branch maps: choose stage 2 to 4.", icon=":material/info:")
        return
    table = reads_table(pair)
    st.dataframe(table, hide_index=True, alt="Share of each branch map that the position reads, per module")
    st.caption("How much of each branch map enters the field, from the position's own module back to the first.")
    csv_button(table, "maps_read")


def choose_pictures() -> int:
    """Choose over how many pictures an effective field is averaged."""
    return choices.number(
        st.slider,
        "Pictures to average over",
        1,
        MAX_PICTURES,
        key="pictures",
        default=4,
        help="The chosen picture, then the other samples, then mirrored ones.",
    )


def show_effective(view: FieldView) -> None:
    """Both effective fields, their difference, and the squares that hold their shares."""
    if view.weights is None:
        return
    count = choose_pictures()
    pair = effective_pair(view.weights, view.picture, view.position, count)
    if pair is None:
        return
    half = [panel.square_px for panel in pair.panels]
    data = pixel_table({panel.title: panel.contribution for panel in pair.panels})
    show_chart(
        effective_field_maps(
            pair.panels,
            pair.pixel,
            f"Half of the contribution lies within {half[0]} pixels with DW conv, within {half[1]} without",
        ),
        "effective_field",
        data,
        alt="Effective receptive fields with and without the depth-wise convolution on one logarithmic scale",
    )
    st.markdown(
        "**Squares around the position that hold a share of the contribution**",
        help="Side, and area ratio r, of the smallest centred square that holds more than the share, of the score "
        "matrix of arXiv 2203.06717: positive gradients, log10(1 + x). The plain gradient is what the maps show.",
    )
    st.dataframe(
        pair.squares.rename(columns=square_columns()).round(1),
        hide_index=True,
        alt="Sides and areas of the squares that hold 20, 30, 50 and 99 % of the contribution",
    )
    csv_button(pair.squares, "effective_field_squares")
    halves = half_grid()
    with halves.cell():
        show_chart(
            effective_field_difference(*pair.panels, pair.pixel, "Where the DW conv adds (red) and takes (blue)"),
            "effective_field_difference",
            data,
            alt="Difference of the two effective receptive fields",
        )
    with halves.cell():
        st.caption(
            f"{', '.join(pair.pictures)}; {view.weights.name}. The dotted square holds half of the contribution."
        )
        throw_away_button("effective_field", effective_key(view.weights, view.picture, view.position, count))


def show_leak(view: FieldView) -> None:
    """Where a change of one window is found after each block."""
    if view.weights is None:
        return
    if view.position.stage == 1:
        st.info("Stage 1 has no windows: choose stage 2 to 4.", icon=":material/info:")
        return
    leaks = leak_pair(view.weights, view.picture, view.position)
    if leaks is None:
        return
    show_chart(
        leak_maps(
            {WITH: leaks[0].shares, WITHOUT: leaks[1].shares},
            window_of(view.config, view.position),
            leak_finding(leaks),
        ),
        "leak",
        leak_share_table(leaks),
        alt="Share of the change in each window after each block, with and without the depth-wise convolution",
    )
    table = leak_table(leaks)
    st.dataframe(table, hide_index=True, alt="What has left the changed window after each block")
    with st.container(horizontal=True):
        csv_button(table, "leak_summary", "Table as CSV")
        throw_away_button("leak", leak_key(view.weights, view.picture, view.position))
    st.caption(
        f"Random noise as strong as the map is added to the window of the position (x) where the blocks of "
        f"{view.place} begin; shares are norms of the change in a window over the norm of the whole change. Grey: "
        "exactly nothing."
    )


def leak_finding(leaks: tuple[Leak, Leak]) -> str:
    """How much of a change in one window leaves it."""
    outside, blocks = significant(leaks[0].outside_shares[-1] * 100), counted(len(leaks[0].shares), "block")
    without = _amount(leaks[1].outside_shares[-1])
    return f"A change in one window: {outside} % of it lies outside after {blocks} with DW conv, {without} without"


def _amount(share: float) -> str:
    return f"{significant(share * 100)} %" if share > 0 else "exactly nothing"


def show_window_sizes(view: FieldView) -> None:
    """What a larger window sees beside what it costs."""
    tables = window_size_tables(view.config, view.position)
    if tables is None:
        return
    sizes = set(view.config.window_sizes)
    least, most = tables[0].iloc[0], tables[0].iloc[-1]
    show_chart(
        area_against_macs(
            tables[0],
            f"Windows of {most['window_size']:.0f} see {significant(most['field_share'] * 100)} % for "
            f"{with_prefix(most['macs'], 'MACs')}, of {least['window_size']:.0f} "
            f"{significant(least['field_share'] * 100)} % for {with_prefix(least['macs'], 'MACs')}",
            branch=view.position.branch,
            without_dw_conv=tables[1],
            window_size=sizes.pop() if len(sizes) == 1 else None,
        ),
        "window_sizes",
        pd.concat([table.assign(dw_conv=name == WITH) for table, name in zip(tables, (WITH, WITHOUT), strict=True)]),
        alt="Area of the theoretical field over MACs for window sizes 3 to 21, with and without the convolution",
    )
    st.caption("One window size in all branches; everything else as in the variant. The variant's own size is larger.")
    throw_away_button("window_sizes", size_key(view.config, view.position))
