"""Whatever reaches the server late or twice, what the user moved last is what everything shows."""

import importlib
import inspect
import pkgutil
import sys
from typing import Any

import plotly.graph_objects as go
import pytest
import streamlit as st

import explorer
from explorer.ui import address, choices
from explorer.ui.address import Address
from tests.bursts.model import burst

BURSTS = 264
AT_ONCE = 22

# A module that is imported while others are changed would keep what it takes from them.
for module in pkgutil.walk_packages(explorer.__path__, "explorer."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)


@pytest.fixture(autouse=True)
def _only_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without what they compute and draw, which no move depends on."""

    def refuse(*arguments: object, **options: object) -> None:
        raise ValueError("Nothing is computed here.")

    for module in [module for name, module in sys.modules.items() if name.startswith("explorer.")]:
        for name, function in list(vars(module).items()):
            if not inspect.isfunction(function):
                continue
            if function.__annotations__.get("return") == "go.Figure":
                monkeypatch.setattr(module, name, lambda *arguments, **options: go.Figure())
            elif name in ("shared", "shared_pass"):
                monkeypatch.setattr(module, name, refuse)
            elif name == "show_chart":
                monkeypatch.setattr(module, name, lambda *arguments, **options: None)
    monkeypatch.setattr("explorer.ui.panels.NUMBERS_FIRST_S", 0.0)  # no browser waits for them


@pytest.mark.parametrize("first", range(0, BURSTS, AT_ONCE))
def test_no_burst_loses_a_move(first: int) -> None:
    done = [burst(seed) for seed in range(first, first + AT_ONCE)]
    assert {(each.seed, each.kind): found for each in done if (found := each.problems())} == {}


def lost(most: int) -> bool:
    """Whether one of some bursts loses a move."""
    return any(burst(seed).problems() for seed in range(most))


def test_the_model_finds_that_every_other_query_is_read_as_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    arrive = Address.arrive

    def read_all(self: Address, page: str, query: address.Query) -> None:
        self.given = dict(list(self.given.items())[-1:])
        self.opened = set()
        arrive(self, page, query)

    monkeypatch.setattr(Address, "arrive", read_all)
    assert lost(24)


def test_the_model_finds_that_each_run_gives_every_value_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_always(draw: Any, *arguments: Any, key: str, value: Any, on_move: Any, place: Any = None, **options: Any):
        st.session_state[key] = value
        draw(*arguments, key=key, on_change=lambda: on_move(st.session_state[key]), **options)

    for module in [module for name, module in sys.modules.items() if name.startswith("explorer.ui.")]:
        if getattr(module, "present", None) is choices.present:
            monkeypatch.setattr(module, "present", give_always)
    assert lost(24)


def test_the_model_finds_that_a_stopped_script_does_not_hear_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def hear_once(draw: Any, *arguments: Any, key: str, value: Any, on_move: Any, place: Any = None, **options: Any):
        if st.session_state.get(key) != value:
            st.session_state[key] = value
        draw(*arguments, key=key, on_change=lambda: on_move(st.session_state[key]), **options)

    for module in [module for name, module in sys.modules.items() if name.startswith("explorer.ui.")]:
        if getattr(module, "present", None) is not None:
            monkeypatch.setattr(module, "present", hear_once)
    assert lost(24)
