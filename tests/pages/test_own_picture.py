"""A picture of one's own: framed by choice, kept for the browser that sent it, and for no other."""

import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer.ui import own_picture
from tests.pages.browsers import MINE, YOURS, load_in, send_cookies
from tests.pages.entrypoint import open_app
from tests.pages.texts import captions

PAGE = "pages/explore/feature_maps.py"


@pytest.fixture(autouse=True)
def _fresh_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    send_cookies(monkeypatch)
    yield
    own_picture._kept.cache_clear()


def png(width: int = 80, height: int = 60) -> bytes:
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[:, : width // 4] = (255, 0, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def upload(app: AppTest, name: str = "holiday.png") -> AppTest:
    app.file_uploader(key="picture_file").upload(name, png(), "image/png").run()
    assert not app.exception
    return app


def seen(app: AppTest) -> str:
    """The picture as the charts show it, before anything."""
    source: str = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]["source"]
    return source


def test_it_is_there_again_after_a_reload_and_in_another_tab() -> None:
    load_in(MINE)
    upload(open_app(PAGE)).run()
    load_in(MINE)
    again = open_app(PAGE, {"picture": "own"})
    assert again.selectbox(key="picture").value == "own"
    assert "holiday.png at 112x112 pixels" in captions(again)
    tab = open_app(PAGE)
    assert tab.selectbox(key="picture").value == "Digits 1"
    tab.selectbox(key="picture").set_value("own").run()
    assert "holiday.png at 112x112 pixels" in captions(tab)


def test_another_browser_leaves_it_out_of_a_link_and_says_so() -> None:
    load_in(MINE)
    upload(open_app(PAGE))
    load_in(YOURS)
    app = open_app(PAGE, {"picture": "own"})
    assert app.selectbox(key="picture").value == "Digits 1"
    assert "own" not in app.selectbox(key="picture").options
    assert [info.value for info in app.info] == [
        "Left out of the link: a picture of one's own, which only the browser that sent it has."
    ]


def test_without_the_cookie_it_lives_as_long_as_the_session() -> None:
    app = upload(open_app(PAGE))
    app.switch_page("pages/explore/fusion.py").run()
    assert "holiday.png at" in captions(app)
    assert "own" not in open_app(PAGE).selectbox(key="picture").options
    assert own_picture._kept().held_mib == 0


def test_the_newest_of_a_browser_takes_the_place_of_the_one_before() -> None:
    load_in(MINE)
    app = open_app(PAGE)
    upload(upload(app), "beach.png")
    assert "beach.png at" in captions(open_app(PAGE, {"picture": "own"}))
    assert own_picture._kept().held_mib == pytest.approx(80 * 60 * 3 / 2**20)


def test_it_is_cropped_until_it_is_to_be_fitted_whole_and_the_link_tells() -> None:
    load_in(MINE)
    app = upload(open_app(PAGE))
    cropped = seen(app)
    (preview,) = app.sidebar.get("image")
    assert "holiday.png, with a frame around what the network sees" in str(preview.proto)
    app.segmented_control(key="frame").set_value("fit").run()
    assert not app.exception
    assert seen(app) != cropped
    app.run()
    assert app.query_params["frame"] == "fit"
    assert seen(open_app(PAGE, {"picture": "own", "frame": "fit"})) == seen(app)


def test_what_was_converted_is_said_beside_the_picture_also_after_a_reload() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((60, 80), 0x8000, np.uint16)).save(buffer, "PNG")
    load_in(MINE)
    app = open_app(PAGE)
    app.file_uploader(key="picture_file").upload("scan.png", buffer.getvalue(), "image/png").run()
    assert not app.exception
    for shown in (app, open_app(PAGE, {"picture": "own"})):
        assert "Its 16 bits a channel were converted to 8." in [info.value for info in shown.sidebar.info]


def test_a_sample_has_no_frame_to_choose() -> None:
    assert not [control for control in open_app(PAGE).segmented_control if control.key == "frame"]


def test_a_name_that_could_be_markup_is_shown_as_a_name() -> None:
    app = upload(open_app(PAGE), "![x](https://example.org/a).png")
    assert "-x-https-example.org-a-.png at 112x112" in captions(app)
