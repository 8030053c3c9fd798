"""One measurement a device at a time on this machine, whatever programs and users ask: a locked file a device.

The system lets go of a lock when its holder ends, also when that is killed. The package filelock is not used: it opens
with O_CREAT, which Linux refuses for another user's file in a folder like /tmp, and empties the file before it has it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from explorer.units import clock_time

#: Another folder than /tmp, which unlike TMPDIR is the same for all users and programs.
VARIABLE = "HRFORMER_LOCK_FOLDER"
#: What holders say that they do; whatever else stands in a file is not repeated.
KINDS = ("benchmark", "profile", "training", "attention timing")
_POLL_S = 0.5
_MOST_BYTES = 300
_FOLLOW_AND_WAIT_FOR_NOTHING = os.O_NOFOLLOW | os.O_NONBLOCK  # of a link or a pipe that someone put there
_EVERYBODYS = 0o666


@contextmanager
def device_lock(
    device: str,
    kind: str,
    on_wait: Callable[[str], None],
    is_unwanted: Callable[[], bool],
    shared_name: str | None = None,
) -> Iterator[str | None]:
    """Have a device to oneself, as soon as who holds it lets go.

    Args:
        device: Such as "cpu" or "cuda:0".
        kind: What is done there, one of `KINDS`.
        on_wait: Told again and again who is waited for, as a sentence.
        is_unwanted: Asked meanwhile; waiting ends without the device when it says so.
        shared_name: What all programs of this machine call the device, which may number cards differently; None where
            that is its own name.

    Yields:
        None; or why others are not kept off the device, as a sentence: the work may go on all the same.
    """
    path = lock_path(shared_name or device)
    descriptor, problem = None, None
    try:
        descriptor = _acquired(path, device, on_wait, is_unwanted)
        if descriptor is not None:
            _sign(descriptor, kind)
    except OSError as error:
        problem = (
            f"Other programs that measure on {device} are not waited for: {path.name} in /tmp, or where {VARIABLE} "
            f"says, can't be locked ({error.strerror or error}). Delete it, or let {VARIABLE} name another folder."
        )
    try:
        yield problem
    finally:
        if descriptor is not None:
            os.close(descriptor)


def lock_path(shared_name: str) -> Path:
    """The file of a device, by what all programs call it."""
    name = re.sub(r"[^\w-]", "-", shared_name)
    return Path(os.environ.get(VARIABLE) or "/tmp") / f"hrformer-explorer-{name}.lock"


def _acquired(path: Path, device: str, on_wait: Callable[[str], None], is_unwanted: Callable[[], bool]) -> int | None:
    """The locked file; None once it is not wanted any more."""
    while not is_unwanted():
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                return descriptor
        except BlockingIOError:
            on_wait(f"Waiting for {device}: {_holder(descriptor)} on this machine.")
            time.sleep(_POLL_S)
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
    return None


def _opened(path: Path) -> int:
    """The file, made where there is none; a link, a pipe and what has a second name are none of ours.

    Raises:
        OSError: If it can't be used.
    """
    try:
        descriptor = _open(path, os.O_RDWR)
    except FileNotFoundError:
        descriptor = _created(path)
    except PermissionError:  # of another user; to read is enough to lock
        descriptor = _open(path, os.O_RDONLY)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise OSError("it is no plain file")
    return descriptor


def _created(path: Path) -> int:
    try:
        descriptor = _open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    except FileExistsError:  # another was faster
        return _open(path, os.O_RDWR)
    os.fchmod(descriptor, _EVERYBODYS)  # whatever the umask takes away
    return descriptor


def _open(path: Path, flags: int) -> int:
    return os.open(path, flags | _FOLLOW_AND_WAIT_FOR_NOTHING, _EVERYBODYS)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether a locked file is the one that others would open."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:  # deleted before it was locked
        return False


def _sign(descriptor: int, kind: str) -> None:
    """Say in a locked file who holds it."""
    signed = json.dumps({"pid": os.getpid(), "kind": kind, "since": time.time()}).encode()
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, signed, 0)
    except OSError:  # of another user who kept it, or on a full disk: it is locked none the less
        return


def _holder(descriptor: int) -> str:
    """Who holds a file; anybody may have written there, so that only a number, a time and a known word are taken."""
    try:
        told = json.loads(os.pread(descriptor, _MOST_BYTES, 0))
        pid, since = int(told["pid"]), clock_time(datetime.fromtimestamp(told["since"], UTC))
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return "another program measures there"
    kind = told["kind"] if told["kind"] in KINDS else "measurement"
    return f"process {pid} has it for a {kind} since {since}"
