"""The user's store as commands open it: they first say where it is, unless the user has chosen the place."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from explorer.places import URL_VARIABLE, default_store

if TYPE_CHECKING:
    from explorer.records.store import Store


def tell_place() -> None:
    """Say on stderr where records are kept by default; whoever has named a store knows it."""
    if not os.environ.get(URL_VARIABLE):
        print(f"Records are kept in {default_store()}.", file=sys.stderr, flush=True)


def open_store() -> Store:
    """The open store, after its place was told.

    Raises:
        StoreError: As `Store`.
    """
    from explorer.records.store import Store

    tell_place()
    return Store()
