"""What other processes do to a store in the tests: they start from a clean server process and import nothing twice."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from typing import Any

from explorer.records.store import Store, StoreError
from tests.explorer.records.examples import example_record

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])

_NOBODY = 65534


def start(target: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """Start a process; its target gets the sending end of a pipe first, and we the receiving one."""
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=target, args=(sender, *arguments))
    process.start()
    sender.close()
    return process, receiver


def received(receiver: Connection) -> list[Any]:
    """Everything that a process sent until it ended."""
    messages = []
    while True:
        try:
            messages.append(receiver.recv())
        except (EOFError, ConnectionResetError):
            return messages


def write_until_killed(sender: Connection, url: str) -> None:
    """Send each record's id once it is committed."""
    with Store(url) as store:
        while True:
            record = example_record()
            store.add(record)
            sender.send(record.record_id)


def write_some(sender: Connection, url: str, barrier: Barrier, count: int, shared_id: str) -> None:
    """Open a new store together with others, and write records; one of them is the same for all."""
    barrier.wait()
    with Store(url) as store:
        sender.send(("shared", store.add(example_record(record_id=shared_id))))
        for _ in range(count):
            record = example_record()
            store.add(record)
            sender.send(("own", record.record_id))


def try_read_only(sender: Connection, url: str) -> None:
    """Read and write a store without the right to write, and send what came of it."""
    if os.geteuid() == 0:
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    try:
        with Store(url) as store:
            sender.send(sorted(store.query()["record_id"]))
            for write in (
                store.check_writable,
                lambda: store.add(example_record()),
                lambda: store.delete(store.distinct("record_id")),
            ):
                try:
                    sender.send(write())
                except StoreError as error:
                    sender.send(str(error))
            sender.send(store.count())
    except StoreError as error:
        sender.send(str(error))
