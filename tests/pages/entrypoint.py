"""The app as a user opens it: from its entrypoint."""

from concurrent.futures import wait
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from explorer.models.variants import to_query
from explorer.ui.progress import SessionWork
from tests.variants import tiny

ENTRYPOINT = Path(__file__).parents[2] / "streamlit_app.py"
#: A link to a variant that is built and run in a moment; a test writes `SMALL | {...}` for another one.
SMALL = to_query(tiny(img_size=(64, 64)))


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


def works(app: AppTest) -> list[SessionWork]:
    """What the session has begun to compute."""
    return [*app.session_state["running_work"].values()]


def run_to_the_end(app: AppTest) -> AppTest:
    """Run the page, wait until its work is over, and run it as its watch then would."""
    app.run()
    wait([work.outcome for work in works(app)], timeout=100)
    return app.run()
