"""A PostgreSQL server of the tests' own, that can be killed and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

_SERVER_USER = "postgres"
_LAST_CHILD_S = 0.2


def server_binaries() -> Path | None:
    """Debian keeps them out of PATH, one folder a version; None where there are none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).parent)
    return max(found, key=lambda path: path.parent.name, default=None)


class Server:
    """A running server on a Unix socket, whose `folder` it is.

    Args:
        binaries: Where PostgreSQL's programs are.
        fsync: Whether commits are flushed to the disk, as in use; off is faster.
    """

    def __init__(self, binaries: Path, *, fsync: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
        self._binaries = binaries
        self._data = self.folder / "data"
        self._options = (
            f"-c listen_addresses= -c unix_socket_directories={self.folder}{'' if fsync else ' -c fsync=off'}"
        )
        if os.geteuid() == 0:
            user = pwd.getpwnam(_SERVER_USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        try:
            initdb = ("-U", _SERVER_USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-n")
            self._run("initdb", "-D", str(self._data), *initdb)
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def start(self) -> None:
        """Start it, and wait until it takes connections; after a crash it first recovers."""
        log = self.folder / "log"
        try:
            self._run("pg_ctl", "-D", str(self._data), "-l", str(log), "-w", "-s", "-o", self._options, "start")
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-1000:]}") from error

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the server and all of its processes meanwhile: their sockets still take what is sent."""
        processes = self._processes()
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def kill(self) -> None:
        """Kill the server and all of its processes at once, as the kernel does when memory runs out."""
        processes = self._processes()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        # A process that the server began in between ends by itself once it finds the server gone; it may hold memory
        # that keeps the next server from starting until then.
        psutil.wait_procs(processes, timeout=10)
        time.sleep(_LAST_CHILD_S)

    def stop(self) -> None:
        """Stop it, if it runs, and delete what it holds."""
        try:
            self.kill()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def new_schema(self) -> str:
        """The URL of a store that has no tables yet."""
        name = f"records_{uuid.uuid4().hex}"
        with psycopg.connect(
            host=str(self.folder), user=_SERVER_USER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"postgresql://{_SERVER_USER}@/postgres?host={self.folder}&options=-csearch_path%3D{name}"

    def _processes(self) -> list[psutil.Process]:
        server = psutil.Process(int((self._data / "postmaster.pid").read_text().split()[0]))
        return [server, *server.children()]

    def _run(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        as_user = ["runuser", "-u", _SERVER_USER, "--"] if os.geteuid() == 0 else []
        command = [*as_user, str(self._binaries / program), *arguments]
        subprocess.run(command, cwd=self.folder, check=True, timeout=60, stdout=subprocess.DEVNULL)
