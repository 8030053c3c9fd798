"""Servers that take a connection and then say nothing, as one behind a broken network or a stuck proxy."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_SSL_REQUEST = 80877103
_AUTHENTICATED = struct.pack("!cii", b"R", 8, 0)
_READY = struct.pack("!cic", b"Z", 5, b"I")


def say_nothing(connection: socket.socket) -> None:
    """Take everything, answer nothing."""
    while connection.recv(4096):
        pass


def greet_and_say_nothing(connection: socket.socket) -> None:
    """Go through PostgreSQL's handshake, and answer nothing that comes after it."""
    while _startup_code(connection) == _SSL_REQUEST:
        connection.sendall(b"N")
    connection.sendall(_AUTHENTICATED + _READY)
    say_nothing(connection)


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run such a server on a free port; gives the URL of a store on it, with a password."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, answer), daemon=True).start()
        yield f"postgresql://someone:pa55word@127.0.0.1:{server.getsockname()[1]}/records"


def _accept(server: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    with suppress(OSError):  # the server is closed
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_answer, args=(connection, answer), daemon=True).start()


def _answer(connection: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    with connection, suppress(OSError):
        answer(connection)


def _startup_code(connection: socket.socket) -> int:
    length, code = struct.unpack("!ii", connection.recv(8, socket.MSG_WAITALL))
    connection.recv(length - 8, socket.MSG_WAITALL)
    return int(code)
