"""Names at the points of the comparison's charts."""

import pandas as pd

from explorer.charts.comparison import roofline_chart, work_scatter

TABLE = pd.DataFrame(
    {
        "series": ["measured"] * 4 + ["published"],
        "model": ["A", "B", "A", "B", "C"],
        "family": ["HRFormer", "DeiT", "HRFormer", "DeiT", "DeiT"],
        "batch_size": [1, 1, 8, 8, 1],
        "latency_ms_p50": [10.0, 20.0, 80.0, 160.0, 1.0],
        "work_per_call_g": [1.0, 2.0, 8.0, 16.0, 2.0],
        "intensity_per_byte": [50.0, 60.0, 400.0, 500.0, 70.0],
        "achieved_g_s": [100.0, 90.0, 110.0, 95.0, 900.0],
    }
)


def names(figure) -> list[str]:
    """Each name that is written, with the batch size of its point."""
    points = (point for trace in figure.data for point in zip(trace.text, trace.customdata, strict=True))
    return sorted(f"{name}{batch}" for name, (_, batch) in points if name)


def test_names_stand_at_the_chosen_batch_size_of_what_was_measured() -> None:
    for named_batch, expected in ((1, ["A1", "B1"]), (8, ["A8", "B8"]), (2, []), (None, ["A1", "A8", "B1", "B8"])):
        work = work_scatter(TABLE, None, "GMACs", "this", "title", named_batch=named_batch)
        roofline = roofline_chart(TABLE, None, None, "GMACs", "title", named_batch=named_batch)
        assert names(work) == names(roofline) == expected


def test_a_point_without_a_name_still_tells_its_model_when_hovered() -> None:
    figure = work_scatter(TABLE, None, "GMACs", "this", "title", named_batch=1)
    hidden = [row[0] for trace in figure.data for row in trace.customdata]
    assert sorted(hidden) == ["A", "A", "B", "B", "C"]
    assert all("%{customdata[0]}" in trace.hovertemplate for trace in figure.data)
