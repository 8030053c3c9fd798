"""Bars of models: a family has one colour, measured ones are full, published ones hollow."""

import pandas as pd
import pytest

from explorer.charts.benchmark import batch_bars, family_colours, latency_bars, published_bars
from explorer.charts.theme import FAMILY_COLOURS, NEUTRAL_COLOUR

MODELS = {"model": ["HRFormer-T", "HRNet-W18", "resnet50"], "family": ["HRFormer", "HRNet", "other"]}
COLOURS = [FAMILY_COLOURS["HRFormer"], FAMILY_COLOURS["HRNet"], NEUTRAL_COLOUR]
LATENCIES = pd.DataFrame(
    {
        **MODELS,
        "latency_ms_p50": [20.0, 10.0, 5.0],
        "latency_ms_p95": [26.0, None, 5.5],
        "latency_ratio": [2.0, 1.0, None],
        "throughput_img_s": [50.0, 100.0, 200.0],
        "wide_spread": [True, False, False],
        "ran_beside": [None, None, "1 training"],
    }
)


def test_each_family_has_its_colour_and_what_is_of_none_is_neutral() -> None:
    assert family_colours(LATENCIES) == COLOURS


def test_bars_reach_the_median_whiskers_the_95th_percentile_and_ratios_stand_beyond_both() -> None:
    figure = latency_bars(LATENCIES, "HRNet-W18", "title")
    (bars,) = figure.data
    assert list(bars.x) == [20, 10, 5]
    assert list(bars.error_x.array)[::2] == pytest.approx([6, 0.5])
    assert list(bars.marker.color) == COLOURS
    assert list(bars.marker.pattern.shape) == ["/", "", "x"]  # wide spread; as usual; not alone
    assert [(note.text, note.x) for note in figure.layout.annotations] == [("2.00x", 26.0), ("1.00x", 10.0)]


def test_what_was_measured_is_full_and_what_was_published_is_hollow() -> None:
    largest = batch_bars(pd.DataFrame({**MODELS, "batch_size": [8, 64, 32]}), "title").data[0]
    assert list(largest.x) == [64, 32, 8]
    assert list(largest.marker.color) == [COLOURS[1], COLOURS[2], COLOURS[0]]
    speeds = {"throughput_img_s": [50.0, 100.0, 80.0], "throughput_ratio": [0.5, 1.0, 0.8]}
    table = pd.DataFrame({**MODELS, **speeds, "batch_size": [64, 64, None], "source": "a paper"})
    published = published_bars(table, "HRNet-W18", "title").data[0]
    assert published.marker.color == "rgba(0,0,0,0)"
    assert list(published.marker.line.color) == [COLOURS[1], COLOURS[2], COLOURS[0]]
