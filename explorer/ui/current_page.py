"""Which page a session is on, for controls that several pages share."""

from __future__ import annotations

import streamlit as st
from streamlit.navigation.page import Page

_PAGE = "current_page"


def run_page(page: Page) -> None:
    """Run a page and let its controls know which it is."""
    st.session_state[_PAGE] = page.url_path
    page.run()


def current_page() -> str:
    """The page's path in the address, "" for the first."""
    path: str = st.session_state.get(_PAGE, "")
    return path
