"""What the Ablation page shows of its table: the table itself, a figure each, and what others published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from explorer.ablation.published import published_differences
from explorer.ablation.table import FIGURES, VISIBLE_CHANGE, Figure, Row, cell_text, change_text, labels, rows_of
from explorer.charts.ablation import figure_bars, published_markers, ratio_intervals
from explorer.ui.panels import NO_VALUE, csv_button, half_grid, plain, show_chart

_LATENCY = "latency_ms_p50"
_NAME_PX = 150
_EXPLANATIONS = {
    "params": "Learned parameters, in closed form.",
    "macs": "Multiply-adds of one image at the variant's size; FLOPs are twice that.",
    "peak_activation_mib": "Peak activation memory of one image in fp32, weights not counted, in closed form.",
    _LATENCY: "Median per call; the change is the median ratio over rounds, with its 95 % confidence interval.",
    "field_side_px": "Longer side of the theoretical receptive field's bounding box.",
    "effective_side_px": "Side of the square around the position that holds half of the gradient.",
    "leak_percent": "Of a change inside one window, what the module's blocks carried out of it: norm over norm.",
}


def show_table(table: pd.DataFrame) -> None:
    """One row per arm; each figure with its change against the reference."""
    shown = [figure for figure in FIGURES if table[figure.column].notna().any()]
    numbers = pd.DataFrame({"network": labels(table), **{figure.name: table[figure.column] for figure in shown}})
    styler = numbers.style
    for figure in shown:
        for index, row in enumerate(rows_of(table)):
            styler = styler.format(_said(cell_text(figure, row)), subset=([index], [figure.name]))
    columns: dict[str, Any] = {"network": st.column_config.TextColumn("network", pinned=True, width=_NAME_PX)}
    columns |= {
        figure.name: st.column_config.NumberColumn(figure.name, help=_EXPLANATIONS[figure.column]) for figure in shown
    }
    st.dataframe(
        styler,
        hide_index=True,
        placeholder=NO_VALUE,
        alt="What each network costs and sees",
        column_config=columns,
    )
    for note in dict.fromkeys(note for row in rows_of(table) for note in (row["note"], row["latency_note"]) if note):
        st.caption(f"{NO_VALUE} {note}")


def _said(text: str) -> Callable[[object], str]:
    return lambda _: text


def show_figures(table: pd.DataFrame) -> None:
    """One figure for each column that has values, beside each other where the page is wide enough."""
    halves = half_grid()
    for figure in FIGURES:
        if table[figure.column].notna().any():
            with halves.cell():
                _show_figure(table, figure)


def _show_figure(table: pd.DataFrame, figure: Figure) -> None:
    if figure.column == _LATENCY and table["latency_ratio"].notna().any():
        data = _intervals(table, figure)
        chart = ratio_intervals(data, finding(table, figure))
    else:
        data = _bars(table, figure)
        chart = figure_bars(data, finding(table, figure), f"{figure.name}, {figure.unit}")
    name = f"ablation_{figure.column}"
    show_chart(chart, name, data.drop(columns="hover"), alt=f"{figure.name} of each network")


def finding(table: pd.DataFrame, figure: Figure) -> str:
    """What a figure says: the arm that changes most."""
    changed = [row for row in rows_of(table) if abs(row[f"{figure.column}_change"]) >= VISIBLE_CHANGE]
    if not changed:
        return f"{figure.name}: the same in every network"
    most = max(changed, key=lambda row: abs(row[f"{figure.column}_change"]))
    return f"{figure.name}: {change_text(figure, most)} {most['label']}"


def _bars(table: pd.DataFrame, figure: Figure) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "label": labels(table),
            "value": table[figure.column] / figure.scale,
            "is_reference": table["is_reference"],
            "dw_conv": table["dw_conv"],
            "text": [cell_text(figure, row) for row in rows_of(table)],
            "hover": [_hover(figure, row) for row in rows_of(table)],
        }
    ).dropna(subset="value")


def _intervals(table: pd.DataFrame, figure: Figure) -> pd.DataFrame:
    compared = table[table["latency_ratio"].notna()]
    return pd.DataFrame(
        {
            "label": labels(compared),
            "dw_conv": compared["dw_conv"],
            "change_percent": 100 * (compared["latency_ratio"] - 1),
            "low_percent": 100 * (compared["latency_ratio_ci95_low"].astype(float) - 1),
            "high_percent": 100 * (compared["latency_ratio_ci95_high"].astype(float) - 1),
            "hover": [_hover(figure, row) for row in rows_of(compared)],
        }
    )


def _hover(figure: Figure, row: Row) -> str:
    label, value = row["label"], row[figure.column]
    if pd.isna(value):
        return f"{label}: {figure.name_within} not known"
    exact = f"{value:,.0f}" if float(value).is_integer() else f"{value / figure.scale:,.4f} {figure.unit}"
    change = change_text(figure, row)
    return f"{label}: {figure.name_within} {exact}" + (f", {change} against the reference" if change else "")


def show_published(switches: list[str], *, window_sizes: bool) -> None:
    """Differences that others published on the same switches, marked as published."""
    try:
        table = published_differences(switches, window_sizes=window_sizes)
    except ValueError as error:
        st.warning(plain(str(error)), icon=":material/menu_book:")
        return
    if table.empty:
        st.caption("Nothing is published on these switches for HRFormer.")
        return
    points = table.assign(
        label=[f"{row.dataset} · {row.metric} ({row.model})<br>{row.variant}" for row in table.itertuples()],
        hover=[
            f"Published: {row.variant} against {row.baseline}, {row.difference:+.2f} points of {row.metric} on "
            f"{row.dataset}<br>{row.study}"
            for row in table.itertuples()
        ],
    )
    show_chart(
        published_markers(points, "Published gains in accuracy (hollow: not measured here)"),
        "ablation_published",
        alt="Published differences in accuracy",
    )
    csv_button(table, "ablation_published", "Published differences with sources as CSV")
