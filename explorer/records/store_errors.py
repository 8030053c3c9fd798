"""What goes wrong with a store, as one sentence that says what would work."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

_ELSEWHERE = "or set HRFORMER_RESULTS_URL to a store elsewhere"
_SAFE = "What was stored before is safe."
_NO_SPACE = f"has no space left: free some on its disk, {_ELSEWHERE}. {_SAFE}"
_READ_ONLY = f"is read-only: allow writing to the file and its folder, {_ELSEWHERE}. {_SAFE}"
_LOCKED = f"is locked by another program: try again once it has finished, or close it. {_SAFE}"
_CANNOT_OPEN = f"cannot be opened: check that the folder exists and may be read and written, {_ELSEWHERE}."
_NOT_A_STORE = f"is damaged or not a database: put back a copy of it, or move it away to start over, {_ELSEWHERE}."
_DISK_FAILS = f"cannot be read or written: its disk reports an error or is full. Check the disk, {_ELSEWHERE}."
_SILENT = f"does not answer: check that its server runs and is not overloaded, {_ELSEWHERE}. {_SAFE}"
_NO_LOGIN = "refuses the login: check user and password in HRFORMER_RESULTS_URL."
_NO_DATABASE = "has no such database: create it on the server, or correct its name in HRFORMER_RESULTS_URL."
_NO_PRIVILEGE = "does not let this user write: ask its owner for the rights to create tables and insert rows."

#: By the primary part of SQLite's result code (https://www.sqlite.org/rescode.html).
_BY_SQLITE_NAME = {
    "FULL": _NO_SPACE,
    "READONLY": _READ_ONLY,
    "BUSY": _LOCKED,
    "LOCKED": _LOCKED,
    "CANTOPEN": _CANNOT_OPEN,
    "PERM": _CANNOT_OPEN,
    "AUTH": _CANNOT_OPEN,
    "NOTADB": _NOT_A_STORE,
    "CORRUPT": _NOT_A_STORE,
    "IOERR": _DISK_FAILS,
}

#: By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_BY_SQLSTATE = {
    "53100": _NO_SPACE,
    "25006": _READ_ONLY,
    "40P01": _LOCKED,
    "55P03": _LOCKED,
    "57014": _SILENT,
    "28000": _NO_LOGIN,
    "28P01": _NO_LOGIN,
    "3D000": _NO_DATABASE,
    "42501": _NO_PRIVILEGE,
}

_BY_ERRNO = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.ENOENT: _CANNOT_OPEN,
}


class StoreError(RuntimeError):
    """The store could not do what was asked; nothing was stored or lost. The message says what would work."""


class SilentStoreError(StoreError):
    """The store's server does not answer."""


@contextmanager
def explained(location: str) -> Iterator[None]:
    """Turn every database and file error inside into a `StoreError` about the store at `location`."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        explanation = _explanation(error)
        kind = SilentStoreError if explanation == _SILENT else StoreError
        raise kind(f"The store {location} {explanation}") from error


def is_locked(error: sqlite3.Error) -> bool:
    """Whether SQLite could not get the lock it needs."""
    return _sqlite_name(error) in ("BUSY", "LOCKED")


def _explanation(error: Exception) -> str:
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, NoSuchModuleError):
        return "names a kind of database that is not known: use sqlite:///FILE or postgresql://USER@HOST/DATABASE."
    if isinstance(cause, sqlite3.Error) and _sqlite_name(cause) in _BY_SQLITE_NAME:
        return _BY_SQLITE_NAME[_sqlite_name(cause)]
    if isinstance(cause, OSError) and cause.errno in _BY_ERRNO:
        return _BY_ERRNO[cause.errno]
    sqlstate = getattr(cause, "sqlstate", None)
    if sqlstate in _BY_SQLSTATE:
        return _BY_SQLSTATE[sqlstate]
    if isinstance(error, OperationalError) and sqlstate is None:
        return _unreachable(cause)
    return f"reports an error: {_first_line(str(cause))}."


def _unreachable(cause: BaseException | None) -> str:
    """A connection that never came about has no SQLSTATE; only the server's own words tell the causes apart."""
    if type(cause).__name__ == "ConnectionTimeout":  # of psycopg, which is an extra
        return _SILENT
    message = str(cause)
    if "authentication" in message or "no password supplied" in message:
        return _NO_LOGIN
    if "does not exist" in message:
        return _NO_DATABASE
    return f"cannot be reached: check that the server runs and HRFORMER_RESULTS_URL is right ({_first_line(message)})."


def _sqlite_name(error: sqlite3.Error) -> str:
    # SQLITE_READONLY_DIRECTORY and its like are kinds of SQLITE_READONLY; Python's own checks carry no code.
    return (getattr(error, "sqlite_errorname", None) or "SQLITE_").split("_")[1]


def _first_line(message: str) -> str:
    return (message.strip().splitlines() or ["no message"])[0].rstrip(".")
