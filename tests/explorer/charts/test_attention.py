"""Figures of attention, fusion and attribution: what they put where, and that compared maps share a scale."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from explorer.charts.attention import (
    attention_matrix,
    bias_maps,
    distance_maps,
    entropy_maps,
    head_windows,
    logit_parts,
    token_labels,
)
from explorer.charts.attention_colours import doublings_limit
from explorer.charts.attention_windows import window_picture
from explorer.charts.attribution import attribution_overlay
from explorer.charts.fusion import norm_ratio_matrix, share_matrix, summand_panels
from explorer.charts.maps import map_row
from hrformer.attention import window_partition
from hrformer.windows import WindowGrid

RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.integers(0, 255, (40, 48, 3), dtype=np.uint8)
GRID = WindowGrid(10, 12, 7)  # padded to 14 x 14: two rows above and below, one column on each side


def trace(figure: go.Figure, name: str) -> go.Scatter | go.Heatmap:
    return next(trace for trace in figure.data if trace.name == name)


def test_every_position_can_be_clicked_where_it_lies_in_the_picture() -> None:
    figure = window_picture(PICTURE, GRID, "Windows", branch=0)
    points = trace(figure, "positions")
    assert len(points.x) == 10 * 12
    for x, y, (row, column) in zip(points.x, points.y, points.customdata, strict=True):
        assert (row, column) == (y // 4, x // 4)  # 4 pixels a token
    assert figure.layout.clickmode == "event+select"
    assert figure.data[-1].name == "positions"  # nothing lies over what is clicked


@pytest.mark.parametrize("position", [(0, 0), (4, 5), (4, 6), (5, 5), (9, 11)])
def test_the_lit_window_lies_where_the_model_cuts_it(position: tuple[int, int]) -> None:
    attention = RANDOM.random((7, 7))
    figure = window_picture(PICTURE, GRID, "Windows", branch=0, position=position, attention=attention)
    lit = trace(figure, "attention")
    marker = trace(figure, "chosen position")
    rows, columns = torch.meshgrid(torch.arange(10.0), torch.arange(12.0), indexing="ij")
    windows = window_partition(torch.stack([rows, columns], -1)[None] + 1, GRID)  # padding becomes 0
    window = next(cut for cut in windows if (cut == torch.tensor(position) + 1.0).all(-1).any())
    inside = window.min(-1).values > 0
    for token in inside.nonzero().flatten().tolist():
        row, column = (window[token] - 1).tolist()
        assert lit.x0 + token % 7 * lit.dx == pytest.approx((column + 0.5) * 4)
        assert lit.y0 + token // 7 * lit.dy == pytest.approx((row + 0.5) * 4)
    assert (marker.x[0], marker.y[0]) == ((position[1] + 0.5) * 4, (position[0] + 0.5) * 4)


def test_padding_is_drawn_beside_the_picture_and_only_there() -> None:
    padding = trace(window_picture(PICTURE, GRID, "Windows", branch=0), "padding")
    corners = [(x, y) for x, y in zip(padding.x, padding.y, strict=True) if x is not None]
    assert {x for x, _ in corners} == {-4, 0, 48, 52}
    assert {y for _, y in corners} == {-8, 0, 40, 48}
    unpadded = window_picture(PICTURE, WindowGrid(10, 12, 2), "Windows", branch=0)
    assert not trace(unpadded, "padding").x


def test_ratios_lie_around_even_on_a_scale_of_doublings() -> None:
    ratios = np.array([[[1.0, 2.0], [0.25, 0.0]]])  # of 4 tokens, in one head
    limit = doublings_limit(ratios, 4)
    assert limit == 2
    figure = head_windows(ratios, np.zeros((2, 2), bool), "Heads", ratio_limit=limit)
    assert figure.data[0].z.tolist() == [[0, 1], [-2, -2]]  # nothing at all has the colour of the scale's end
    assert figure.data[0].customdata.tolist() == ratios[0].tolist()  # and its own number
    axis = figure.layout.coloraxis
    assert (axis.cmin, axis.cmax) == (-2, 2)
    assert dict(zip(axis.colorbar.tickvals, axis.colorbar.ticktext, strict=True)) == {
        -2: "1/4",
        -1: "1/2",
        0: "1",
        1: "2",
        2: "4",
    }


def test_noise_around_even_attention_looks_even() -> None:
    ratios = 1 + 0.02 * RANDOM.standard_normal((2, 7, 7))
    limit = doublings_limit(ratios, 49)
    assert limit == pytest.approx(np.log2(1.25))
    figure = head_windows(ratios, np.zeros((7, 7), bool), "Heads", ratio_limit=limit)
    assert np.abs(figure.data[0].z).max() < 0.4 * limit
    assert list(figure.layout.coloraxis.colorbar.ticktext) == ["0.8", "1", "1.25"]


def test_no_ratio_stretches_the_scale_beyond_the_number_of_tokens() -> None:
    assert doublings_limit(np.array([1e-30, 1.0]), 49) == pytest.approx(np.log2(49))


def test_the_picture_and_the_heads_share_one_scale_of_ratios() -> None:
    ratios = RANDOM.random((3, 7, 7)) * 3
    limit = doublings_limit(ratios, 49)
    figure = window_picture(
        PICTURE, GRID, "Windows", branch=0, position=(4, 5), attention=ratios.mean(0), ratio_limit=limit
    )
    lit = trace(figure, "attention")
    heads = head_windows(ratios, np.zeros((7, 7), bool), "Heads", ratio_limit=limit).layout.coloraxis
    assert (lit.zmin, lit.zmax) == (heads.cmin, heads.cmax)
    assert [colour for _, colour in lit.colorscale] == [colour for _, colour in heads.colorscale]


def test_axes_of_the_matrix_read_as_positions() -> None:
    padded = np.array([False, False, True, True])
    assert token_labels(2, padded) == ["(0, 0)", "(0, 1)", "(1, 0) padding", "(1, 1) padding"]
    matrix = RANDOM.random((4, 4))
    attention, grey = attention_matrix(matrix, padded, 2, "Matrix").data
    assert list(attention.y) == token_labels(2, padded)
    assert np.array_equal(attention.z, matrix.astype(np.float32))
    expected = [[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]
    assert np.nan_to_num(grey.z).tolist() == expected
    assert len(attention_matrix(matrix, np.zeros(4, bool), 2, "Matrix").data) == 1


@pytest.mark.parametrize("heads", [1, 4, 16])
def test_all_heads_share_one_scale(heads: int) -> None:
    values = RANDOM.random((heads, 5, 5))
    for figure in (
        head_windows(values, np.zeros((5, 5), bool), "Heads"),
        entropy_maps(PICTURE, values, 4.6, "Entropy"),
        distance_maps(PICTURE, values, "Distance"),
        bias_maps(values - 0.5, "Bias"),
    ):
        maps = [trace for trace in figure.data if trace.type == "heatmap"]
        assert len(maps) == heads
        assert {trace.coloraxis for trace in maps} == {"coloraxis"}
        titles = [annotation.text for annotation in figure.layout.annotations]
        assert [title for title in titles if title != "picture"] == [f"head {head + 1}" for head in range(heads)]
    assert entropy_maps(PICTURE, values, 4.6, "Entropy").layout.coloraxis.cmax == 4.6


def test_signed_maps_are_symmetric_around_zero() -> None:
    bias = np.array([[[0.5, -2.0, 0.0]] * 3])
    figure = bias_maps(bias, "Bias")
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-2, 2)
    assert (figure.data[0].x0, figure.data[0].y0) == (-1, -1)  # the query lies in the middle
    parts = logit_parts(np.full((4, 4), 3.0), np.full((4, 4), -1.0), np.zeros(4, bool), 2, "Logits")
    assert (parts.layout.coloraxis.cmin, parts.layout.coloraxis.cmax) == (-3, 3)


def test_the_spread_of_logits_counts_within_rows_alone() -> None:
    content = np.array([[5.0] * 4, [-5.0] * 4, [0.0] * 4, [1.0] * 4])  # rows that the softmax cannot see
    bias = np.array([[1.0, -1.0, 1.0, -1.0]] * 4)
    titles = [note.text for note in logit_parts(content, bias, np.zeros(4, bool), 2, "Logits").layout.annotations]
    assert titles == ["content (spread 0)", "position bias (spread 1)"]


def test_fusion_matrices_show_empty_cells_for_sums_of_zero() -> None:
    values = np.array([[0.5, 1.5], [np.nan, np.nan]])
    for figure in (norm_ratio_matrix(values, "Norms"), share_matrix(values, "Shares")):
        cells = figure.data[0]
        assert list(cells.x) == list(cells.y) == ["1/4 branch", "1/8 branch"]
        assert cells.zmax == 1.5
        assert not cells.hoverongaps
    assert share_matrix(values, "Shares").data[0].zmin == -1.5
    assert norm_ratio_matrix(values, "Norms").data[0].zmin == 0


def test_summands_lie_beside_the_picture() -> None:
    panels = summand_panels(PICTURE, [RANDOM.normal(size=(10, 12)) for _ in range(3)], 0)
    figure = map_row(panels, (40, 48), "Summands", signed=True)
    assert [trace.type for trace in figure.data if trace.name != "enlarge"] == [
        "image",
        "heatmap",
        "heatmap",
        "heatmap",
    ]
    assert figure.layout.coloraxis.cmin == -figure.layout.coloraxis.cmax


def test_a_few_strong_pixels_do_not_take_the_whole_scale_of_an_attribution() -> None:
    values = RANDOM.uniform(-1, 1, (40, 48))
    values[0, 0] = 1000
    overlay = attribution_overlay(PICTURE, values, "IG", opacity=0.4, signed=True, quantity="change").data[1]
    assert overlay.zmax == -overlay.zmin <= 1
    assert overlay.opacity == 0.4
    nothing = attribution_overlay(PICTURE, values * 0, "CAM", opacity=1, signed=False, quantity="Grad-CAM").data[1]
    assert (nothing.zmin, nothing.zmax) == (0, 1)
