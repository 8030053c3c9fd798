"""The queue of all sessions, and who stops what in it: a run's owner at once, others once they know whose it is."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.ablation.run import AblationRun
from explorer.benchmark.running.profile_run import ProfileRun
from explorer.benchmark.running.runner import Run
from explorer.processes.queued_work import QueuedWork
from explorer.ui.measure.job_manager import devices_of, job_manager
from explorer.ui.panels import show_table, verbatim
from explorer.ui.visitors import visitor
from explorer.units import clock_time, counted

_POLL_S = 2.0
#: The control that asks now whether to stop another visitor's run, and the run.
_ASKING = "asking_to_stop"


@st.fragment(run_every=_POLL_S)
def show_queue(watched: QueuedWork | None) -> None:
    """All runs at work or waiting, of every session, each with its Stop.

    Args:
        watched: What the page has a Stop for elsewhere.
    """
    table = queue_table(visitor())
    if table.empty:
        st.caption("Queue: nothing is being measured or waiting on this server.")
        return
    st.markdown(
        "**Queue of this server**", help="One run per device at a time, first come first served, whoever asked for it."
    )
    show_table(table)
    for run in job_manager().runner.queue():
        if run is not watched:
            line, button = st.columns([5, 1], vertical_alignment="center")
            line.caption(f"{whose(run)}: {verbatim(_describe(run))}")
            stop_control(run, button, f"stop_queued_{run.id}")


def queue_table(me: str) -> pd.DataFrame:
    """The queue as a table with the columns position, who, what, device, state."""
    manager = job_manager()
    rows = [
        {
            "position": position,
            "who": f"you ({me})" if run.owner == me else run.owner,
            "what": _describe(run),
            "device": ", ".join(devices_of(run)),
            "state": _state(run, len(manager.ahead_of(run))),
        }
        for position, run in enumerate(manager.runner.queue(), start=1)
    ]
    return pd.DataFrame(rows)


def stop_control(run: QueuedWork, button: DeltaGenerator, key: str, label: str = "Stop") -> None:
    """What stops a run: for its owner a button, for others one that first asks, under it, and names whose run it is.

    Args:
        run: At work or waiting.
        button: Where the button goes.
        key: Of the button.
        label: What it says to the owner.
    """
    me, manager, asking = visitor(), job_manager(), (key, run.id)
    if run.owner == me:
        button.button(label, key=key, icon=":material/stop:", on_click=manager.stop, args=(run, me))
        return
    button.button("Stop anyway", key=f"{key}_anyway", icon=":material/stop:", on_click=_ask, args=(asking,))
    if st.session_state.get(_ASKING) != asking:
        return
    st.warning(f"{whose(run)}: {verbatim(_describe(run))}. {kept(run)} Stop it anyway?", icon=":material/person_alert:")
    with st.container(horizontal=True):
        st.button(f"Stop {run.owner}'s {run.kind}", key=f"{key}_confirmed", on_click=manager.stop, args=(run, me))
        st.button("Let it go on", key=f"{key}_spared", on_click=_ask, args=(None,))


def whose(run: QueuedWork) -> str:
    """Such as "visitor 2's profile, asked for at 10:31 UTC"."""
    owner = "Your" if run.owner == visitor() else f"{run.owner}'s"
    return f"{owner} {run.kind}, asked for at {clock_time(run.asked_at)}"


def waiting_text(run: QueuedWork) -> str:
    """What a run that has not begun waits for."""
    ahead = len(job_manager().ahead_of(run))
    if ahead:
        return f"Waiting for {counted(ahead, 'run')} before this one"
    return "Waiting for another program" if run.note else "Starting"


def tell_note(run: QueuedWork) -> None:
    """What a run has to say of other programs on this machine, if anything."""
    if run.note:
        st.caption(run.note)


def kept(run: QueuedWork) -> str:
    """What stays of a run when it is stopped, or was."""
    if isinstance(run, ProfileRun):
        return "Of a profile that is stopped nothing is kept."
    if isinstance(run, AblationRun):
        return "Finished trainings are kept, others from their last checkpoint on: they can be resumed."
    measured = sum(record.status != "cancelled" for record in run.records) if isinstance(run, Run) else 0
    return f"What it has measured is kept: {counted(measured, 'record')}."


def told_stop(run: QueuedWork) -> str | None:
    """Who stopped another's run, and what is kept; None where nobody did."""
    by, me = job_manager().stopped_by(run), visitor()
    if by is None or by == run.owner:
        return None
    owner = "your" if run.owner == me else f"{run.owner}'s"
    return f"{'You' if by == me else by} stopped {owner} {run.kind}. {kept(run)}"


def _ask(asking: tuple[str, str] | None) -> None:
    st.session_state[_ASKING] = asking


def _describe(run: QueuedWork) -> str:
    if isinstance(run, ProfileRun):
        return f"profile of {' and '.join(job.model.name for job in run.jobs)}"
    if not isinstance(run, Run):
        return "training of the ablation"
    jobs = len(run.plan.jobs())
    names = [model.name for model in run.plan.models]
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"{counted(jobs, 'job')}: {', '.join(names[:2])}{more}"


def _state(run: QueuedWork, ahead: int) -> str:
    if ahead:
        return f"waiting for {ahead} before it"
    if not run.has_begun:
        return "waiting for another program" if run.note else "starting"
    if isinstance(run, ProfileRun):
        return "profiling"
    if not isinstance(run, Run):
        return "training"
    progress = run.progress()
    return f"measuring, {progress.jobs_done} of {progress.jobs_total} done"
