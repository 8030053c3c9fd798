"""Messages between a worker process and its parent: read as they were sent, or refused with one sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from explorer.processes.messages import Failed, Message, MessageError, Worker


@dataclass(frozen=True)
class Counted(Message):
    number: int
    names: list[str]


WORKER = Worker("tests.no_module", "counting", (Counted,))


@pytest.mark.parametrize("message", [Counted(3, ["a\nb", "ü"]), Failed("no more", out_of_memory=True)])
def test_a_message_is_read_as_it_was_sent_in_one_line(message: Message) -> None:
    line = message.to_line()
    assert "\n" not in line
    assert WORKER.understood(line.encode()) == message


def test_a_type_that_the_parent_does_not_know_is_said_by_its_name() -> None:
    with pytest.raises(MessageError, match=r"^the counting process sent a message of an unknown type: 'Rumour'$"):
        WORKER.understood(json.dumps({"message": "Rumour", "number": 3}).encode())


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        "3",
        "{}",
        json.dumps({"number": 3, "names": []}),
        json.dumps({"message": "Counted", "number": 3}),
        json.dumps({"message": "Counted", "number": 3, "names": [], "more": 0}),
    ],
)
def test_what_is_no_message_is_refused(line: str) -> None:
    with pytest.raises(MessageError, match=r"^the counting process sent a message that can't be read$"):
        WORKER.understood(line.encode())


def test_a_type_without_a_name_is_unknown() -> None:
    with pytest.raises(MessageError, match=r"unknown type: \['Counted'\]"):
        WORKER.understood(json.dumps({"message": ["Counted"]}).encode())
