"""The network that ships points at every digit of a picture, several of one class too."""

import json
from collections import Counter
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.pages.entrypoint import open_app


def shown(app: AppTest) -> list[Any]:
    """The points of the picture, with what a click on each would choose."""
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    (points,) = [trace for trace in figure["data"] if trace["name"] == "key points"]
    return list(zip(points["x"], points["y"], points["customdata"], strict=True))


def test_every_digit_is_pointed_at_and_ones_that_occur_twice_twice() -> None:
    """Digits 1 shows 0, 0, 1, 1, 1, 2, 2, 5, 5, 6 and 8; one peak may be wrong."""
    app = open_app("pages/explore/prediction.py", {"network": "digit_points"})
    found = Counter(point[2][1] for point in shown(app))
    assert sum(count for digit, count in found.items() if digit not in {0, 1, 2, 5, 6, 8}) <= 1
    assert found[2] == 2
    assert found[1] >= 2
    assert sum(found.values()) >= 9
    twos = sorted(point[0] for point in shown(app) if point[2][1] == 2)
    assert 20 < twos[0] < 35
    assert 80 < twos[1] < 110
    assert f"It finds **{sum(found.values())}** digits" in " ".join(text.value for text in app.main.markdown)


def test_it_sees_the_picture_as_it_is_and_no_boxes_are_asked_for() -> None:
    app = open_app("pages/explore/prediction.py", {"network": "digit_points", "boxes": "0,0,50,50"})
    assert "pointer" not in {control.key for control in app.segmented_control}
    assert "add_box" not in {button.key for button in app.button}


def test_the_strip_counts_the_same_digits() -> None:
    page = open_app("pages/explore/prediction.py", {"network": "digit_points"})
    app = open_app("pages/explore/feature_maps.py", {"network": "digit_points"})
    said = " ".join(text.value for text in app.main.markdown)
    assert f"It finds **{len(shown(page))}** key points in the whole picture, above a score of 0.6" in said
