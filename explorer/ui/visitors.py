"""Who uses the app: browsers told apart by their cookie, and what each is called before the others."""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import threading
from functools import cache

import streamlit as st

#: Names that are kept; those of visitors who have not been there for longest go first.
MAX_VISITORS = 10_000
_SESSION = "visitor"
_COOKIE = "_streamlit_xsrf"
#: "2|mask|masked token|time", the numbers in hexadecimal.
_MASKED_TOKEN = re.compile(r"2\|([0-9a-f]{8})\|([0-9a-f]{32})\|\d+")


class Visitors:
    """Names of visitors, each given once.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int = MAX_VISITORS) -> None:
        self._most = most
        self._names: dict[str, str] = {}  # by key, the one asked for last at the end
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def name_of(self, key: str) -> str:
        """What the visitor with this secret key is called, always the same."""
        with self._lock:
            name = self._names.pop(key, None) or f"visitor {next(self._numbers)}"
            self._names[key] = name
            if len(self._names) > self._most:
                del self._names[next(iter(self._names))]
            return name


def visitor() -> str:
    """What this browser is called before the others, also after a reload; without its cookie, this session."""
    key = browser() or st.session_state.setdefault(_SESSION, secrets.token_hex(16))
    return _visitors().name_of(str(key))


def browser() -> str | None:
    """What tells this browser from others; None where it sends no cookie that does."""
    cookie = st.context.cookies.get(_COOKIE)
    return browser_key(cookie) if isinstance(cookie, str) else None


def browser_key(cookie: str) -> str | None:
    """What tells browsers apart, from the cookie against forged requests that Streamlit gives each.

    Its token stays as long as the browser is open, but is masked in a new way whenever a page is loaded.

    Returns:
        A hash of the token; None where the cookie has another form.
    """
    found = _MASKED_TOKEN.fullmatch(cookie)
    if found is None:
        return None
    mask, masked = map(bytes.fromhex, found.groups())
    token = bytes(byte ^ mask[index % len(mask)] for index, byte in enumerate(masked))
    return hashlib.sha256(token).hexdigest()


@cache
def _visitors() -> Visitors:
    return Visitors()
