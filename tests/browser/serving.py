"""A real server for the browser tests, the bench and the screenshots."""

import base64
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def running_app() -> Iterator[str]:
    """Start the app on a free port; gives its address, and stops it at the end."""
    with running_server({}) as (address, _):
        yield address


@contextmanager
def running_server(
    environment: Mapping[str, str], script: str | Path = "streamlit_app.py", run: Sequence[str] = ("streamlit", "run")
) -> Iterator[tuple[str, int]]:
    """As `running_app`, with some environment variables, or of another script; gives address and process id."""
    port = free_port()
    command = [sys.executable, "-m", *run, str(script), "--server.headless=true"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*command, f"--server.port={port}"], cwd=ROOT, stdout=log, stderr=log, env=os.environ | environment
        )
        address = f"http://localhost:{port}"
        try:
            if not _becomes_healthy(address, process):
                log.seek(0)
                raise RuntimeError(f"the app did not start: {log.read()}")
            yield address, process.pid
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:  # it first ends what its users still compute
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def status_of_a_session(server: str, host: str, origin: str | None) -> int:
    """What the server answers to a browser that opens a session, from a page at `origin`, under the name `host`."""
    key = base64.b64encode(bytes(16)).decode()
    headers = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": key} | ({} if origin is None else {"Origin": origin})
    connection = http.client.HTTPConnection(server, timeout=20)
    try:
        connection.request("GET", "/_stcore/stream", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _becomes_healthy(address: str, process: subprocess.Popen[str]) -> bool:
    for _ in range(1500):
        if process.poll() is not None:
            return False
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
        except OSError:
            time.sleep(0.04)
        else:
            return True
    return False
