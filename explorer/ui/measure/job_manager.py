"""One runner for all sessions of a server: who asked for what, who stopped it, and what can still be looked at."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakKeyDictionary

import streamlit as st

from explorer.ablation.checkpoints import checkpoint_folder
from explorer.ablation.recipe import TrainingPlan
from explorer.ablation.run import AblationRun
from explorer.benchmark.machine_load import MachineLoad
from explorer.benchmark.plan import Job, Plan
from explorer.benchmark.running.devices import available_mib
from explorer.benchmark.running.profile_run import ProfileRun
from explorer.benchmark.running.runner import Run, Runner
from explorer.processes.queued_work import QueuedWork
from explorer.records.record import Record
from explorer.records.store import Store, StoreError
from explorer.records.training_record import TrainingRecord
from explorer.sharing.memory_budget import memory_budget
from explorer.ui.measure.page_store import page_store
from explorer.ui.server_end import when_stopped

#: Ended runs that a reloaded page still finds; the oldest go first, their records stay in the store.
MAX_REMEMBERED = 64
_LOAD_POLL_S = 3.0
_STORE_CHECK_TTL_S = 15
_FREE_MEMORY_TTL_S = 15


class JobManager:
    """The queue of this server and what its pages need around it.

    Attributes:
        queue: All that is at work or waiting.
    """

    def __init__(self) -> None:
        self._runner = Runner(_store_record, lambda: memory_budget().at_work)
        self.queue = self._runner.queue
        self._profiles: list[ProfileRun] = []
        self._remembered: dict[str, Run] = {}
        self._ablation: AblationRun | None = None
        self._lock = threading.Lock()
        self._stopped_by: WeakKeyDictionary[QueuedWork, str] = WeakKeyDictionary()
        self._traces = tempfile.TemporaryDirectory(prefix="hrformer-traces-")
        when_stopped(self.end)

    def submit(self, plan: Plan, owner: str) -> Run:
        """Put a plan at the end of the queue.

        Raises:
            ValueError: As `Runner.submit`.
        """
        run = self._runner.submit(plan, owner)
        with self._lock:
            self._remembered[run.id] = run
            for old in [key for key, known in self._remembered.items() if known.wait(0)][:-MAX_REMEMBERED]:
                del self._remembered[old]
        return run

    def submit_profile(self, jobs: Sequence[Job], owner: str) -> ProfileRun:
        """Put profiles at the end of the queue; their traces go to a folder that ends with the server.

        Raises:
            ValueError: As `Runner.submit_profile`.
        """
        run = self._runner.submit_profile(jobs, Path(self._traces.name), owner)
        with self._lock:
            self._profiles = [known for known in (*self._profiles, run) if not known.wait(0)]
        return run

    @property
    def ablation(self) -> AblationRun | None:
        """The training of the ablation that was started last, by whomever."""
        return self._ablation

    def submit_ablation(self, plan: TrainingPlan, owner: str, *, resume: bool) -> AblationRun:
        """Put a training of the ablation at the end of the CPU's queue.

        Raises:
            ValueError: If one is at work or waiting, or the memory does not suffice.
            StoreError: If the store cannot take its results.
        """
        with self._lock:
            if self._ablation is not None and not self._ablation.wait(0):
                whose = self._ablation.owner
                raise ValueError(f"The ablation is being trained for {whose} already: stop it first, or wait for it.")
            with page_store() as store:
                store.check_writable()
                folder, known = checkpoint_folder(store.location), store.trainings()
            run = AblationRun(plan, folder, _store_training, owner=owner, resume=resume, known=known)
            self._ablation = run
        self.queue.submit(run)
        return run

    def end(self) -> None:
        """Cancel all that is at work or waiting, and wait until it has left its records."""
        self.queue.end()

    def find(self, run_id: str | None) -> Run | None:
        """A run by its id, such as the one that a link names."""
        return self._remembered.get(run_id or "")

    def profile_at_work(self, owner: str) -> ProfileRun | None:
        """The first of a visitor's profiles that has not ended."""
        return next((run for run in self._profiles if run.owner == owner and not run.wait(0)), None)

    def stop(self, run: QueuedWork, by: str) -> None:
        """Stop a run that has not ended.

        Args:
            run: At work or waiting.
            by: The visitor who stops it.
        """
        if not run.wait(0):
            self._stopped_by.setdefault(run, by)
            run.cancel()

    def stopped_by(self, run: QueuedWork) -> str | None:
        """The visitor who stopped a run; None where nobody did."""
        return self._stopped_by.get(run)


@st.cache_resource(show_spinner=False)
def job_manager() -> JobManager:
    """The one of this server process."""
    return JobManager()


@st.cache_data(ttl=_FREE_MEMORY_TTL_S, max_entries=32, show_spinner=False)
def free_mib(device: str) -> float | None:
    """Free memory of a device, MiB; kept a moment, because a card is asked from a process of its own."""
    return available_mib(device)


@st.cache_data(ttl=_STORE_CHECK_TTL_S, max_entries=1, show_spinner=False)
def record_destination() -> tuple[str, str | None]:
    """Where records go, and why they can't go there; None where they can."""
    try:
        with page_store(lock_timeout_s=1.0) as store:
            store.check_writable()
            return store.location, None
    except StoreError as error:
        return "", str(error)


@st.cache_data(ttl=_LOAD_POLL_S, max_entries=1, show_spinner=False)
def machine_load() -> MachineLoad:
    """How busy this machine is; looked at once for all sessions."""
    return MachineLoad.now()


@st.fragment(run_every=_LOAD_POLL_S)
def show_load() -> None:
    """How busy this machine is, in one sentence; nothing while it is busy with a run of this server."""
    if job_manager().queue.works():
        return
    load = machine_load()
    st.markdown(f":material/warning: **{load.sentence}**" if load.is_busy else f":material/speed: {load.sentence}")


def _store_record(record: Record) -> None:
    """A store opened for each record needs no closing at the server's end, and follows a store that has moved."""
    with Store() as store:
        store.add(record)


def _store_training(record: TrainingRecord) -> None:
    with Store() as store:
        store.add_training(record)
