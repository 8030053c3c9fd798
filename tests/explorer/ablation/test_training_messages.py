"""What a training process tells is read by its parent as it was sent."""

from __future__ import annotations

import pytest

from explorer.ablation.training_messages import TRAINING_WORKER, StepDone, Trained
from explorer.processes.messages import Message
from tests.explorer.ablation.tiny import example_training


@pytest.mark.parametrize(
    "message", [StepDone(3, 0.25, [{"step": 3, "loss": 0.5}]), Trained(example_training("3x3", 0))]
)
def test_a_message_is_read_as_it_was_sent(message: Message) -> None:
    assert TRAINING_WORKER.understood(message.to_line().encode()) == message
