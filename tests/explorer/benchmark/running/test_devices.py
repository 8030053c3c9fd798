"""What devices say of themselves, with scripted processes that stand for those which open a card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from explorer.benchmark.measuring.messages import DeviceState
from explorer.benchmark.running import devices
from explorer.benchmark.running.devices import available_mib, shared_name
from explorer.processes.messages import Failed, Message


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Message]]:
    """What each card answers."""
    answers: dict[str, Message] = {}

    class Asked:
        def __init__(self, worker: object, request: dict[str, Any], variables: object) -> None:
            self._device = request["device"]

        def messages(self) -> Iterator[Message]:
            yield answers[self._device]

        def close(self) -> str:
            return "it has ended"

    monkeypatch.setattr(devices, "WorkerProcess", Asked)
    shared_name.cache_clear()
    yield answers
    shared_name.cache_clear()


def test_a_card_is_asked_for_its_memory_and_its_uuid(cards: dict[str, Message]) -> None:
    cards["cuda:1"] = DeviceState(3000.0, "GPU-7")
    assert available_mib("cuda:1") == 3000.0
    assert shared_name("cuda:1") == "cuda-GPU-7"


def test_a_card_that_cannot_be_opened_says_nothing_and_keeps_its_name(cards: dict[str, Message]) -> None:
    cards["cuda:1"] = Failed("RuntimeError: no such card")
    assert available_mib("cuda:1") is None
    assert shared_name("cuda:1") == "cuda:1"


def test_where_no_process_can_be_started_a_card_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(devices, "WorkerProcess", refuse)
    shared_name.cache_clear()
    assert shared_name("cuda:0") == "cuda:0"
    shared_name.cache_clear()


def test_the_cpu_is_asked_without_a_process(cards: dict[str, Message]) -> None:
    assert shared_name("cpu") == "cpu"
    assert available_mib("cpu") != 0
