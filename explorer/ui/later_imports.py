"""What takes seconds to import and the first page does without is imported behind it, once it has been delivered."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from threading import Lock, Timer

import streamlit as st

import explorer.ui

#: From the end of a run to the imports: meanwhile the browser fetches from this process what draws the page, and would
#: wait for the interpreter.
DELAY_S = 3.0


class LaterImports:
    """Imports modules in a thread of its own, some time after a page has run.

    Args:
        names: The modules.
        delay_s: The time between, s.

    Attributes:
        done: Whether everything has been imported, or can't be.
    """

    def __init__(self, names: Iterable[str], delay_s: float = DELAY_S) -> None:
        self.delay_s = delay_s
        self._names = tuple(names)
        self._importing = Lock()
        self._timer: Timer | None = None
        self.done = False

    def begin(self) -> None:
        """Import what is not there yet, after a delay: called after every run of a page, for any may be the first."""
        if self.done or self._timer is not None:
            return
        self._timer = Timer(self.delay_s, self._import)
        self._timer.daemon = True  # so that a server that is shut down does not wait for it
        self._timer.start()

    def wait(self) -> None:
        """Let the calling thread import what it needs: wait for imports that go on, and put off those to come.

        Two threads that enter a circle of imports at different ends, as torch has them, see unfinished modules.
        """
        if self.done:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._importing.locked():
            with st.spinner("Loading PyTorch"), self._importing:
                pass

    def _import(self) -> None:
        with self._importing:
            try:
                for name in self._names:
                    import_module(name)
            finally:
                self.done = True


#: All that the pages import: their parts in `explorer.ui` with everything below.
LATER_IMPORTS = LaterImports(module.name for module in pkgutil.walk_packages(explorer.ui.__path__, "explorer.ui."))
