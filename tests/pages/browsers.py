"""Browsers as a server tells them apart: AppTest sends no cookies."""

from typing import Any

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

MINE, YOURS = b"0123456789abcdef", b"fedcba9876543210"
_COOKIES: dict[str, Any] = {}


def send_cookies(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, as `load_in` says; none before."""
    _COOKIES.clear()
    monkeypatch.setattr(ContextProxy, "cookies", _COOKIES)


def load_in(browser: bytes) -> None:
    """What a browser sends whenever it loads a page: its token under another mask."""
    _COOKIES["_streamlit_xsrf"] = generate_xsrf_token_string(browser)
