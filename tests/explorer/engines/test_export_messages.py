"""What an exporting process tells is read by its parent as it was sent."""

from __future__ import annotations

import pytest

from explorer.engines.export_messages import EXPORT_WORKER, Exported, StepBegun
from explorer.processes.messages import Message


@pytest.mark.parametrize("message", [StepBegun(1, 3), Exported("Wrote a.onnx: 3.0 MiB.")])
def test_a_message_is_read_as_it_was_sent(message: Message) -> None:
    assert EXPORT_WORKER.understood(message.to_line().encode()) == message
