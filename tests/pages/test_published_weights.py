"""Published weights on a page: a link offers them, a click fetches them, and every failure is one sentence."""

import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.models.variants import to_query
from explorer.ui import progress
from hrformer import preset
from hrformer.published import published_by_name
from tests.checkpoint_forms import write_mmpose
from tests.file_server import NAME, PIECE, FileServer, gated_after, refuses, sends
from tests.pages.entrypoint import SMALL, open_app
from tests.pages.texts import assert_discreet, captions, told
from tests.published import LISTED, checkpoint, list_of, published_here
from tests.variants import tiny

MAPS = "pages/explore/feature_maps.py"
LINK = SMALL | {"published_weights": LISTED}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with published_here(tmp_path, monkeypatch) as running:
        yield running


def keys_of(app: AppTest) -> set[str]:
    return {button.key for button in app.button if button.key}


def until(app: AppTest, has_come: Callable[[], bool]) -> AppTest:
    """Run the page again as its watch would, until something shows."""
    end = time.monotonic() + 60
    while not has_come():
        assert time.monotonic() < end, told(app)
        app.run()
        assert not app.exception
    return app


def click(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def fetched(app: AppTest) -> AppTest:
    """Click, and wait until the weights are shown or something failed."""
    click(app, "fetch_published")
    return until(app, lambda: bool(app.success or app.error))


def test_a_link_opens_with_the_offer_and_fetches_nothing(server: FileServer) -> None:
    app = open_app(MAPS, LINK)
    assert app.selectbox(key="published_weights").value == LISTED
    (description,) = [each.value for each in app.sidebar.markdown if "licence" in each.value]
    assert description.startswith("Pose, COCO val2017 AP 0.500 · about ")
    assert description.endswith(f"licence MIT, from [a\\_test \\*of\\* ours]({server.file.url})")
    assert app.button(key="fetch_published").label == f"Download from {server.host}"
    assert "random weights" in " ".join(told(app))
    app.run()
    assert server.asked == []
    assert not published_by_name(LISTED).path.parent.exists()


def test_a_click_fetches_them_and_the_page_shows_their_network(server: FileServer) -> None:
    app = fetched(open_app(MAPS, LINK))
    assert app.success[0].value == "In use."
    assert app.session_state["variant"] == tiny("pose", img_size=(64, 48))
    assert f"at 64x48 pixels, published weights {LISTED}" in captions(app)
    assert app.query_params["published_weights"] == LISTED
    assert app.query_params["task"] == "pose"
    assert server.asked == [("GET", f"/folder/{NAME}", None)]
    app.switch_page("pages/explore/fusion.py").run()
    assert f"published weights {LISTED}" in captions(app)


def test_what_is_in_the_cache_is_one_click_away_without_the_server(server: FileServer) -> None:
    path = published_by_name(LISTED).path
    path.parent.mkdir()
    path.write_bytes(server.contents)
    app = open_app(MAPS, LINK)
    assert "fetch_published" not in keys_of(app)
    assert any(f"{len(server.contents) / 1e3:.0f} kB, in the cache" in each.value for each in app.sidebar.markdown)
    click(app, "use_published")
    assert app.success[0].value == "In use."
    assert server.asked == []


def test_another_file_of_their_name_is_said_and_replaced(server: FileServer) -> None:
    path = published_by_name(LISTED).path
    path.parent.mkdir()
    path.write_bytes(b"by hand")
    app = open_app(MAPS, LINK)
    assert "use_published" not in keys_of(app)
    assert any("in the cache is another one" in caption.value for caption in app.sidebar.caption)
    fetched(app)
    assert app.success[0].value == "In use."
    assert path.read_bytes() == server.contents


def test_a_file_that_is_changed_before_the_click_is_not_read(server: FileServer) -> None:
    path = published_by_name(LISTED).path
    path.parent.mkdir()
    path.write_bytes(server.contents)
    app = open_app(MAPS, LINK)
    path.write_bytes(b"other")
    click(app, "use_published")
    assert "not in the cache any more: download it again." in app.error[0].value
    assert server.asked == []


def test_progress_stop_and_going_on(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "GLANCE_S", 0.05)
    server.answers = [gated_after(PIECE)]
    app = click(open_app(MAPS, LINK), "fetch_published")
    total = f"{len(server.contents) / 1e3:.0f} kB"
    said = f"Fetching {LISTED}: 1 kB of {total}"
    until(app, lambda: any(said in bar.proto.text for bar in app.get("progress")))
    assert app.get("plotly_chart")  # the page goes on meanwhile
    click(app, "stop_published_weights")
    assert any(f"Fetching {LISTED} was stopped after 1 kB of {total}." in info.value for info in app.info)
    server.gate.set()
    assert app.button(key="compute_published_weights").label == "Go on"
    click(app, "compute_published_weights")
    until(app, lambda: bool(app.success))
    assert app.success[0].value == "In use."
    assert len(server.asked) <= 2


def test_going_on_after_a_cut_fetches_the_rest_alone(server: FileServer) -> None:
    part = published_by_name(LISTED).path.with_name(f"{NAME}.part")
    part.parent.mkdir()
    part.write_bytes(server.contents[:PIECE])
    assert fetched(open_app(MAPS, LINK)).success[0].value == "In use."
    assert server.ranges == [f"bytes={PIECE}-"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refuses(404), "does not have small-of-a-test.pth any more (404 Not Found): try again, or fetch http://"),
        (refuses(302, Location="file:///etc/passwd"), "which is not followed: try again, or fetch http://"),
        (sends(b"not it"), "sent another file than the published one"),
    ],
)
def test_a_failure_is_one_sentence_that_names_no_folder_and_can_be_tried_again(
    answer, words: str, server: FileServer, tmp_path: Path
) -> None:
    server.answers = [answer]
    app = fetched(open_app(MAPS, LINK))
    (error,) = [error.value for error in app.error]
    assert error.startswith(f"{LISTED} were not taken. {server.host} ")
    assert words in error
    assert error.endswith(f"or fetch {server.file.url} yourself and give it to Use a checkpoint.")
    assert_discreet([error.replace("file:///etc/passwd", "")], "our cache", tmp_path)
    click(app, "fetch_published")
    until(app, lambda: bool(app.success))
    assert not app.error


def test_a_cache_that_cannot_be_written_is_said(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "our cache").write_text("no folder")
    app = fetched(open_app(MAPS, LINK))
    assert f"{NAME} could not be kept (" in app.error[0].value
    assert_discreet(told(app), "our cache/")


class Payload:
    """Unpickling it makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


def test_what_the_server_published_is_read_as_an_upload_is(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right hash makes no file safe: whoever published it may mean harm."""
    server.contents = pickle.dumps({"state_dict": Payload(tmp_path / "executed")})
    monkeypatch.setattr("hrformer.published.TABLE", list_of(server.file, tmp_path))
    app = fetched(open_app(MAPS, LINK))
    assert f"{NAME} is not a readable checkpoint" in app.error[0].value
    assert not (tmp_path / "executed").exists()
    assert "uploaded_model" not in app.session_state


def test_choosing_none_goes_back_to_random_weights(server: FileServer) -> None:
    app = fetched(open_app(MAPS, LINK))
    app.selectbox(key="published_weights").set_value("none").run()
    assert "random weights, seed 0" in " ".join(told(app))
    assert "published_weights" not in app.query_params
    assert "uploaded_model" not in app.session_state


def test_a_checkpoint_of_ones_own_takes_their_place(server: FileServer) -> None:
    app = fetched(open_app(MAPS, LINK))
    own = checkpoint(tiny("pose"), seed=5)
    app.file_uploader(key="checkpoint_file").upload("mine.pth", own, "application/octet-stream").run()
    assert app.selectbox(key="published_weights").value == "none"
    assert "mine.pth" in " ".join(told(app))


def test_another_variant_shows_the_offer_again(server: FileServer) -> None:
    app = fetched(open_app(MAPS, LINK))
    app.session_state["variant"] = preset("tiny", img_size=(64, 64))
    app.run()
    assert "use_published" in keys_of(app)
    assert "random weights, seed 0" in " ".join(told(app))
    click(app, "back_to_checkpoint")
    assert app.success[0].value == "In use."


def test_the_trained_networks_page_offers_them_too(server: FileServer) -> None:
    app = fetched(open_app(MAPS, {"published_weights": LISTED}))
    assert app.segmented_control(key="network").value == "variant"
    assert to_query(app.session_state["variant"])["task"] == "pose"


def test_a_link_to_weights_that_nobody_published_says_so(server: FileServer) -> None:
    app = open_app(MAPS, LINK | {"published_weights": "huge"})
    assert any("published_weights='huge', which can't be chosen here" in info.value for info in app.info)
    assert app.selectbox(key="published_weights").value == "none"


def test_what_was_assumed_of_them_is_shown_and_can_be_switched(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mmpose(tmp_path / "mmpose.pth", tiny("pose", relative_position_bias=True))
    server.contents = (tmp_path / "mmpose.pth").read_bytes()
    monkeypatch.setattr("hrformer.published.TABLE", list_of(server.file, tmp_path))
    app = fetched(open_app(MAPS, LINK))
    bias = app.segmented_control(key="assumed_relative_position_bias")
    assert (bias.label, bias.value) == ("Relative position bias (assumed)", True)
    bias.set_value(False).run()
    assert not app.exception
    assert app.session_state["variant"] == tiny("pose", img_size=(64, 48))
    assert app.segmented_control(key="assumed_relative_position_bias").label == "Relative position bias (chosen)"
    assert app.success[0].value == "In use."
    assert len(server.asked) == 1
