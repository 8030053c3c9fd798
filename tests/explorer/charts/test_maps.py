"""Rows of maps: a place that was chosen elsewhere is marked at the same share of every panel."""

import numpy as np
import pytest

from explorer.charts.maps import Panel, map_row

PANELS = [Panel("picture", np.zeros((40, 80, 3), np.uint8)), Panel("map", np.zeros((10, 20)), 0)]


@pytest.mark.parametrize("only", [None, 1])
def test_a_place_is_marked_in_every_panel_at_its_share_of_the_picture(only: int | None) -> None:
    """Pixel i is centred on i, so that the middle of 40 rows lies at 19.5."""
    figure = map_row(PANELS, (40, 80), "title", signed=False, only=only, mark=(0.5, 0.25))
    marks = [trace for trace in figure.data if trace.name == "chosen place"]
    assert len(marks) == (2 if only is None else 1)
    assert {(mark.y[0], mark.x[0]) for mark in marks} == {(19.5, 19.5)}


def test_nothing_is_marked_before_somebody_has_chosen() -> None:
    figure = map_row(PANELS, (40, 80), "title", signed=False)
    assert not [trace for trace in figure.data if trace.name == "chosen place"]
