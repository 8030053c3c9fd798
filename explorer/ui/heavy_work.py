"""Heavy work on a page: done once for all users, in turn, and within the memory budget."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.cost.complexity import estimate_complexity
from explorer.inspection.partial_forward import watched
from explorer.sharing.admission import Waiting
from explorer.sharing.memory_budget import memory_budget
from explorer.sharing.shared_cache import SharedCache
from explorer.ui.frame import end_page
from explorer.ui.presence import presence
from explorer.ui.progress import OnProgress, ShouldStop, with_progress
from hrformer import HRFormer

Value = TypeVar("Value")

#: Share of the budget that shared values may hold; the rest is for the work itself and for sessions.
CACHED_SHARE = 0.25
#: Work of a picture's way through a network that is over in a second or two on two cores.
QUICK_MACS = 20e9
_LOOKING = "Running the picture through the network"


def shared(name: str, key: Hashable, needed_mib: float, label: str, compute: Callable[[], Value]) -> Value:
    """What `compute` gives, kept for all users; while it has to wait, the page says for what.

    Args:
        name: The kind of value.
        key: Everything the value depends on.
        needed_mib: The most memory that computing it takes, MiB.
        label: What is being done, beside the spinner.
        compute: Called at most once at a time; its value is never None.

    Raises:
        ValueError: If it can never fit into the budget, or what `compute` raises.
    """
    slot = name, key
    value = _cache().get(slot)
    if value is None:
        with admitted_on_page(needed_mib), st.spinner(label):
            value = _cache().get(slot)  # another user may have had it computed meanwhile
            if value is None:
                value = compute()
                _cache().put(slot, value)
    return cast("Value", value)


def shared_pass(name: str, key: Hashable, needed_mib: float, model: HRFormer, compute: Callable[[], Value]) -> Value:
    """`shared` for a picture's way through a network: a long one shows progress and can be stopped.

    Args:
        name: The kind of value.
        key: Everything the value depends on.
        needed_mib: The most memory that computing it takes, MiB.
        model: The network.
        compute: Runs the picture through the model.

    Raises:
        ValueError: As `shared`.
    """
    slot = name, key
    if _cache().get(slot) is None and estimate_complexity(model.config).macs > QUICK_MACS:

        def work(on_progress: OnProgress, should_stop: ShouldStop) -> bool:
            with watched(model, on_progress, should_stop):
                _cache().put(slot, compute())
            return True

        if not with_progress(name, key, f"{_LOOKING}: blocks", work, needed_mib=needed_mib):
            end_page()
    return shared(name, key, needed_mib, _LOOKING, compute)


@contextmanager
def admitted_on_page(needed_mib: float) -> Iterator[None]:
    """Wait for memory and a free core with a note on the page; a page that is left or run again leaves the queue.

    Raises:
        ValueError: If there can never be that much memory.
    """
    notes: list[DeltaGenerator] = []

    def tell(waiting: Waiting) -> None:
        if not notes:  # only now: a place held for nothing would shift what the page shows
            notes.append(st.empty())
        notes[0].info(f"{str(waiting).capitalize()}.", icon=":material/hourglass_empty:")

    try:
        with memory_budget().admitted(needed_mib, on_wait=tell):
            _clear(notes)
            yield
    finally:
        _clear(notes)


def _clear(notes: list[DeltaGenerator]) -> None:
    while notes:
        notes.pop().empty()


@cache
def _cache() -> SharedCache:
    budget = memory_budget()
    shared_cache = SharedCache(CACHED_SHARE * budget.budget_mib)
    budget.release_with(presence().end_away)
    budget.release_with(shared_cache.clear)
    budget.release_with(st.cache_data.clear)
    return shared_cache
