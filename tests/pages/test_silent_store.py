"""Pages whose results store stopped answering: one sentence each, and everything that needs no store goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import streamlit as st

from tests.explorer.records.silent_servers import greet_and_say_nothing, say_nothing, serving
from tests.pages.entrypoint import open_app

pytest.importorskip("psycopg", reason="psycopg is not installed (extra: postgres)")


@pytest.fixture
def asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The store's server gets an entry here each time that it is asked."""
    connections: list[str] = []

    def answer(connection: socket.socket) -> None:
        connections.append("asked")
        getattr(request, "param", say_nothing)(connection)

    monkeypatch.setattr("explorer.records.postgresql.CONNECT_TIMEOUT_S", 2)
    monkeypatch.setattr("explorer.records.postgresql.BoundedConnection.patience_s", 2)
    st.cache_data.clear()
    with serving(answer) as url:
        monkeypatch.setenv("HRFORMER_RESULTS_URL", url)
        yield connections
    st.cache_data.clear()


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        ("benchmark", say_nothing),
        ("comparison", say_nothing),
        ("comparison", greet_and_say_nothing),
        ("ablation", say_nothing),
        ("claims", greet_and_say_nothing),
    ],
    indirect=["asked"],
)
def test_a_page_says_that_the_store_is_silent_and_shows_the_reference_run(page: str, asked: list[str]) -> None:
    app = open_app(f"pages/measure/{page}.py")
    said = [element.value for element in (*app.error, *app.warning)]
    assert len([text for text in said if "does not answer: check that its server runs" in text]) == 1
    assert "pa55word" not in " ".join(said)
    assert app.get("plotly_chart")
    assert asked == ["asked"]  # once, however often the page needs the store


def test_a_silent_store_is_asked_again_after_a_moment_only(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_app("pages/measure/comparison.py")
    app.run()
    other = open_app("pages/measure/comparison.py")
    assert app.error[0].value == other.error[0].value
    assert asked == ["asked"]
    monkeypatch.setattr("explorer.ui.measure.page_store._resting", {})  # the moment has passed
    app.run()
    assert asked == ["asked"] * 2
