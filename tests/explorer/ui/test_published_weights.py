"""The field with published weights by itself, with something else than a model to take them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from hrformer.published import published_by_name
from tests.file_server import FileServer, serving
from tests.published import LISTED, list_of

OTHER = "other"


def field_page() -> None:
    """A page that takes, or refuses, whatever is fetched."""
    import streamlit as st

    from explorer.ui import choices
    from explorer.ui.published_weights import chosen_published_weights, published_weights_field

    def take(weights, path) -> None:
        if st.session_state.get("refuses"):
            raise ValueError("It holds no HRFormer: use another.")
        st.session_state["taken"] = (weights, path)

    st.session_state[choices.PAGE] = "field"
    weights, _ = st.session_state.get("taken", (None, None))
    published_weights_field(take, weights)
    st.session_state["chosen"] = chosen_published_weights()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Its list names the one file twice, with two scores."""
    monkeypatch.setenv("HRFORMER_CACHE", str(tmp_path / "cache"))
    with serving(bytes(2000)) as running:
        path = list_of(running.file, tmp_path)
        row = path.read_text().splitlines()[1]
        path.write_text(f"{path.read_text()}{row.replace(LISTED, OTHER, 1).replace('0.5', '0.6')}\n")
        monkeypatch.setattr("hrformer.published.TABLE", path)
        yield running


@pytest.fixture
def app(server: FileServer) -> AppTest:
    app = AppTest.from_function(field_page, default_timeout=60).run()
    assert app.session_state["chosen"] is None
    return app.selectbox(key="published_weights").set_value(LISTED).run()


def test_nothing_is_chosen_and_nothing_offered_at_first(server: FileServer) -> None:
    app = AppTest.from_function(field_page, default_timeout=60).run()
    assert app.selectbox(key="published_weights").options[0] == "None"
    assert not app.button
    assert server.asked == []


def test_what_is_fetched_is_taken_with_its_file(app: AppTest, server: FileServer) -> None:
    assert app.session_state["chosen"] == LISTED
    app.button(key="fetch_published").click().run()
    assert app.session_state["taken"] == (published_by_name(LISTED), published_by_name(LISTED).path)
    assert app.success[0].value == "In use."
    assert app.session_state["kept_results"] == {}  # a file that goes later would still be offered as a result


def test_a_refusal_stands_beside_what_was_refused_alone(app: AppTest, server: FileServer) -> None:
    app.session_state["refuses"] = True
    app.button(key="fetch_published").click().run()
    assert app.error[0].value == f"{LISTED} were not taken. It holds no HRFormer: use another."
    app.selectbox(key="published_weights").set_value(OTHER).run()
    assert not app.error
    app.selectbox(key="published_weights").set_value(LISTED).run()
    assert app.error
    app.session_state["refuses"] = False
    app.button(key="use_published").click().run()
    assert not app.error
    assert app.success[0].value == "In use."
    assert len(server.asked) == 1
