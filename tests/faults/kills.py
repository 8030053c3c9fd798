"""Kills what writes records, at any moment, and counts committed records that are gone afterwards."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from explorer.records.store import Store
from tests.explorer.records.postgresql import Server
from tests.explorer.records.processes import CONTEXT, received, start
from tests.faults import writers

CONTEXT.set_forkserver_preload(["tests.explorer.records.processes", "tests.faults.writers"])

_START_TIMEOUT_S = 120
#: A victim lives at most so long once it has written its first record, in seconds.
_LIFETIME_S = 0.15


@dataclass
class Tally:
    """What came of some kills.

    Attributes:
        what: What was killed.
        kills: How often.
        committed: Records whose commit was acknowledged.
        lost: Those of them that are gone.
        damaged: Records that are there without their samples, or not whole.
    """

    what: str
    kills: int
    committed: int
    lost: int
    damaged: int

    def __str__(self) -> str:
        return (
            f"{self.what:<28} {self.kills:>4} kills, {self.committed:>6} records committed, lost {self.lost}, "
            f"damaged {self.damaged}"
        )


def kill_writer(what: str, writer: Callable[..., None], url: str, kills: int, *, bystanders: int = 0) -> Tally:
    """Start and kill a writer again and again, while others, which are left alone, write into the same store.

    Every fourth is killed while it starts and opens the store, the others while they write.
    """
    moments = random.Random(0)
    others = [start(writer, url) for _ in range(bystanders)]
    committed: list[str] = []
    for kill in range(kills):
        process, receiver = start(writer, url)
        if kill % 4 and not receiver.poll(timeout=_START_TIMEOUT_S):
            raise TimeoutError(f"{what} does not write")
        time.sleep(moments.uniform(0, _LIFETIME_S))
        committed += _killed(process, receiver)
    for process, receiver in others:
        committed += _killed(process, receiver)
    return tally(what, url, kills, committed)


def kill_server(server: Server, url: str, kills: int) -> Tally:
    """Kill the database's server again and again under a writer, which goes on when it is back."""
    moments = random.Random(0)
    process, receiver = start(writers.plain, url)
    committed: list[str] = []
    for _ in range(kills):
        _wait_for_record(receiver, committed)
        time.sleep(moments.uniform(0, _LIFETIME_S))
        server.kill()
        server.start()
    _wait_for_record(receiver, committed)
    committed += _killed(process, receiver)
    return tally("PostgreSQL server", url, kills, committed)


def tally(what: str, url: str, kills: int, committed: list[str]) -> Tally:
    """Compare what was acknowledged with what is there."""
    with Store(url) as store:
        stored = {record.record_id: record for record in store.records()}
    lost = sum(record_id not in stored for record_id in committed)
    damaged = sum(len(record.samples_ms) != record.samples_count for record in stored.values())
    return Tally(what, kills, len(committed), lost, damaged)


def _killed(process: BaseProcess, receiver: Connection) -> list[Any]:
    process.kill()
    messages = received(receiver)
    process.join()
    return messages


def _wait_for_record(receiver: Connection, committed: list[str]) -> None:
    """Take in what was acknowledged so far, and one record more: the writer is at work."""
    while receiver.poll():
        committed.append(receiver.recv())
    if not receiver.poll(timeout=_START_TIMEOUT_S):
        raise TimeoutError("the writer does not go on")
    committed.append(receiver.recv())
