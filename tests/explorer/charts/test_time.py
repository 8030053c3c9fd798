"""The charts of Where the time goes: shared rows, and branches in their colours."""

import pandas as pd
import pytest

from explorer.charts.time import kinds_beside, share_bars

TABLE = pd.DataFrame(
    {
        "kind": ["products", "norms and activations", "launch and Python", "whole call"],
        "time_ms": [30.0, 50.0, 0.05, 80.05],
        "baseline_ms": [70.0, 10.0, 0.0, 80.0],
        "surplus_ms": [-40.0, 40.0, 0.05, 0.05],
        "macs": [7_600_000_000, 0, 0, 7_600_000_000],
        "baseline_macs": [10_000_000_000, 0, 0, 10_000_000_000],
    }
)


def test_both_networks_share_the_rows_of_all_three_panels():
    figure = kinds_beside(TABLE, ("HRFormer-B", "DeiT-B"), "title")
    assert [trace.xaxis for trace in figure.data] == ["x", "x2", "x", "x2", "x3"]
    assert all(list(trace.y) == list(TABLE["kind"]) for trace in figure.data)
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["HRFormer-B", "DeiT-B"]
    assert list(figure.data[0].text) == ["30", "50", "< 0.1", "80"]
    assert list(figure.data[1].text) == ["7.6", "0", "0", "7.6"]
    assert "HRFormer-B, %{y}: %{x:,.4~f} ms a call" in figure.data[0].hovertemplate


def test_the_difference_is_walked_row_by_row_to_its_total():
    steps = kinds_beside(TABLE, ("HRFormer-B", "DeiT-B"), "title").data[-1]
    assert list(steps.measure) == ["relative"] * 3 + ["total"]
    assert sum(steps.x[:-1]) == pytest.approx(steps.x[-1])
    assert list(steps.text) == ["−40", "+40", "+0.05", "+0.05"]
    assert steps.customdata[0] == "HRFormer-B takes 40.0000 ms less than DeiT-B"


def test_the_axis_holds_every_step_on_the_way():
    low, high = kinds_beside(TABLE, ("HRFormer-B", "DeiT-B"), "title").layout.xaxis3.range
    assert low < -40
    assert high > 0.05


def test_branches_keep_their_colours_and_both_shares_stand_side_by_side():
    table = pd.DataFrame(
        {
            "part": ["no branch", "1/4 branch", "1/8 branch"],
            "branch": [-1.0, 0.0, 1.0],
            "time_ms": [1.0, 5.0, 4.0],
            "macs": [60, 10, 30],
            "time_share": [0.1, 0.5, 0.4],
            "macs_share": [0.6, 0.1, 0.3],
        }
    )
    time, macs = share_bars(table, "title", 0.6).data
    assert list(macs.y) == list(time.y) == list(table["part"])
    assert list(macs.x) == pytest.approx([60, 10, 30])
    assert list(time.x) == pytest.approx([10, 50, 40])
    assert time.marker.color[1:] == ("#0072B2", "#E69F00")
