"""What a reader of the figures relies on: one scale for compared maps, zero in the middle, nothing shown as nothing."""

import numpy as np
import pandas as pd
import pytest

from explorer.charts.receptive_field import (
    DECADES,
    FieldPanel,
    area_against_macs,
    effective_field_difference,
    effective_field_maps,
    leak_maps,
    theoretical_field_map,
)


def panel(title: str, *values: float) -> FieldPanel:
    return FieldPanel(title, np.array([values]))


def test_compared_fields_share_one_scale_of_shares() -> None:
    # Shares 0.5 0.5 0 and 0.9 0.09 0.01, whatever the unit; the strongest of all is 0.9.
    figure = effective_field_maps([panel("on", 2, 2, 0), panel("off", 900, 90, 10)], (0, 1), "Which is wider?")
    on, off = figure.select_traces(selector={"type": "heatmap"})
    assert on.coloraxis == off.coloraxis == "coloraxis"
    np.testing.assert_allclose(on.z, [[np.log10(5 / 9), np.log10(5 / 9), -DECADES]], rtol=1e-5)
    np.testing.assert_allclose(off.z, [[0, -1, np.log10(1 / 90)]], rtol=1e-5)
    np.testing.assert_allclose(off.customdata, [[90, 9, 1]], rtol=1e-5)
    assert figure.layout.title.text == "Which is wider?"


def test_half_square_surrounds_the_pixel() -> None:
    square = effective_field_maps([FieldPanel("on", np.ones((9, 9)), square_px=3)], (4, 5), "").layout.shapes[0]
    assert (square.x0, square.x1, square.y0, square.y1) == (3.5, 6.5, 2.5, 5.5)  # pixels 4..6 and 3..5


def test_difference_is_symmetric_around_zero() -> None:
    figure = effective_field_difference(panel("on", 1, 1), panel("off", 1999, 1), (0, 0), "")
    axis = figure.layout.coloraxis
    assert axis.cmin == -axis.cmax
    assert axis.cmax == pytest.approx(np.log10(1000), rel=1e-3)
    np.testing.assert_allclose(figure.data[0].z, [[np.log10(1000 / 1999), 3]], rtol=1e-3)


def test_windows_that_nothing_reaches_are_no_colour_of_the_scale() -> None:
    figure = leak_maps({"off": np.array([[[1.0, 0.0]]])}, (0, 0), "")
    arrived, nothing = figure.select_traces(selector={"type": "heatmap"})
    np.testing.assert_array_equal(np.isnan(arrived.z), [[False, True]])
    np.testing.assert_array_equal(np.isnan(nothing.z), [[True, False]])
    assert "exactly nothing" in nothing.hovertemplate


def test_leak_has_one_map_per_variant_and_block() -> None:
    shares = np.full((2, 3, 4), 0.1)
    figure = leak_maps({"on": shares, "off": shares}, (0, 0), "")
    assert [note.text for note in figure.layout.annotations] == [
        "on<br>after 1 block",
        "off<br>after 1 block",
        "on<br>after 2 blocks",
        "off<br>after 2 blocks",
    ]


@pytest.mark.parametrize("blocks", [1, 2, 6])
def test_both_variants_stand_beside_each_other_after_the_same_block(blocks: int) -> None:
    shares = np.full((blocks, 3, 4), 0.1)
    figure = leak_maps({"on": shares, "off": shares}, (0, 0), "")
    panels = list(zip(figure.select_xaxes(), figure.select_yaxes(), strict=True))
    assert len(panels) == 2 * blocks
    for (x_on, y_on), (x_off, y_off) in zip(panels[::2], panels[1::2], strict=True):
        assert y_on.domain == y_off.domain
        assert x_on.domain[1] < x_off.domain[0]


def test_theoretical_field_says_of_every_pixel_which_side_it_is_on() -> None:
    pixels = np.zeros((6, 8), np.bool_)
    pixels[1:3, 2:5] = True
    figure = theoretical_field_map(
        np.zeros((6, 8, 3), np.uint8), pixels, (1, 2), "", branch=0, pixels_without_dw_conv=pixels
    )
    inside, outside = figure.select_traces(selector={"type": "heatmap"})
    np.testing.assert_array_equal(~np.isnan(inside.z), pixels)
    np.testing.assert_array_equal(~np.isnan(outside.z), ~pixels)
    assert [trace.line.dash for trace in figure.select_traces(selector={"type": "contour"})] == ["solid", "dash"]


def test_sizes_are_placed_by_cost_and_area_and_the_own_one_stands_out() -> None:
    table = pd.DataFrame(
        {"window_size": [3, 8], "field_area_px": [25, 100], "field_share": [0.1, 0.4], "macs": [10**9, 2 * 10**9]}
    )
    figure = area_against_macs(table, "", branch=0, without_dw_conv=table, window_size=8)
    on, off = figure.data
    assert list(on.x) == [1, 2]
    assert list(on.y) == [10, 40]
    assert on.marker.size[1] > on.marker.size[0]
    assert on.text == ("3", "8")
    assert (on.line.dash, on.marker.symbol) == ("solid", "circle")
    assert (off.line.dash, off.marker.symbol) == ("dash", "circle-open")


def test_two_figures_of_effective_fields_share_one_scale() -> None:
    strong, weak = np.zeros((8, 8)), np.ones((8, 8))
    strong[4, 4] = 1.0  # all of its contribution in one pixel, against 1/64 in each
    panels, others = [FieldPanel("a", strong)], [FieldPanel("b", weak)]
    alone = effective_field_maps(others, (4, 4), "title")
    together = effective_field_maps(others, (4, 4), "title", beside=panels)
    assert np.asarray(alone.data[0].z).max() == pytest.approx(0)
    assert np.asarray(together.data[0].z).max() == pytest.approx(np.log10(1 / 64))
    assert len(together.data) == len(alone.data)
