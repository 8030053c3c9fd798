"""What writes while it is killed: the command line's benchmark, the app's queue, and a plain writer of the store.

Only measuring is left out, which takes seconds and writes nothing: each job yields an example record at once. All the
rest is what the program does, from the runner's thread to the commit. A record's id is sent once it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from multiprocessing.connection import Connection
from unittest.mock import patch

from explorer.benchmark.outcome import Measured
from explorer.benchmark.plan import Group, Plan
from explorer.benchmark.running.runner import Run, Runner
from explorer.command_line.keeping import RecordKeeper
from explorer.places import URL_VARIABLE
from explorer.records.record import Record
from explorer.records.store import Store, StoreError
from explorer.ui.measure import job_manager
from tests.explorer.benchmark.examples import TINY
from tests.explorer.records.examples import example_record

_JOBS = 100
Save = Callable[[Record], None]


class InstantMeasurement:
    """Stands in for `GroupMeasurement`."""

    worker_pids = ()

    def __init__(self, group: Group, *_: object) -> None:
        """Takes what a measurement takes."""
        self._job = group[0]

    def cancel(self) -> None:
        """Nothing takes long enough."""

    def measure(self) -> Iterator[Measured]:
        for _ in range(_JOBS):
            yield Measured(self._job, example_record())


def benchmark(sender: Connection, url: str) -> None:
    """The runner and the keeper of `python -m explorer bench`."""
    with Store(url) as store:
        keeper = RecordKeeper(store, (), "unused.csv")

        def save(record: Record) -> None:
            keeper.keep(record)
            if keeper.problem() is None:
                sender.send(record.record_id)

        _run_for_ever(lambda plan: Runner(save).submit(plan))


def app(sender: Connection, url: str) -> None:
    """The queue of the app's Benchmark page, which opens the store for each record."""
    os.environ[URL_VARIABLE] = url
    store_record = job_manager._store_record

    def save(record: Record) -> None:
        store_record(record)
        sender.send(record.record_id)

    with patch.object(job_manager, "_store_record", save):
        manager = job_manager.JobManager()
    _run_for_ever(lambda plan: manager.submit(plan, "visitor 1"))


def plain(sender: Connection, url: str) -> None:
    """One record after the other, through one open store; goes on when the database comes back."""
    store: Store | None = None
    while True:
        record = example_record()
        try:
            store = store or Store(url, lock_timeout_s=5)
            store.add(record)
        except StoreError:
            continue  # not committed, as far as the writer knows
        sender.send(record.record_id)


def _run_for_ever(submit: Callable[[Plan], Run]) -> None:
    plan = Plan(models=(TINY,), threads=(1,))
    with (
        patch("explorer.benchmark.running.runner.GroupMeasurement", InstantMeasurement),
        patch("explorer.processes.neighbours.busy_groups", lambda own: ()),  # none is of interest between two writes
        patch(
            "explorer.processes.device_queue.device_lock", lambda *_: nullcontext()
        ),  # as if each had a device of its own
    ):
        while True:
            submit(plan).wait()
