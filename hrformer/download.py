"""A file from a web server into a cache: it goes on where it was cut off, can be stopped, and counts by its hash alone.

torch's own downloader starts over each time, waits for a silent server without end, and cannot be stopped.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, HTTPResponse, responses
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from filelock import FileLock, Timeout  # torch needs it, too

from hrformer.wording import shown

OnProgress = Callable[[int, int], None]
"""Told the bytes that are there, and all bytes, or 0 where the server does not tell."""
ShouldStop = Callable[[], bool]

#: Names another cache folder than the user's.
CACHE_VARIABLE = "HRFORMER_CACHE"
#: How long a server may send nothing.
TIMEOUT_S = 20.0
#: No published file has a fifth of it.
MAX_BYTES = 2**30
_PIECE_BYTES = 2**18
_POLL_S = 0.2
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def cache_folder() -> Path:
    """The folder that `HRFORMER_CACHE` names, else the user's, which is that of platformdirs."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "hrformer" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "hrformer"
    return Path(os.environ.get("XDG_CACHE_HOME", "").strip() or Path.home() / ".cache") / "hrformer"


class DownloadError(ValueError):
    """Why there is no file, and what would work, as one sentence.

    Attributes:
        reason: Why, without what would work; it names no folder.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}: {remedy}.")
        self.reason = reason


@dataclass(frozen=True)
class RemoteFile:
    """A file on a server, known by its hash.

    Attributes:
        url: Its address.
        sha256_prefix: First hexadecimal digits of its SHA-256.
    """

    url: str
    sha256_prefix: str

    @property
    def name(self) -> str:
        """What it is called in the cache: as on the server."""
        return PurePosixPath(urlsplit(self.url).path).name

    @property
    def host(self) -> str:
        """Who has it."""
        return urlsplit(self.url).netloc

    def is_at(self, path: Path) -> bool:
        """Whether it lies there, and not another file of its name.

        Raises:
            OSError: If what lies there cannot be read.
        """
        try:
            with path.open("rb") as file:
                return self.has_hash(hashlib.file_digest(file, "sha256").hexdigest())
        except FileNotFoundError:
            return False

    def has_hash(self, sha256: str) -> bool:
        """Whether a SHA-256 in hexadecimal digits is its own."""
        return sha256.startswith(self.sha256_prefix)


def tell_nobody(done: int, total: int) -> None:
    """The progress of a download that nobody watches."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Download:
    """Fetching a file into a folder.

    While it is not whole it has the ending `.part`, which the next call goes on with. Of several programs one fetches,
    and the others wait for it.

    Attributes:
        file: What is fetched.
        folder: Where to; made where there is none.
        on_progress: Called after each piece.
        should_stop: Asked after each piece.
    """

    file: RemoteFile
    folder: Path = field(default_factory=cache_folder)
    on_progress: OnProgress = tell_nobody
    should_stop: ShouldStop = _never

    def run(self) -> Path | None:
        """Fetch the file unless it is there.

        Returns:
            Where it lies; None if it was stopped.

        Raises:
            DownloadError: If it cannot be had, or not be kept.
        """
        path = self.folder / self.file.name
        try:
            if self.file.is_at(path):
                return path
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._turn() as is_wanted:
                if not is_wanted:
                    return None
                if not self.file.is_at(path):  # another program may have fetched it meanwhile
                    if not self._receive():
                        return None
                    self._part.replace(path)
                return path
        except OSError as error:  # the network's are DownloadErrors by now
            raise self._not_kept(error) from error

    def size(self) -> int | None:
        """Ask the server for the file's size, in bytes; None where it does not tell.

        Raises:
            DownloadError: If it cannot be asked.
        """
        with self._ask(method="HEAD") as response:
            told = response.headers.get("Content-Length", "")
        return int(told) if told.isdecimal() else None

    @property
    def _part(self) -> Path:
        return self.folder / f"{self.file.name}.part"

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """Be the only one that writes the part; False where that is not wanted any more."""
        lock = FileLock(f"{self._part}.lock")
        while not self.should_stop():
            try:
                with lock.acquire(timeout=0):
                    yield True
                    return
            except Timeout:
                self.on_progress(self._part.stat().st_size if self._part.exists() else 0, 0)
                time.sleep(_POLL_S)
        yield False

    def _receive(self) -> bool:
        """Bring the part to its end; whether it came there.

        Raises:
            DownloadError: If it did not and will not.
            OSError: If it could not be written.
        """
        with self._part.open("a+b") as part:
            part.seek(0)
            digest = hashlib.file_digest(part, "sha256")
            done = part.tell()
            if done and self.file.has_hash(digest.hexdigest()):  # whoever brought it there ended before naming it
                return True
            with self._ask(done) as response:
                if response.status != HTTPStatus.PARTIAL_CONTENT:
                    part.truncate(0)
                    digest, done = hashlib.sha256(), 0
                total = 0 if response.length is None else done + response.length
                self._check_size(total, total - done)
                for piece in self._pieces(response):
                    part.write(piece)
                    digest.update(piece)
                    done += len(piece)
                    self._check_size(done)
                    self.on_progress(done, total)
                    if self.should_stop():
                        return False
            part.flush()
        return self._is_whole(done, total, digest.hexdigest())

    def _is_whole(self, done: int, total: int, sha256: str) -> bool:
        """True; a part that cannot become the file is thrown away.

        Raises:
            DownloadError: If it is not.
        """
        if done < total:
            self._fail(f"The connection ended after {_mb(done)} of {_mb(total)}", goes_on=True)
        if not self.file.has_hash(sha256):
            self._part.unlink(missing_ok=True)
            digits = len(self.file.sha256_prefix)
            found = f"its SHA-256 begins with {sha256[:digits]}, not {self.file.sha256_prefix}"
            self._fail(f"{self.file.host} sent another file than the published one ({found})")
        return True

    def _check_size(self, size: int, missing: int = 0) -> None:
        """Refuse what is too large for weights or for the disk.

        Raises:
            DownloadError: If it is.
        """
        if size > MAX_BYTES:
            self._part.unlink(missing_ok=True)
            self._fail(f"{self.file.host} sends more than {_mb(MAX_BYTES)}, which no published file has")
        free = shutil.disk_usage(self.folder).free if missing else 0
        if missing and missing > free:
            reason = f"The {_mb(missing)} that are to come do not fit into the {_mb(free)} that are free"
            raise DownloadError(reason, self._make_room)

    def _pieces(self, response: HTTPResponse) -> Iterator[bytes]:
        try:
            while piece := response.read1(_PIECE_BYTES):
                yield piece
        except TimeoutError as error:
            self._fail(f"{self.file.host} sent nothing for {TIMEOUT_S:g} s", error, goes_on=True)
        except (OSError, HTTPException) as error:
            self._fail(f"The connection to {self.file.host} was lost ({_why(error)})", error, goes_on=True)

    def _ask(self, start: int = 0, method: str = "GET") -> HTTPResponse:
        """The server's answer: the file from byte `start` on, or all of it where it does not send that.

        Raises:
            DownloadError: If it does not send the file.
        """
        headers = {"User-Agent": "hrformer"} | ({"Range": f"bytes={start}-"} if start else {})
        request = Request(self.file.url, headers=headers, method=method)
        try:
            response = cast("HTTPResponse", build_opener(_SameServer).open(request, timeout=TIMEOUT_S))
        except HTTPError as error:
            error.close()
            if start and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return self._ask()
            self._refuse(error)
        except (OSError, HTTPException) as error:
            self._fail(f"{self.file.host} could not be reached ({_why(error)})", error)
        if start and response.status == HTTPStatus.PARTIAL_CONTENT and not _begins_at(start, response):
            response.close()
            return self._ask()
        return response

    def _refuse(self, error: HTTPError) -> NoReturn:
        answer = f"{error.code} {responses.get(error.code, 'unknown')}"
        if error.code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            reason = f"{self.file.host} does not have {self.file.name} any more ({answer})"
            remedy = f"put a copy whose SHA-256 begins with {self.file.sha256_prefix} into {self.folder}"
            raise DownloadError(reason, remedy) from error
        if 300 <= error.code < 400:
            elsewhere = shown(error.headers.get("Location", ""))
            self._fail(f"{self.file.host} sends on to {elsewhere}, which is not followed", error)
        self._fail(f"{self.file.host} does not send {self.file.name} now ({answer})", error)

    def _fail(self, reason: str, cause: Exception | None = None, *, goes_on: bool = False) -> NoReturn:
        again = "try again, which goes on from there" if goes_on else "try again"
        remedy = f"{again}, or fetch {self.file.url} by hand and put it into {self.folder}"
        raise DownloadError(reason, remedy) from cause

    def _not_kept(self, error: OSError) -> DownloadError:
        if error.errno in _FULL:
            with suppress(OSError):  # what fills the disk is in everybody's way
                self._part.unlink(missing_ok=True)
        return DownloadError(f"{self.file.name} could not be kept ({_why(error)})", self._make_room)

    @property
    def _make_room(self) -> str:
        return f"make room in {self.folder} and let it be written, or name another folder in {CACHE_VARIABLE}"


class _SameServer(HTTPRedirectHandler):
    """Follows no server to another one, to a file, or out of an encrypted connection."""

    def redirect_request(  # noqa: PLR0917 - as the base has it
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        here, there = urlsplit(req.full_url), urlsplit(newurl)
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _begins_at(start: int, response: HTTPResponse) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _why(error: Exception) -> str:
    """What the system or the library says of an error, on one line."""
    cause = getattr(error, "reason", error)  # of a URLError
    text = str(getattr(cause, "strerror", None) or cause or type(cause).__name__)
    return " ".join(text.split())


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
