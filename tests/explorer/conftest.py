"""Stores to test with: SQLite files, and schemas on a PostgreSQL server that the tests start themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from explorer.records.store import Store

if TYPE_CHECKING:
    from tests.explorer.records.postgresql import Server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server that lives as long as the tests."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra: postgres)")
    from tests.explorer.records.postgresql import Server, server_binaries

    binaries = server_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: postgresql)")
    server = Server(binaries)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgresql_server(postgresql: Server) -> str:
    """Folder of the server's Unix socket."""
    return str(postgresql.folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a store that does not exist yet (SQLite), or has no tables (PostgreSQL)."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'folder' / 'records.sqlite'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_schema()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store on either database."""
    with Store(store_url) as opened:
        yield opened


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """An empty SQLite store in `tmp_path / "records.sqlite"`."""
    with Store(f"sqlite:///{tmp_path / 'records.sqlite'}", lock_timeout_s=0.2) as opened:
        yield opened
