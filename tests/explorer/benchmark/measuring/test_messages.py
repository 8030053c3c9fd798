"""What the measuring process tells is read by its parent as it was sent."""

from __future__ import annotations

import pytest

from explorer.benchmark.measuring.messages import (
    ALONE_WORKER,
    DEVICE_WORKER,
    PROFILE_WORKER,
    TOGETHER_WORKER,
    Alone,
    DeviceState,
    Doing,
    Placed,
    Profiled,
    Recorded,
)
from explorer.benchmark.outcome import Place
from explorer.benchmark.plan import Job
from explorer.benchmark.profile import Profile, ProfileRow
from explorer.models.model_ref import model_by_name
from explorer.processes.messages import Message, MessageError, Worker
from explorer.records.figures import Figures
from tests.explorer.records.examples import example_record

PLACED = Placed(Place.here(Job(model=model_by_name("resnet10t"), img_size=(64, 64)), "Some card", "GPU-7"))
ALONE = Alone(8, Figures({"peak_rss_mib": 90.5}, {"compile_time_s": "runs eager"}))
ROWS = (ProfileRow("stem", None, "stem", "convolution", 1.5, 60), ProfileRow("stage 2", 1, "FFN", "linear", 0.0, 3))
PROFILED = Profiled(Profile("by hand", 2, (64, 96), 9.25, ROWS))
RECORDED = Recorded(2, example_record())


@pytest.mark.parametrize(
    ("worker", "message"),
    [
        (ALONE_WORKER, PLACED),
        (ALONE_WORKER, Doing(0, "building", 0.1)),
        (ALONE_WORKER, ALONE),
        (TOGETHER_WORKER, PLACED),
        (TOGETHER_WORKER, Doing(1, "measuring", 0.75, 30, 2.5)),
        (TOGETHER_WORKER, RECORDED),
        (PROFILE_WORKER, PLACED),
        (PROFILE_WORKER, PROFILED),
        (DEVICE_WORKER, DeviceState(3000.0, "GPU-7")),
        (DEVICE_WORKER, DeviceState(None, None)),
    ],
)
def test_a_message_is_read_as_it_was_sent(worker: Worker[Message], message: Message) -> None:
    assert worker.understood(message.to_line().encode()) == message


@pytest.mark.parametrize(
    ("worker", "message"),
    [(ALONE_WORKER, RECORDED), (TOGETHER_WORKER, ALONE), (PROFILE_WORKER, ALONE), (DEVICE_WORKER, PLACED)],
)
def test_what_belongs_to_another_pass_is_an_error(worker: Worker[Message], message: Message) -> None:
    with pytest.raises(MessageError, match=f"unknown type: '{type(message).__name__}'"):
        worker.understood(message.to_line().encode())
