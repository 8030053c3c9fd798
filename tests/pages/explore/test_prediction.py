"""The Prediction page, from the entrypoint: masks, key points and classes, and what is chosen among them."""

import json
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explorer.models.trained import load_digit_sample, load_digit_truth, load_trained
from explorer.models.variants import to_query
from explorer.pictures.photographs import to_input
from explorer.prediction.key_points import Box
from explorer.ui.explore.person_boxes import take_out_box
from tests.pages.entrypoint import SMALL, open_app
from tests.variants import tiny

PAGE = "pages/explore/prediction.py"
POSE = to_query(tiny("pose", img_size=(64, 48), num_classes=17)) | {"picture": "Astronaut"}


def figures(app: AppTest) -> dict[str, dict[str, Any]]:
    """The page's charts by the first words of their titles."""
    found = {}
    for chart in app.get("plotly_chart"):
        figure = json.loads(chart.proto.spec)
        found[figure["layout"]["title"]["text"].replace("<br>", " ").split(":")[0]] = figure
    return found


def said(app: AppTest) -> str:
    return " ".join(text.value for text in app.main.markdown)


def test_it_opens_with_the_mask_of_the_network_that_ships_and_the_score_of_this_picture() -> None:
    app = open_app(PAGE)
    assert list(figures(app)) == [
        "Mask over the picture",
        "Pixel in row 58, column 58",
        "Confidence",
        "Wrong pixels",
    ]
    assert "It sees digit 2 (10.2 %)" in said(app)
    logits = load_trained()(to_input(load_digit_sample("Digits 1"), 3))
    chosen, truth = logits[0].argmax(0).numpy(), load_digit_truth("Digits 1")
    ious = [
        (both.sum() / either.sum())
        for number in range(11)
        if (either := (chosen == number) | (truth == number)).any()
        for both in [(chosen == number) & (truth == number)]
    ]
    assert f"mIoU {np.mean(ious):.3f}" in said(app)


def test_the_pixel_is_chosen_by_row_and_column_and_the_pages_behind_it_start_there() -> None:
    app = open_app(PAGE, {"row": "17", "column": "24"})
    assert "Pixel in row 70, column 98" in figures(app)
    app.slider(key="row").set_value(12).run()
    assert "Pixel in row 50, column 98" in figures(app)
    app.switch_page("pages/explore/attention_windows.py").run()
    assert not app.exception
    assert (app.slider(key="row").value, app.slider(key="column").value) == (12, 24)
    app.switch_page("pages/explore/feature_maps.py").run()
    marks = [
        trace for figure in figures(app).values() for trace in figure["data"] if trace.get("name") == "chosen place"
    ]
    assert {(mark["y"][0], mark["x"][0]) for mark in marks} == {(49.5, 97.5)}


def test_a_photograph_has_no_truth_and_says_none() -> None:
    app = open_app(PAGE, {"picture": "Astronaut"})
    assert "Wrong pixels" not in figures(app)
    assert "mIoU" not in said(app)


def test_the_opacity_is_in_the_link() -> None:
    app = open_app(PAGE, {"mask_opacity": "0.25"})
    assert app.slider(key="mask_opacity").value == 0.25
    app.run()
    assert app.query_params["mask_opacity"] == "0.25"


def test_random_weights_tell_nothing_of_classes() -> None:
    app = open_app(PAGE, to_query(tiny("segmentation", num_classes=19)))
    names = [trace["name"] for trace in figures(app)["Mask over the picture"]["data"] if trace.get("showlegend")]
    assert names
    assert all(name.startswith("output ") for name in names)
    assert "road" not in said(app)
    assert "It gives the pixels output " in said(app)


def test_a_classification_lists_the_likeliest_classes() -> None:
    app = open_app(PAGE, SMALL | {"num_classes": "12"})
    (figure,) = figures(app).values()
    bars = figure["data"][0]["x"]
    assert len(bars) == 5
    assert bars == sorted(bars, reverse=True)
    assert sum(bars) <= 1


def test_a_pose_network_finds_its_key_points_in_the_whole_picture() -> None:
    app = open_app(PAGE, POSE | {"least_score": "0"})
    shown = figures(app)
    assert list(shown) == ["Click a key point", "Heat map"]
    assert "Of 17 outputs" in said(app)
    assert len(shown["Click a key point"]["layout"]["shapes"]) == 1


def test_boxes_of_a_link_are_persons_and_can_be_taken_out_again() -> None:
    app = open_app(PAGE, POSE | {"boxes": "10,20,200,300;250,20,200,300", "person": "1", "joint": "5"})
    assert "person 1" in said(app)
    assert app.segmented_control(key="person").value == 1
    assert app.selectbox(key="joint").value == 5
    app.run()
    assert app.query_params["boxes"] == "10,20,200,300;250,20,200,300"
    app.button(key="take_out_box_0").click().run()
    assert not app.exception
    assert app.query_params["boxes"] == "250,20,200,300"
    app.button(key="clear_boxes").click().run()
    assert "boxes" not in app.query_params


def test_two_clicks_before_the_page_has_run_take_two_boxes_out() -> None:
    """Both buttons were drawn when there were three boxes."""
    boxes = tuple(Box(10 * number, 0, 50, 60) for number in range(3))

    def script() -> None:
        import streamlit as st

        from explorer.ui import choices

        for box in st.session_state["first"]:
            st.session_state["take_out"](box)
        st.session_state["left"] = choices.held("boxes", ())

    app = AppTest.from_function(script)
    hold_all = {"boxes": boxes}
    app.session_state["held_choices"] = hold_all
    app.session_state["first"] = boxes[:2]
    app.session_state["take_out"] = take_out_box
    app.run()
    assert app.session_state["left"] == boxes[2:]


def test_a_box_is_added_by_numbers() -> None:
    app = open_app(PAGE, POSE)
    app.number_input(key="box_left").set_value(100).run()
    app.number_input(key="box_width").set_value(150).run()
    app.button(key="add_box").click().run()
    assert not app.exception
    assert app.query_params["boxes"] == "100,0,150,512"


@pytest.mark.parametrize(
    "boxes", ["", "1,2,3", "1,2,3,x", "9000,0,10,10", "0,0,0,0", "nan,0,5,5", ";".join(["0,0,9,9"] * 9)]
)
def test_boxes_that_cannot_be_are_left_out_and_said(boxes: str) -> None:
    app = open_app(PAGE, POSE | {"boxes": boxes})
    assert any("boxes=" in info.value for info in app.info)
    assert len(figures(app)["Click a key point"]["layout"]["shapes"]) == 1


def test_more_boxes_than_are_allowed_are_refused_in_words() -> None:
    app = open_app(PAGE, POSE | {"boxes": ";".join(f"{10 * number},0,50,60" for number in range(8))})
    app.button(key="add_box").click().run()
    assert "There are 8 boxes already" in app.toast[0].value


def test_a_box_of_another_picture_falls_back_to_the_whole_one() -> None:
    app = open_app(PAGE, POSE | {"boxes": "400,400,100,100"})
    app.selectbox(key="picture").set_value("Digits 1").run()
    assert not app.exception
    assert "boxes" not in app.query_params


def test_a_joint_that_is_chosen_is_where_the_other_pages_look() -> None:
    app = open_app(PAGE, POSE)
    app.selectbox(key="joint").set_value(3).run()
    held = app.session_state["held_choices"]
    assert 0 <= held["row_share"] < 1
    first = held["row_share"], held["column_share"]
    app.selectbox(key="joint").set_value(9).run()
    held = app.session_state["held_choices"]
    assert (held["row_share"], held["column_share"]) != first


@pytest.mark.parametrize(
    ("query", "label", "expected"),
    [
        (
            {"row": "13", "column": "23"},
            "What speaks for it",
            {"target": "3", "explained": "pixel", "pixel_row": "54", "pixel_column": "94"},
        ),
        (POSE | {"joint": "9"}, "What speaks for it in the whole picture", {"target": "9"}),
        (SMALL | {"num_classes": "1"}, "What speaks for it", {"target": "0"}),
    ],
)
def test_a_link_leads_to_what_speaks_for_what_was_clicked(
    query: dict[str, str], label: str, expected: dict[str, str]
) -> None:
    app = open_app(PAGE, query)
    links = {item.proto.label: parse_qs(item.proto.query_string) for item in app.get("page_link")}
    assert {"Its window", "Its field", "Feature maps"} < links.keys()
    assert {key: value for key, (value,) in links[label].items() if key != "link"} == expected
