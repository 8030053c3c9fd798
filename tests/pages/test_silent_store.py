"""Pages whose results store stopped answering: one sentence each, and everything that needs no store goes on."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
import streamlit as st

from explorer.claims.table import count_costs
from tests.explorer.benchmark.silent_servers import greet_and_say_nothing, say_nothing, serving
from tests.pages.entrypoint import open_app

pytest.importorskip("psycopg", reason="psycopg is not installed (extra: postgres)")


@pytest.fixture(params=[say_nothing, greet_and_say_nothing])
def _silent_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    answer: Callable[[socket.socket], None] = request.param
    monkeypatch.setattr("explorer.benchmark.postgresql.CONNECT_TIMEOUT_S", 2)
    monkeypatch.setattr("explorer.benchmark.postgresql.BoundedConnection.patience_s", 2)
    st.cache_data.clear()
    with serving(answer) as url:
        monkeypatch.setenv("HRFORMER_RESULTS_URL", url)
        yield
    st.cache_data.clear()


@pytest.mark.usefixtures("_silent_store")
@pytest.mark.parametrize("page", ["benchmark", "comparison", "ablation", "claims"])
def test_a_page_says_that_the_store_is_silent_and_shows_the_reference_run(page: str) -> None:
    count_costs(lambda done, total: None, lambda: False)  # which the claims would show a bar for
    app = open_app(f"pages/measure/{page}.py")
    said = [element.value for element in (*app.error, *app.warning)]
    assert len([text for text in said if "does not answer: check that its server runs" in text]) == 1
    assert "pa55word" not in " ".join(said)
    assert app.get("plotly_chart")
