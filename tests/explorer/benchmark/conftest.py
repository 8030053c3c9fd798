"""Stores to test with: SQLite files, and schemas on a PostgreSQL server that the tests start themselves."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.benchmark.store import Store

_SERVER_USER = "postgres"


def _server_binaries() -> Path | None:
    """Debian keeps them out of PATH, one folder a version."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).parent)
    return max(found, key=lambda path: path.parent.name, default=None)


def _as_server_user() -> list[str]:
    """The server refuses to run as root."""
    return ["runuser", "-u", _SERVER_USER, "--"] if os.geteuid() == 0 else []


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Folder of the Unix socket of a PostgreSQL server that lives as long as the tests."""
    binaries = _server_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: postgresql)")
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra: postgres)")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    if os.geteuid() == 0:
        user = pwd.getpwnam(_SERVER_USER)
        os.chown(folder, user.pw_uid, user.pw_gid)

    def run(program: str, *arguments: str) -> None:
        subprocess.run([*_as_server_user(), str(binaries / program), *arguments], cwd=folder, check=True, timeout=60)

    data, log = str(folder / "data"), str(folder / "log")
    try:
        run("initdb", "-D", data, "-U", _SERVER_USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-n")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-D", data, "-l", log, "-w", "-s", "-o", options, "start")
        yield str(folder)
        run("pg_ctl", "-D", data, "-s", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new_schema(server: str) -> str:
    import psycopg

    name = f"records_{uuid.uuid4().hex}"
    with psycopg.connect(host=server, user=_SERVER_USER, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"postgresql://{_SERVER_USER}@/postgres?host={server}&options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a store that does not exist yet (SQLite), or has no tables (PostgreSQL)."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'folder' / 'records.sqlite'}"
    return _new_schema(request.getfixturevalue("postgresql_server"))


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
