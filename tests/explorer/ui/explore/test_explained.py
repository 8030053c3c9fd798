"""What the Attribution page says of an output, boxes in links, and what is marked on the map."""

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.inspection.explained import WON, ClassScores, Explained, Peak, Pixel, Region
from explorer.models.trained import SEGMENTER
from explorer.ui.explore.explained import _read_region, chart_name, explanation, mark_explained
from explorer.ui.explore.output_names import OutputNames
from explorer.ui.sources import WeightsSource

SIZE = (40, 60)
NAMES = OutputNames(WeightsSource(SEGMENTER.load(), "key", "weights", "trained", SEGMENTER.class_names))
VALUES = np.array([1.0, 4.0, -2.0], np.float32)
SHARES = np.array([0.75, 0.25, 0.0], np.float32)
PLAIN, SHARED = ClassScores(VALUES), ClassScores(VALUES, SHARES)
PEAKED = ClassScores(VALUES, peaks=np.array([[0.5, 0.5], [0.05, 0.95], [0.0125, 0.5]]))


@pytest.mark.parametrize(
    ("explained", "scores", "sentence"),
    [
        (Explained(1), PLAIN, "Explained is the logit of **digit 0**: 4."),
        (
            Explained(1),
            SHARED,
            "Explained is the mean logit of **digit 0** over the pixels where it wins, 25 % of the picture: 4.",
        ),
        (
            Explained(2),
            SHARED,
            "**Digit 1** wins no pixel here: explained is its mean logit over all pixels, -2.",
        ),
        (
            Explained(1, Pixel(3, 7)),
            PLAIN,
            "Explained is the logit of **digit 0** at the pixel in row 3, column 7, where it wins: 4.",
        ),
        (
            Explained(0, Pixel(3, 7)),
            PLAIN,
            "Explained is the logit of **background** at the pixel in row 3, column 7, where digit 0 wins: 1.",
        ),
        (
            Explained(0, Region(1, 2, 3, 4)),
            SHARED,
            "Explained is the mean logit of **background** over the 3 x 4 pixels from row 1, column 2, of which it "
            "wins 75 %: 1.",
        ),
        (
            Explained(1, Peak()),
            PEAKED,
            "Explained is the heat map of **digit 0** at its peak, near row 2, column 57: 4.",
        ),
    ],
)
def test_the_sentence_says_what_is_explained_where_and_its_value(
    explained: Explained, scores: ClassScores, sentence: str
) -> None:
    assert explanation(explained, scores, NAMES, SIZE) == sentence


@given(st.text(max_size=30) | st.lists(st.integers(-5, 70), min_size=3, max_size=5).map(lambda sides: str(sides)[1:-1]))
def test_any_text_is_read_as_a_box_in_the_picture_or_refused(text: str) -> None:
    try:
        region = _read_region(text, SIZE)
    except ValueError:
        return
    rows, columns = range(region.top, region.top + region.height), range(region.left, region.left + region.width)
    assert rows
    assert columns
    assert set(rows) <= set(range(SIZE[0]))
    assert set(columns) <= set(range(SIZE[1]))


def test_a_box_is_framed_and_another_one_is_another_chart() -> None:
    figure, where = go.Figure(), Region(10, 20, 5, 6)
    assert mark_explained(figure, Explained(0, where), SHARED, SIZE) is not None
    assert {(shape.x0, shape.y0, shape.x1, shape.y1) for shape in figure.layout.shapes} == {(20, 10, 26, 15)}
    assert figure.layout.dragmode == "select"
    assert chart_name(where) != chart_name(Region(10, 20, 5, 7))
    assert chart_name(WON) == chart_name(Pixel(0, 0)) == "attribution"


def test_a_pixel_is_marked_in_its_middle_and_all_others_can_be_clicked() -> None:
    figure = go.Figure()
    assert mark_explained(figure, Explained(0, Pixel(3, 7)), PLAIN, SIZE) is not None
    positions, mark = figure.data
    assert set(zip(mark.x, mark.y, strict=True)) == {(7.5, 3.5)}
    places = [tuple(place) for place in positions.customdata]
    assert places == [(row, column) for row in range(40) for column in range(60)]
    middles = list(zip(positions.y, positions.x, strict=True))
    assert middles == [(row + 0.5, column + 0.5) for row, column in places]


def test_a_peak_is_marked_and_chosen_by_name_alone() -> None:
    figure = go.Figure()
    assert mark_explained(figure, Explained(1, Peak()), PEAKED, SIZE) is None
    assert set(zip(figure.data[0].x, figure.data[0].y, strict=True)) == {(57.5, 2.5)}
    assert mark_explained(figure, Explained(1), SHARED, SIZE) is None
    assert len(figure.data) == 1
