"""A worker for tests: does as it is told, with messages that its parent knows and others."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from explorer.processes.child import Request, Send, serve
from explorer.processes.messages import Message, Worker


@dataclass(frozen=True)
class Number(Message):
    number: int


@dataclass(frozen=True)
class Rumour(Message):
    """Of another version than the parent's."""


COUNTING_WORKER = Worker("tests.explorer.processes.counting_worker", "counting", (Number,))


def run(request: Request, send: Send) -> None:
    for number in range(request.get("count", 0)):
        print("said by a library", number)
        send(Number(number))
    match request.get("then"):
        case "spread a rumour":
            send(Rumour())
            send(Number(-1))
            time.sleep(600)
        case "raise":
            raise LookupError("nothing at /srv/data/names.txt")
        case "exit":
            os._exit(3)
        case "sleep":
            time.sleep(600)


if __name__ == "__main__":
    serve(run)
