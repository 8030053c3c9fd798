"""A chosen position stays at its place in the picture when network, stage, branch or picture size change."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.entrypoint import SMALL, open_app

ATTENTION = "pages/explore/attention_windows.py"
FIELD = "pages/explore/receptive_field.py"
PAGES = {ATTENTION: ("stage", "branch"), FIELD: ("field_stage", "field_branch")}
#: 112 x 112 pixels of the trained network and 224 x 224 of HRFormer-T: twice as many positions.
VARIANT = SMALL | {"img_size": "224,224"}


def position(app: AppTest) -> tuple[int, int]:
    """Row and column, as the sliders show them."""
    row, column = (app.slider(key=key).value for key in ("row", "column"))
    return row, column


def move(app: AppTest, row: int, column: int) -> AppTest:
    app.slider(key="row").set_value(row)
    app.slider(key="column").set_value(column).run()
    assert not app.exception
    return app


@pytest.mark.parametrize("page", PAGES)
def test_another_network_keeps_the_place(page: str) -> None:
    app = move(open_app(page, VARIANT | {"network": "digits"}), 7, 20)  # of 28 x 28
    app.segmented_control(key="network").set_value("variant").run()
    assert position(app) == (15, 41)  # of 56 x 56: the middle of (7, 20) lies at 7.5 / 28 and 20.5 / 28
    app.segmented_control(key="network").set_value("digits").run()
    assert position(app) == (7, 20)


@pytest.mark.parametrize("page", PAGES)
def test_other_branches_keep_the_place_and_so_does_the_way_back(page: str) -> None:
    stage, branch = PAGES[page]
    app = open_app(page, VARIANT | {stage: "4"})
    move(app, 13, 50)  # of 56 x 56
    for name, place in (("1/8", (6, 25)), ("1/16", (3, 12)), ("1/32", (1, 6)), ("1/4", (13, 50))):
        app.segmented_control(key=branch).set_value(name).run()
        assert position(app) == place
        assert not app.info


@pytest.mark.parametrize("page", PAGES)
def test_a_stage_without_the_branch_keeps_the_place(page: str) -> None:
    stage, branch = PAGES[page]
    app = move(open_app(page, VARIANT | {stage: "4", branch: "1/16"}), 3, 10)  # of 14 x 14
    app.segmented_control(key=stage).set_value(2).run()
    assert app.segmented_control(key=branch).value == "1/8"
    assert position(app) == (7, 21)  # of 28 x 28
    app.segmented_control(key=stage).set_value(4).run()
    assert position(app) == (7, 21)


@pytest.mark.parametrize("page", PAGES)
def test_another_size_of_the_picture_keeps_the_place(page: str) -> None:
    app = move(open_app(page, VARIANT), 13, 50)
    app.switch_page("pages/explore/architecture.py").run()
    app.number_input(key="img_size.0").set_value(448).run()
    app.number_input(key="img_size.1").set_value(160).run()
    app.switch_page(page).run()
    assert not app.exception
    assert position(app) == (27, 36)  # of 112 x 40: 13.5 / 56 * 112 and 50.5 / 56 * 40


def test_the_place_is_the_same_on_both_pages() -> None:
    app = move(open_app(ATTENTION, VARIANT | {"branch": "1/8"}), 9, 22)  # of 28 x 28
    app.switch_page(FIELD).run()
    assert app.segmented_control(key="field_branch").value == "1/4"
    assert position(app) == (19, 45)


@pytest.mark.parametrize("page", PAGES)
def test_a_link_names_positions_of_its_own_branch(page: str) -> None:
    stage, branch = PAGES[page]
    app = open_app(page, VARIANT | {stage: "4", branch: "1/8", "row": "27", "column": "0"})
    assert position(app) == (27, 0)
    app.segmented_control(key=branch).set_value("1/4").run()
    assert position(app) == (55, 1)
    app.run()
    assert (app.query_params["row"], app.query_params["column"]) == ("55", "1")
