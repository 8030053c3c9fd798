"""What is drawn over a picture: masks cover what they should, points carry what a click needs."""

import numpy as np

from explorer.charts.prediction import Limbs, Mask, Skeleton, mask_picture, middle_of, skeleton_picture

CLASSES = np.array([[0, 0, 1, 1], [0, 2, 2, 1]])
MASK = Mask(
    CLASSES,
    np.full((2, 4), 0.75),
    ["background", "<b>", "sky"],
    [(0, 0, 0), (10, 20, 30), (40, 50, 60)],
    np.array([3, 3, 2]) / 8,
    background=0,
)
PICTURE = np.zeros((2, 4, 3), np.uint8)


def test_the_background_stays_clear_and_all_else_has_its_colour_and_opacity() -> None:
    painted = MASK.painted(0.4)
    assert painted[0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [10, 20, 30, 102], [10, 20, 30, 102]]
    assert painted[1, 1].tolist() == [40, 50, 60, 102]


def test_every_cell_can_be_clicked_and_says_the_pixel_in_its_middle() -> None:
    figure = mask_picture(PICTURE, MASK, "title", opacity=1, pixel=(0, 0), cells=(1, 2))
    points = figure.data[-1]
    assert points.name == "positions"
    assert [point[:2] for point in points.customdata] == [[0, 0], [0, 1]]
    assert [point[2] for point in points.customdata] == ["sky", "&lt;b&gt;"]
    assert list(zip(points.y, points.x, strict=True)) == [(1.5, 1.5), (1.5, 3.5)]


def test_the_legend_names_the_classes_that_are_there_with_their_shares() -> None:
    names = [
        trace.name
        for trace in mask_picture(PICTURE, MASK, "", opacity=1, pixel=(0, 0), cells=(1, 1)).data
        if trace.type == "scatter" and trace.showlegend
    ]
    assert names == ["background · 38%", "&lt;b&gt; · 38%", "sky · 25%"]


def test_a_cells_middle_is_a_pixel_of_it() -> None:
    assert [middle_of(cell, 28, 112) for cell in (0, 1, 27)] == [2, 6, 110]
    assert middle_of(2, 3, 10) == 8


def test_only_what_scores_enough_is_drawn_and_limbs_join_only_such() -> None:
    person = Skeleton(np.array([[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]), np.array([0.9, 0.5, 0.1]), (0, 0, 80, 90))
    limbs = Limbs(["a", "b", "c"], ["red", "green", "blue"], [((0, 1), "red"), ((1, 2), "blue")])
    figure = skeleton_picture(PICTURE, (100, 200), [person], limbs, "", least_score=0.3, chosen=(0, 1))
    lines = [trace for trace in figure.data if trace.name == "limb"]
    assert [(list(line.x), list(line.y)) for line in lines] == [([10.5, 30.5], [20.5, 40.5])]
    points = next(trace for trace in figure.data if trace.name == "key points")
    assert [point[:3] for point in points.customdata] == [[0, 0, "Person 1, a: 0.90"], [0, 1, "Person 1, b: 0.50"]]
    picture = figure.data[0]
    assert (picture.dx, picture.dy) == (50, 50)  # drawn as 2 x 4, and stands for 100 x 200
