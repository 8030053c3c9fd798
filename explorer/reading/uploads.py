"""The app's end of reading a user's file: it hands the file over and takes plain data back, whatever the file is."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

import numpy as np

from explorer.pictures.photographs import MAX_SIDE, DecodedPicture
from explorer.reading.csv_rows import MAX_ROWS
from explorer.reading.kinds import CHECKPOINT, PICTURE, PLAN, TABLE
from explorer.reading.limits import WALL_S, not_kept
from explorer.reading.weight_places import take_over
from hrformer.checkpoint import SAFETENSORS, StoredWeights
from hrformer.collection import uncollected

_SIDES = frozenset(range(1, MAX_SIDE + 1))
_MAX_NOTE = 300
_PIECE_BYTES = 64 * 1024
#: Where the tensors of HRFormer-B lie takes 200 KB.
_MAX_ANSWER_BYTES = 16 * 2**20
#: A reader ends itself after `WALL_S`; what is left after this has lost its keeper.
_PATIENCE_S = WALL_S + 10
#: Threads of numerical libraries do not outlive a fork.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_BROKEN = "The file could not be read, because the process that reads files ended: try again."


def picture_from_upload(contents: bytes) -> DecodedPicture:
    """Decode an uploaded picture in a process of its own.

    Args:
        contents: The file.

    Returns:
        As `explorer.pictures.photographs.read_picture`.

    Raises:
        ValueError: As `explorer.pictures.photographs.read_picture`, or if reading it took too much; one sentence.
    """
    with _kept(contents, "picture") as file, _read(PICTURE, file) as (answer, path):
        return _believable(answer, path)


def _believable(answer: dict[str, Any], path: Path) -> DecodedPicture:
    """The picture that a reader handed back; a file may have taken it over, so what it says is checked."""
    match answer:
        case {"shape": [int(height), int(width), 3], "note": str(note)} if {height, width} <= _SIDES:
            pixels = np.fromfile(path, np.uint8, count=height * width * 3)
            if pixels.size == height * width * 3:
                return DecodedPicture(pixels.reshape(height, width, 3), note[:_MAX_NOTE])
    raise ValueError(_BROKEN)


def weights_from_upload(contents: bytes, name: str, part: str | None = None) -> StoredWeights:
    """Read an uploaded checkpoint in a process of its own.

    Args:
        contents: The file.
        name: Its name; the ending tells the format.
        part: As `weights_from_file`.

    Returns:
        As `weights_from_file`.

    Raises:
        ValueError: As `weights_from_file`.
    """
    with _kept(contents, _safe_name(name)) as file:
        return weights_from_file(file, part)


@uncollected()
def weights_from_file(path: Path, part: str | None = None) -> StoredWeights:
    """Read a checkpoint in a process of its own.

    Args:
        path: The file.
        part: Which of its sets of weights, as `hrformer.load_checkpoint` names them.

    Returns:
        Its weights, which lie in a mapped file and not in this process's memory, and what the file tells of them.

    Raises:
        ValueError: If the file is damaged, holds no weights or no such set, or took too much to read; one sentence.
        FileNotFoundError: If there is no such file.
    """
    path.stat()
    with _read(CHECKPOINT, path, part) as (said, answer):
        try:
            return StoredWeights.described(take_over(said["places"], path, answer), said["told"])
        except (ValueError, TypeError, LookupError, OSError):
            raise ValueError(_BROKEN) from None


@dataclass(frozen=True)
class ReadTable:
    """A table that was read; its rows are taken one by one from where they lie.

    Attributes:
        header: The first row's cells.
        delimiter: What separated the cells.
        count: How many rows there are.
        lines: Where they lie, each as JSON.
    """

    header: Sequence[str]
    delimiter: str
    count: int
    lines: TextIO

    def __iter__(self) -> Iterator[tuple[int, Sequence[str]]]:
        for line in self.lines:
            yield _believable_row(line, len(self.header))


@contextmanager
def table_from_upload(contents: bytes) -> Iterator[ReadTable]:
    """Read an uploaded CSV file in a process of its own; its rows are there within the context.

    Args:
        contents: The file.

    Raises:
        ValueError: If it is no CSV, or beyond the limits of `explorer.reading.csv_rows`; one sentence.
    """
    with _kept(contents, "table") as file, _read(TABLE, file) as (answer, path), path.open(encoding="utf-8") as lines:
        match answer:
            case {"delimiter": str(delimiter), "lines": int(count)} if 0 < count <= MAX_ROWS + 1:
                _, header = _believable_row(lines.readline(), None)
                yield ReadTable(header, delimiter, count - 1, lines)
            case _:
                raise ValueError(_BROKEN)


def _believable_row(line: str, cells: int | None) -> tuple[int, Sequence[str]]:
    match _value_of(line):
        case [int(number), list(row)] if all(isinstance(cell, str) for cell in row) and cells in (None, len(row)):
            return number, row
    raise ValueError(_BROKEN)


def plan_values_from_upload(contents: bytes) -> Any:
    """Read an uploaded plan in a process of its own.

    Args:
        contents: The YAML file.

    Returns:
        Its values, for `Plan.from_dict`.

    Raises:
        ValueError: As `explorer.reading.plan_text.read_plan_text`, or if reading it took too much; one sentence.
    """
    with _kept(contents, "plan") as file, _read(PLAN, file) as (_, answer):
        return _value_of(answer.read_text(encoding="utf-8"))


def _value_of(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(_BROKEN) from None


@contextmanager
def _kept(contents: bytes, name: str) -> Iterator[Path]:
    """The contents as a file, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hrformer-upload-") as folder:
        path = Path(folder, name)
        try:
            path.write_bytes(contents)
        except OSError as error:
            raise ValueError(not_kept(error)) from error
        yield path


@contextmanager
def _read(kind: str, path: Path, part: str | None = None) -> Iterator[tuple[dict[str, Any], Path]]:
    """What the reader said, and the file that it wrote, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hrformer-reading-") as folder:
        answer = Path(folder, f"answer{SAFETENSORS}")
        request = {"kind": kind, "path": str(path.absolute()), "answer": str(answer), "part": part}
        message = reading_server().ask(request)
        if "read" not in message:
            raise ValueError(message.get("refused", _BROKEN))
        yield message["read"], answer


def _safe_name(name: str) -> str:
    """A file name that every file system takes and that stays in its folder; the ending is kept."""
    return "checkpoint" if not (kept := re.sub(r"[^\w.-]", "_", Path(name).name)[-60:].lstrip(".")) else kept


class ReadingServer:
    """The process that readers are forked from: started once, and again where it ended."""

    def __init__(self) -> None:
        self._starting = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self) -> socket.socket:
        """Start it where it does not run; returns at once, while it imports what readers need.

        Returns:
            This end of its control socket.
        """
        with self._starting:
            if self._control is None or self._process is None or self._process.poll() is not None:
                ours, theirs = socket.socketpair()
                with theirs:
                    self._process = subprocess.Popen(
                        [sys.executable, "-m", "explorer.reading.server", str(theirs.fileno())],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        env={**os.environ, **_ONE_THREAD},
                        pass_fds=(theirs.fileno(),),
                        start_new_session=True,  # Ctrl+C is the app's; this process ends with the app's socket
                    )
                self._control = ours
            return self._control

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Have one file read.

        Returns:
            {"read": …} or {"refused": a sentence}; empty where the reader was lost.
        """
        ours, theirs = socket.socketpair()
        with ours:
            try:
                with theirs:
                    socket.send_fds(self.start(), [b"\0"], [theirs.fileno()])
                ours.settimeout(_PATIENCE_S)
                ours.sendall(json.dumps(request).encode())
                message = json.loads(_first_line(ours))
            except (OSError, ValueError, RecursionError):
                return {}
        return message if isinstance(message, dict) else {}


def _first_line(line: socket.socket) -> bytes:
    received = bytearray()
    while len(received) < _MAX_ANSWER_BYTES and (piece := line.recv(_PIECE_BYTES)):
        received += piece
        if b"\n" in piece:
            break
    return bytes(received.partition(b"\n")[0])


@cache
def reading_server() -> ReadingServer:
    """The one of this process."""
    return ReadingServer()
