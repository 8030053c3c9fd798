"""Kill what writes records, 200 times: `python -m tests.faults`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.explorer.records.postgresql import Server, server_binaries
from tests.faults import writers
from tests.faults.kills import Tally, kill_server, kill_writer


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    quarter = parser.parse_args().kills // 4
    start = time.monotonic()
    tallies = []
    with tempfile.TemporaryDirectory() as folder:
        for name, writer, bystanders in (
            ("benchmark, SQLite", writers.benchmark, 0),
            ("app beside another, SQLite", writers.app, 1),
            ("writer, SQLite", writers.plain, 0),
        ):
            url = f"sqlite:///{Path(folder) / writer.__name__}.sqlite"
            tallies.append(_shown(kill_writer(name, writer, url, quarter, bystanders=bystanders)))
        binaries = server_binaries()
        if binaries is None:
            print("PostgreSQL's server is not installed (Debian: postgresql): left out")
        else:
            server = Server(binaries, fsync=True)
            try:
                tallies.append(_shown(kill_server(server, server.new_schema(), quarter)))
            finally:
                server.stop()
    kills, committed, lost = (sum(getattr(tally, name) for tally in tallies) for name in ("kills", "committed", "lost"))
    print(f"{kills} kills in {time.monotonic() - start:.0f} s: {committed} records committed, {lost} lost")
    return 1 if lost or any(tally.damaged for tally in tallies) else 0


def _shown(tally: Tally) -> Tally:
    print(tally, flush=True)
    return tally


if __name__ == "__main__":
    sys.exit(main())
