"""Names at the points of the comparison's charts."""

import pandas as pd

from explorer.charts.comparison import accuracy_scatter, roofline_chart, throughput_lines, work_scatter

TABLE = pd.DataFrame(
    {
        "series": ["measured"] * 4 + ["published"] * 2,
        "model": ["A", "B", "A", "B", "C", "D"],
        "family": ["HRFormer", "DeiT", "HRFormer", "DeiT", "DeiT", "HRNet"],
        "batch_size": [1, 1, 8, 8, 1, 1],
        "throughput_img_s": [100.0, 50.0, 200.0, 60.0, 900.0, 500.0],
        "latency_ms_p50": [10.0, 20.0, 80.0, 160.0, 1.0, 2.0],
        "work_per_call_g": [1.0, 2.0, 8.0, 16.0, 2.0, 3.0],
        "intensity_per_byte": [50.0, 60.0, 400.0, 500.0, 70.0, 80.0],
        "achieved_g_s": [100.0, 90.0, 110.0, 95.0, 900.0, 800.0],
        "top1_percent": [78.0, 79.0, 80.0, 81.0, 76.0, 77.0],
        "accuracy_source": ["a paper"] * 6,
        "on_front": [True] * 6,
    }
)


def charts() -> list:
    return [
        work_scatter(TABLE, 50.0, "GMACs", "this", "title"),
        roofline_chart(TABLE, 1000.0, 20.0, "GMACs", "title"),
        accuracy_scatter(TABLE, "latency_ms_p50", "Latency, ms", "title"),
    ]


def points(figure) -> list:
    return [trace for trace in figure.data if trace.mode == "markers+text"]


def names(figure) -> list[str]:
    """Each name that is written."""
    return sorted(name for trace in points(figure) for name in trace.text if name)


def test_measured_points_are_named_and_published_ones_only_where_they_are_alone() -> None:
    assert [names(figure) for figure in charts()] == [["A", "A", "B", "B"]] * 3
    published = TABLE[TABLE["series"] == "published"]
    assert names(work_scatter(published, None, "GMACs", "this", "title")) == ["C", "D"]


def test_a_point_without_a_name_still_tells_its_model_when_hovered() -> None:
    for figure in charts():
        assert sorted(row[0] for trace in points(figure) for row in trace.customdata) == ["A", "A", "B", "B", "C", "D"]
        assert all("%{customdata[0]}" in trace.hovertemplate for trace in points(figure))


def test_a_line_is_named_once_behind_its_end() -> None:
    figure = throughput_lines(TABLE[TABLE["series"] == "measured"], "title")
    assert names(figure) == ["A", "B"]
    for trace in points(figure):
        named = [place for place, name in enumerate(trace.text) if name]
        assert [trace.x[place] for place in named] == [8]
        assert all("right" in trace.textposition[place] for place in named)


def test_the_legend_has_each_family_and_each_kind_of_front_once() -> None:
    figure = accuracy_scatter(TABLE, "latency_ms_p50", "Latency, ms", "title")
    shown = [trace.name for trace in figure.data if trace.showlegend]
    assert sorted(shown) == ["DeiT", "HRFormer", "HRNet", "Pareto front, measured", "Pareto front, published"]


def test_an_axis_of_many_decades_is_marked_by_decades() -> None:
    wide = TABLE.assign(work_per_call_g=[1.0, 10.0, 100.0, 1e3, 1e4, 1e5])
    axis = work_scatter(wide, None, "GMACs", "this", "title").layout.yaxis
    low, high = axis.range
    assert low < 0
    assert high > 5
    assert {1.0, 10.0, 100.0} <= set(axis.tickvals)
    assert 2.0 not in axis.tickvals
