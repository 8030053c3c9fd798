"""A web server on the loopback interface that sends one file, and misbehaves as it is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from hrformer.download import RemoteFile

NAME = "small-of-a-test.pth"
PIECE = 1000


class Request(BaseHTTPRequestHandler):
    """One request to a `FileServer`."""

    protocol_version = "HTTP/1.1"
    server: FileServer

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, self.headers.get("Range")))
        answer = self.server.answers.pop(0) if self.server.answers else whole
        answer(self, self.server.contents)
        self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 - the name is http.server's

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def start(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


Answer = Callable[[Request, bytes], None]


class FileServer(ThreadingHTTPServer):
    """Sends its contents, in parts where it is asked to.

    Attributes:
        contents: What it has.
        answers: How it answers the next requests; afterwards as it should.
        asked: Method, path and range of all requests.
        gate: What answers wait for.
    """

    daemon_threads = True

    def __init__(self, contents: bytes, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Request)
        self.contents = contents
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, str | None]] = []
        self.gate = Event()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def file(self) -> RemoteFile:
        return RemoteFile(f"http://{self.host}/folder/{NAME}", hashlib.sha256(self.contents).hexdigest()[:8])

    @property
    def ranges(self) -> list[str | None]:
        """What was asked for of the file."""
        return [part for _, _, part in self.asked]


@contextmanager
def serving(contents: bytes) -> Iterator[FileServer]:
    server = FileServer(contents)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        server.server_close()


def whole(request: Request, contents: bytes) -> None:
    """As RFC 9110 has it, for ranges with a beginning alone."""
    wanted = request.headers.get("Range")
    start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
    if wanted and start >= len(contents):
        request.start(416, Content_Range=f"bytes */{len(contents)}", Content_Length=0)
        return
    span = {"Content_Range": f"bytes {start}-{len(contents) - 1}/{len(contents)}"} if wanted else {}
    request.start(206 if wanted else 200, Content_Length=len(contents) - start, **span)
    if request.command == "GET":
        request.wfile.write(contents[start:])


def without_ranges(request: Request, contents: bytes) -> None:
    request.start(200, Content_Length=len(contents))
    request.wfile.write(contents)


def wrong_range(request: Request, contents: bytes) -> None:
    request.start(206, Content_Range=f"bytes 0-{len(contents) - 1}/{len(contents)}", Content_Length=len(contents))
    request.wfile.write(contents)


def chunked(request: Request, contents: bytes) -> None:
    request.start(200, Transfer_Encoding="chunked")
    request.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(contents), contents))


def chunked_cut(request: Request, contents: bytes) -> None:
    request.start(200, Transfer_Encoding="chunked")
    request.wfile.write(b"%x\r\n%s" % (len(contents), contents[:PIECE]))


def cut_after(count: int) -> Answer:
    """Tells the length of all, and ends the connection after so many bytes."""

    def answer(request: Request, contents: bytes) -> None:
        request.start(200, Content_Length=len(contents))
        request.wfile.write(contents[:count])

    return answer


def gated_after(count: int) -> Answer:
    """Sends so many bytes, and the rest when the gate opens."""

    def answer(request: Request, contents: bytes) -> None:
        request.start(200, Content_Length=len(contents))
        request.wfile.write(contents[:count])
        request.wfile.flush()
        request.server.gate.wait(60)
        request.wfile.write(contents[count:])

    return answer


def silent(request: Request, contents: bytes) -> None:
    """Takes the question and says nothing."""
    request.server.gate.wait(60)


def sends(contents: bytes) -> Answer:
    """Another file."""

    def answer(request: Request, _: bytes) -> None:
        without_ranges(request, contents)

    return answer


def claims(length: object) -> Answer:
    """The file with another length told."""

    def answer(request: Request, contents: bytes) -> None:
        request.start(200, Content_Length=length)
        request.wfile.write(contents)

    return answer


def refuses(code: int, **headers: object) -> Answer:
    def answer(request: Request, contents: bytes) -> None:
        request.start(code, Content_Length=0, **headers)

    return answer


def babbles(request: Request, contents: bytes) -> None:
    """No HTTP."""
    request.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
