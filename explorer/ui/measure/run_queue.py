"""The queue of all sessions, and who stops what in it: a run's owner at once, others once they know whose it is."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.processes.queued_work import QueuedWork
from explorer.ui.measure.job_manager import job_manager
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
    for run in job_manager().queue.works():
        if run is not watched:
            line, button = st.columns([5, 1], vertical_alignment="center")
            line.caption(f"{whose(run)}: {verbatim(run.description)}")
            stop_control(run, button, f"stop_queued_{run.id}")


def queue_table(me: str) -> pd.DataFrame:
    """The queue as a table with the columns position, who, what, device, state."""
    manager = job_manager()
    rows = [
        {
            "position": position,
            "who": f"you ({me})" if run.owner == me else run.owner,
            "what": run.description,
            "device": ", ".join(run.devices),
            "state": _state(run, len(manager.queue.ahead_of(run))),
        }
        for position, run in enumerate(manager.queue.works(), start=1)
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
    st.warning(f"{whose(run)}: {verbatim(run.description)}. {run.kept} Stop it anyway?", icon=":material/person_alert:")
    with st.container(horizontal=True):
        st.button(f"Stop {run.owner}'s {run.kind}", key=f"{key}_confirmed", on_click=manager.stop, args=(run, me))
        st.button("Let it go on", key=f"{key}_spared", on_click=_ask, args=(None,))


def whose(run: QueuedWork) -> str:
    """Such as "visitor 2's profile, asked for at 10:31 UTC"."""
    owner = "Your" if run.owner == visitor() else f"{run.owner}'s"
    return f"{owner} {run.kind}, asked for at {clock_time(run.asked_at)}"


def waiting_text(run: QueuedWork) -> str:
    """What a run that has not begun waits for."""
    ahead = len(job_manager().queue.ahead_of(run))
    if ahead:
        return f"Waiting for {counted(ahead, 'run')} before this one"
    return "Waiting for another program" if run.note else "Starting"


def tell_note(run: QueuedWork) -> None:
    """What a run has to say of other programs on this machine, if anything."""
    if run.note:
        st.caption(run.note)


def told_stop(run: QueuedWork) -> str | None:
    """Who stopped another's run, and what is kept; None where nobody did."""
    by, me = job_manager().stopped_by(run), visitor()
    if by is None or by == run.owner:
        return None
    owner = "your" if run.owner == me else f"{run.owner}'s"
    return f"{'You' if by == me else by} stopped {owner} {run.kind}. {run.kept}"


def _ask(asking: tuple[str, str] | None) -> None:
    st.session_state[_ASKING] = asking


def _state(run: QueuedWork, ahead: int) -> str:
    if ahead:
        return f"waiting for {ahead} before it"
    if not run.has_begun:
        return "waiting for another program" if run.note else "starting"
    return run.doing
