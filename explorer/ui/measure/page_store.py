"""The user's store as pages open it: a server that did not answer is left alone for a moment, so that pages go on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from explorer.places import URL_VARIABLE
from explorer.records.store import Store
from explorer.records.store_errors import SilentStoreError

#: How long pages do without a store whose server did not answer, in seconds.
REST_S = 10.0

#: By URL: until when, and what was told of it.
_resting: dict[str, tuple[float, str]] = {}


@contextmanager
def page_store(lock_timeout_s: float = 30.0) -> Iterator[Store]:
    """The open store.

    Args:
        lock_timeout_s: How long a writer waits for the others, in seconds.

    Raises:
        StoreError: As `Store`; at once where its server did not answer just now, whichever visitor asked.
    """
    url = os.environ.get(URL_VARIABLE, "")
    until, told = _resting.get(url, (0.0, ""))
    if time.monotonic() < until:
        raise SilentStoreError(told)
    try:
        with Store(lock_timeout_s=lock_timeout_s) as store:
            yield store
    except SilentStoreError as error:
        _resting[url] = time.monotonic() + REST_S, str(error)
        raise
