"""The table by hand: changes against the right reference, figures with their units, published differences."""

from dataclasses import replace

import pandas as pd
import pytest

from explorer.ablation.arms import Axes, arms_of
from explorer.ablation.published import published_differences
from explorer.ablation.switches import SWITCHES, switch_named
from explorer.ablation.table import FIGURES, ablation_table, cell_text, labels, measured_arms, rows_of
from explorer.ablation.views import View
from explorer.benchmark.outcome import Measured
from explorer.benchmark.plan import Plan
from explorer.charts.ablation import figure_bars, published_markers, ratio_intervals
from explorer.cost.complexity import estimate_complexity
from explorer.models.model_ref import variant
from explorer.ui.measure.ablation_results import _bars, _intervals, finding
from hrformer import HRFormerConfig
from tests.explorer.ablation.examples import TINY
from tests.explorer.records.examples import example_record

ARMS = arms_of(TINY, [switch_named("dw_conv")], Axes(window_sizes=(2, 4)))
BY_COLUMN = {figure.column: figure for figure in FIGURES}


def measured(config: HRFormerConfig, samples_ms: tuple[float, ...]) -> Measured:
    (job,) = Plan(models=(variant(config),)).jobs()
    median = sorted(samples_ms)[len(samples_ms) // 2]
    samples = {"samples_ms": samples_ms, "samples_count": len(samples_ms), "latency_ms_p50": median}
    return Measured(job, example_record(config=config.to_dict(), **samples))


def test_costs_are_closed_form_and_compared_with_the_reference_at_the_same_point() -> None:
    table = ablation_table(ARMS)
    costs = [estimate_complexity(arm.config) for arm in ARMS]
    assert table["params"].tolist() == [cost.params for cost in costs]
    assert table["macs"].tolist() == [cost.macs for cost in costs]
    assert table["macs_change"].tolist()[1::2] == pytest.approx(
        [costs[1].macs / costs[0].macs - 1, costs[3].macs / costs[2].macs - 1]
    )
    assert table["macs_change"].isna().tolist() == [True, False, True, False]
    assert table["latency_ms_p50"].isna().all()
    assert labels(table).tolist() == [
        "reference · K 2",
        "without DW conv · K 2",
        "reference · K 4",
        "without DW conv · K 4",
    ]


def test_latency_is_the_ratio_over_rounds_with_its_interval() -> None:
    reference, without = (measured(arm.config, samples) for arm, samples in zip(ARMS[:2], SAMPLES, strict=True))
    stranger = measured(replace(TINY, num_classes=7), (1.0,) * 7)
    mine = measured_arms(ARMS, [reference, without, stranger])
    assert mine == [reference, without]
    table = ablation_table(ARMS, measured=mine)
    row = rows_of(table)[1]
    assert row["latency_ratio"] == pytest.approx(0.75)
    assert (row["latency_ratio_ci95_low"], row["latency_ratio_ci95_high"]) == pytest.approx((0.5, 1.0))
    assert cell_text(BY_COLUMN["latency_ms_p50"], row) == "6 ms (−25.0 % [−50.0, +0.0])"
    assert pd.isna(rows_of(table)[3]["latency_ms_p50"])
    assert list(_intervals(table, BY_COLUMN["latency_ms_p50"])["change_percent"]) == pytest.approx([-25])


SAMPLES = ((8.0,) * 7, (4.0, 4.5, 5.0, 6.0, 7.0, 7.5, 8.0))


def test_views_become_figures_and_a_missing_one_stays_empty() -> None:
    views = {
        ARMS[0].config: View(
            field_side_px=40, field_share=0.5, effective_side_px=20, leak_share=0.25, reached_windows=8
        ),
        ARMS[1].config: View(field_side_px=30, field_share=0.2, note="no memory"),
    }
    table = ablation_table(ARMS, views)
    assert table["leak_percent"].iloc[0] == 25
    assert cell_text(BY_COLUMN["field_side_px"], rows_of(table)[1]) == "30 px (−25.0 %)"
    assert cell_text(BY_COLUMN["effective_side_px"], rows_of(table)[1]) == "–"
    assert table["note"].tolist()[:2] == ["", "no memory"]
    assert finding(table, BY_COLUMN["field_side_px"]) == "Theoretical field: −25.0 % without DW conv · K 2"


def test_solid_hatched_and_hollow_tell_the_depth_wise_convolution_apart() -> None:
    table = ablation_table(arms_of(TINY, SWITCHES))
    figure = figure_bars(_bars(table, BY_COLUMN["params"]), "title", "axis")
    looks = {trace.name: (list(trace.y), trace.marker.color, trace.marker.pattern.shape) for trace in figure.data}
    assert looks["off"][0] == ["without DW conv"]
    assert looks["off"][1] == "rgba(0,0,0,0)"
    assert looks["1x1"][2] == "/"
    assert "global attention" in looks["DW conv on"][0]


def test_published_differences_are_hollow_and_have_sources() -> None:
    table = published_differences(["dw_conv"])
    assert table["difference"].tolist() == [0.65, 2.9, 4.04]
    assert (table["origin"] == "published").all()
    assert table["source"].notna().all()
    figure = published_markers(table.assign(label=table["dataset"], hover=""), "title")
    assert figure.data[0].marker.symbol == "diamond-open"
    assert published_differences(["fusion"]).empty
    assert set(published_differences([], window_sizes=True)["study"]) == {"Window size (README rows)"}


def test_an_interval_chart_is_hollow_where_the_convolution_is_off() -> None:
    rows = pd.DataFrame(
        {
            "label": ["a", "b"],
            "dw_conv": ["off", "3x3"],
            "change_percent": [-10.0, 5.0],
            "low_percent": [-12.0, float("nan")],
            "high_percent": [-7.0, float("nan")],
            "hover": ["", ""],
        }
    )
    figure = ratio_intervals(rows, "title")
    off = next(trace for trace in figure.data if trace.name == "off")
    assert off.marker.symbol == "circle-open"
    assert (off.error_x.array[0], off.error_x.arrayminus[0]) == (3, 2)
