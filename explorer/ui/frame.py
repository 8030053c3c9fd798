"""What stands around every page: its title, the product's name, messages on its link, its address, and its imports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import streamlit as st
from streamlit.navigation.page import Page

from explorer.places import ICON, LOGO
from explorer.sharing.memory_budget import BudgetError
from explorer.ui import address, choices
from explorer.ui.later_imports import LATER_IMPORTS
from explorer.ui.panels import plain
from explorer.ui.presence import arrive
from explorer.ui.server_end import end_on_signal

__all__ = ["ICON", "PRODUCT", "end_page", "framed"]

PRODUCT = "HRFormer Explorer"
#: Before the entrypoint has run once in a process, Streamlit takes `pages/` for an app of its older kind: a first tab
#: that opens the link of a page is told that there is none, and is shown it nevertheless. The note bars all controls.
_CLOSE_WRONG_NOTE = """
<script>
for (const ms of [0, 50, 200, 800, 2000]) setTimeout(() => {
  const note = [...document.querySelectorAll('[role=dialog]')].find(each => /^\\s*Page not found/.test(each.innerText));
  note?.querySelector('button[aria-label=Close]').click();
}, ms);
</script>
"""


@contextmanager
def framed(page: Page) -> Iterator[None]:
    """Run a page inside: what the browser asked for is read before, and the address is written after."""
    end_on_signal()
    arrive()
    st.set_page_config(page_title=f"{page.title} · {PRODUCT}")
    st.logo(str(LOGO), size="large")
    st.html(address.REPLACE_WITHIN_A_PAGE, unsafe_allow_javascript=True)
    if page.url_path:  # the first page is shown in place of those that there are none of, and needs no imports
        st.html(_CLOSE_WRONG_NOTE, unsafe_allow_javascript=True)
        LATER_IMPORTS.wait()
    st.session_state[choices.PAGE] = page.url_path
    address.arrive(page.url_path)
    messages = st.container()
    try:
        yield
    except _PageEnd:
        pass
    except BudgetError as error:  # where a page cannot do without what was refused
        st.error(str(error), icon=":material/memory:")
    address.leave()
    for sentence in address.complaints():
        messages.info(plain(sentence), icon=":material/info:")
    LATER_IMPORTS.begin()


def end_page() -> NoReturn:
    """End a page before its script does; after `st.stop` nothing could write its address any more."""
    raise _PageEnd


class _PageEnd(Exception):  # noqa: N818 - it is no error
    """A page has shown all there is to show."""
