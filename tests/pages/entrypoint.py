"""The app as a user opens it: from its entrypoint."""

from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

ENTRYPOINT = Path(__file__).parents[2] / "streamlit_app.py"


def open_app(page: str | None = None, query: dict[str, str] | None = None) -> AppTest:
    """Run the entrypoint with a URL query, then switch to a page."""
    app = AppTest.from_file(str(ENTRYPOINT), default_timeout=120)
    for key, value in (query or {}).items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    if page is not None:
        app.switch_page(page).run()
        assert not app.exception
    return app


def hold(app: AppTest, **chosen: Any) -> None:
    """Choose before a page draws the controls, as a file or a button does."""
    held = app.session_state["held_choices"] if "held_choices" in app.session_state else {}  # noqa: SIM401 - has no get
    app.session_state["held_choices"] = held | chosen
