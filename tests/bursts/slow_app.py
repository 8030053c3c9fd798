"""The app with slow runs, for the burst tests: `python -m tests.bursts.slow_app streamlit_app.py`.

Two environment variables name a file each: `HRFORMER_SLOWNESS` holds the seconds that each run takes longer, and into
`HRFORMER_HELD` each finished run writes what the session then holds, as JSON.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page
from streamlit.web import cli

from explorer.ui import choices, frame

framed = frame.framed


@contextmanager
def slowly_framed(page: Page) -> Iterator[None]:
    """As `framed`, with half of the time before the page draws anything and half before its address is written."""
    pause_s = float(Path(os.environ["HRFORMER_SLOWNESS"]).read_text()) / 2
    with framed(page):
        time.sleep(pause_s)
        yield
        time.sleep(pause_s)
    write_held()


def write_held() -> None:
    state = st.session_state
    held = {
        "variant": state["variant"].to_dict() if "variant" in state else None,
        "held": state.get(choices._HELD, {}),
        "widgets": {key: state[key] for key in state.get(choices._CONTROLS, {}) if key in state},
    }
    path = Path(os.environ["HRFORMER_HELD"])
    whole = path.with_suffix(".new")
    whole.write_text(json.dumps(held, default=str))
    whole.replace(path)


if __name__ == "__main__":
    frame.framed = slowly_framed
    sys.argv = ["streamlit", "run", *sys.argv[1:]]
    sys.exit(cli.main())
