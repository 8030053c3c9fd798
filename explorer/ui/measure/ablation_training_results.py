"""What the trainings of the Ablation page show: findings, curves, differences with their intervals, and the table."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import pandas as pd
import streamlit as st

from explorer.ablation.recipe import ARM_NAMES
from explorer.ablation.run import curve_rows
from explorer.ablation.statistics import (
    METRICS,
    PAIRS,
    PairedDifference,
    border_finding,
    border_gap_difference,
    finding,
    mixing_finding,
    paired_difference,
)
from explorer.charts.ablation_training import difference_intervals, training_curves
from explorer.records.training_exchange import write_trainings
from explorer.records.training_record import TrainingRecord
from explorer.ui import choices
from explorer.ui.measure.ablation_results import show_published
from explorer.ui.panels import csv_button, file_button, show_chart

_CURVE = "ablation_training_curve"
_LOOKED_AT = {**METRICS, "loss": "loss of the last step"}
#: What is compared, and how the figure calls it.
_COMPARED = {
    "miou": "mIoU",
    "foreground_accuracy": "ten-way accuracy",
    "near_border_accuracy": "digits near window borders",
    "away_accuracy": "digits away from them",
}
#: The arms as tables and figures call them.
SHORT_NAMES = {"3x3": "3x3", "none": "none", "1x1": "1x1 control"}


def show_training_results(records: Sequence[TrainingRecord]) -> None:
    """What the trainings show, in sentences, curves, differences and a table; nothing where there are none."""
    if not records:
        return
    differences = [found for arm, against in PAIRS if (found := paired_difference(records, arm, against))]
    for sentence in (*map(finding, differences), mixing_finding(records), border_finding(records)):
        if sentence:
            st.markdown(f"- {sentence}")
    column = choices.one_of(
        st.selectbox, "Curve", tuple(_LOOKED_AT), key=_CURVE, format_func=lambda name: _LOOKED_AT[name]
    )
    curves = curve_frame((record.arm, record.seed, curve_rows(record)) for record in records)
    show_curves(curves, column, "ablation_training_curves")
    _show_differences(records)
    show_published(["dw_conv"], window_sizes=False)
    _show_table(records)


def show_curves(curves: pd.DataFrame, column: str, chart: str) -> None:
    """Curves of one score, from `curve_frame`; `chart` names the figure."""
    name = _LOOKED_AT[column]
    show_chart(
        training_curves(curves, column, name, f"Validation {name}, mean over seeds, band from lowest to highest"),
        chart,
        curves,
        alt=f"{name} against steps for each arm, mean and band over seeds",
    )


def curve_frame(trainings: Iterable[tuple[str, int, Sequence[dict[str, float]]]]) -> pd.DataFrame:
    """One row for each look at a training's validation pictures, given as (arm, seed, curve)."""
    return pd.DataFrame([{"arm": arm, "seed": seed, **row} for arm, seed, curve in trainings for row in curve])


def _show_differences(records: Sequence[TrainingRecord]) -> None:
    frame = differences_table(records)
    if frame.empty:
        return
    show_chart(
        difference_intervals(frame, "What each convolution changes, at equal steps"),
        "ablation_training_differences",
        frame.drop(columns="values_"),
        alt="Paired differences of test scores with their 95 % intervals",
    )
    st.caption(
        "Paired by seed: both arms see the same crops in the same order. The interval is Student's, of the mean over "
        "seeds. Near borders: digits' pixels in tokens along a border between windows of the 1/4 branch; the outer 14 "
        "pixels are left out, where cut-off digits fake a difference."
    )


def differences_table(records: Sequence[TrainingRecord]) -> pd.DataFrame:
    """One row per pair of arms and score: label, mean, low, high, seeds, and the values of the seeds."""
    rows = []
    for arm, against in PAIRS:
        found: list[tuple[str, PairedDifference | None]] = [
            (name, paired_difference(records, arm, against, metric)) for metric, name in _COMPARED.items()
        ]
        found.append(("near minus away", border_gap_difference(records, arm, against)))
        rows += [
            {
                "label": f"{SHORT_NAMES[arm]} − {SHORT_NAMES[against]}: {name}",
                "mean": difference.mean,
                "low": difference.low,
                "high": difference.high,
                "seeds": len(difference.seeds),
                "values_": list(difference.differences),
            }
            for name, difference in found
            if difference is not None
        ]
    return pd.DataFrame(rows)


def _show_table(records: Sequence[TrainingRecord]) -> None:
    table = pd.DataFrame(
        [
            {
                "arm": SHORT_NAMES[record.arm],
                "seed": record.seed,
                "steps": record.steps,
                "parameters": record.params,
                **{f"test {name}": getattr(record, metric) for metric, name in METRICS.items()},
                "minutes": record.train_wall_s / 60,
                "processor ms a step": record.step_cpu_ms,
                "data, % of it": 100 * record.data_cpu_share,
            }
            for record in records
        ]
    )
    shares = {f"test {name}": st.column_config.NumberColumn(format="%.3f") for name in METRICS.values()}
    figures = {
        name: st.column_config.NumberColumn(format=form)
        for name, form in {"minutes": "%.1f", "processor ms a step": "%.0f", "data, % of it": "%.1f"}.items()
    }
    st.dataframe(table, hide_index=True, alt="All trainings with their test scores", column_config=shares | figures)
    with st.container(horizontal=True):
        csv_button(table, "ablation_training_table", "Table as CSV")
        file_button(
            "Everything as CSV",
            lambda: trainings_csv(records),
            "ablation_training.csv",
            "text/csv",
            key="download_trainings",
            help="Curves, recipe, variant and environment included.",
        )
    st.caption("; ".join(f"{SHORT_NAMES[arm]}: {name}" for arm, name in ARM_NAMES.items()) + ".")


def trainings_csv(records: Iterable[TrainingRecord]) -> bytes:
    """Trainings as a file."""
    file = io.StringIO(newline="")
    write_trainings(records, file)
    return file.getvalue().encode()
