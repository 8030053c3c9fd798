"""Bursts of moves at a tab that lags behind: what each is, and whether its last moves are what everything shows."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState

from hrformer import HRFormerConfig, preset
from tests.bursts.lagging import Action, LaggingUser
from tests.load.tab import Tab

EVENTS = 8
#: Kinds of widgets that are moved.
_MOVABLE = ("slider", "number_input", "checkbox", "button_group", "radio", "selectbox")
#: Controls whose state no link tells.
NOT_IN_LINKS = (
    "chart_image_format",
    "only_leaves",
    "channels.each",
    "num_heads.each",
    "mlp_ratios.each",
    "window_sizes.each",
)
#: Knobs that no value of another makes illegal.
_FREE_KNOBS = (
    *(f"{name}.{stage}" for name in ("num_modules", "num_blocks") for stage in range(4)),
    *("mlp_ratios.all", "window_sizes.all", "dw_conv"),
)
#: Ticks: a whole run takes some 250 to 450, what the user does is heard after some 60.
_LAGS = (0, 20, 100, 400, 1000)
_LONGEST_PAUSES = (3, 30, 200, 600)
_HEARD = 200


@dataclass
class Burst:
    """Some moves, and what they must come to.

    Attributes:
        seed: Of everything that is random in it.
        kind: What the user does.
        user: Who does it.
        expected: What each moved control must show, by key.
        log: What was done, for the report.
    """

    seed: int
    kind: str
    user: LaggingUser
    expected: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def step(self, key: str) -> Action:
        """The user moves a control by one step from what it shows, over the end of several options to the first."""

        def move(tab: Tab) -> ClientState:
            value = _after_steps(tab, key, 1)
            self.expected[key] = value
            self.log.append(f"{key}={value}")
            return tab.move(key, value)

        return move

    def press(self, key: str) -> Action:
        """The user presses a button."""

        def press(tab: Tab) -> ClientState:
            self.log.append(key)
            return tab.press(key)

        return press

    def expect_the_rest(self) -> None:
        """What is not moved from now on keeps its value."""
        self.expected |= {key: self.user.tab.shown(key) for key in _FREE_KNOBS if key in self.user.tab.widgets}

    def expect_the_middle(self, *positions: str) -> None:
        """Positions that nobody chose are in the middle of the map, whatever map it is."""
        widgets = self.user.tab.widgets
        self.expected |= {key: [(widgets[key].proto.max + 1) // 2] for key in positions if key in widgets}

    def problems(self) -> list[str]:
        """Where something else is shown than the user chose last: here, in the session, after opening the address."""
        found = self._seen(self.user, "here")
        self.user.act((0, Tab.request))
        found += self._seen(self.user, "a run later")
        reader = LaggingUser(self.seed, self.user.tab.query, self.user.tab.path)
        reader.act((0, Tab.request))
        found += self._seen(reader, "from the address", without=NOT_IN_LINKS)
        return found + self.user.errors + reader.errors

    def _seen(self, user: LaggingUser, where: str, without: Sequence[str] = ()) -> list[str]:
        variant = user.held("variant")
        return [
            f"{where}: {key} is {seen}, chosen was {value}"
            for key, value in self.expected.items()
            if key not in without
            for seen in (user.tab.shown(key) if key in user.tab.widgets else value, _of_variant(variant, key, value))
            if seen != value
        ]


def burst(seed: int) -> Burst:
    """Do a burst; its kind follows from the seed."""
    kinds = list(_KINDS)
    kind = kinds[seed % len(kinds)]
    user = LaggingUser(seed)
    user.act((0, Tab.request))
    done = Burst(seed, kind, user)
    chance = random.Random(seed)
    user.lag = chance.choice(_LAGS)
    _KINDS[kind](done, chance)
    return done


def movable(tab: Tab) -> list[str]:
    """The keys of everything on the page that can be moved."""
    return sorted(key for key, widget in tab.widgets.items() if widget.kind in _MOVABLE and not widget.proto.disabled)


def _one_control(done: Burst, chance: random.Random, path: str = "") -> None:
    """Eight steps of one control: it must come as far as they go."""
    user = done.user
    if path:
        user.act((0, lambda tab: tab.turn_to(path)))
    key = chance.choice(movable(user.tab))
    pause = chance.choice(_LONGEST_PAUSES)
    goal = _after_steps(user.tab, key, EVENTS)
    if key not in ("preset", "task"):  # which move other controls
        done.expect_the_rest()
    user.act(*((chance.randint(0, pause), done.step(key)) for _ in range(EVENTS)))
    done.expected[key] = goal
    done.expect_the_middle(*{"row", "column"} - {key})


def _several_controls(done: Burst, chance: random.Random) -> None:
    keys, pause = chance.sample(_FREE_KNOBS, 3), chance.choice(_LONGEST_PAUSES)
    done.expect_the_rest()
    done.user.act(*((chance.randint(0, pause), done.step(chance.choice(keys))) for _ in range(EVENTS)))


def _preset_between(done: Burst, chance: random.Random) -> None:
    """What is moved after a preset stays, all else is the preset's."""
    keys, pause = chance.sample([key for key in _FREE_KNOBS if key != "dw_conv"], 2), chance.choice(_LONGEST_PAUSES)
    name = chance.choice(("small", "base"))

    def choose(tab: Tab) -> ClientState:
        done.expected = {key: _of_variant(preset(name), key, None) for key in _FREE_KNOBS}
        done.log.append(name)
        return tab.move("preset", [name[0].upper()])

    before = [(chance.randint(0, pause), done.step(keys[0])) for _ in range(3)]
    after = [(chance.randint(0, pause), done.step(chance.choice(keys))) for _ in range(4)]
    done.user.act(*before, (_HEARD, choose), *after)


def _undo_between(done: Burst, chance: random.Random) -> None:
    """A step that is undone while others go on."""
    undone, moved = chance.sample(_FREE_KNOBS, 2)
    pause = chance.choice(_LONGEST_PAUSES)
    old = done.user.tab.shown(undone)
    done.expect_the_rest()
    done.user.act((0, done.step(undone)))
    done.user.act(
        (0, done.press("undo")), (_HEARD, done.step(moved)), *((chance.randint(0, pause), done.step(moved)),) * 4
    )
    done.expected[undone] = old


def _other_page(path: str) -> Callable[[Burst, random.Random], None]:
    return lambda done, chance: _one_control(done, chance, path)


def _page_between(done: Burst, chance: random.Random) -> None:
    """Moves on two pages, back and forth: an old address that comes with a page changes nothing."""
    user, pause = done.user, chance.choice(_LONGEST_PAUSES)
    knob, position = chance.choice(_FREE_KNOBS), chance.choice(("row", "column"))
    build = user.tab.query
    user.act(*((chance.randint(0, pause), done.step(knob)) for _ in range(3)))
    user.act((0, lambda tab: tab.turn_to("attention_windows")))
    attention = user.tab.query
    user.act(*((chance.randint(0, pause), done.step(position)) for _ in range(4)))
    user.act((0, lambda tab: tab.turn_to("", build, is_history=True)))
    user.act(
        (chance.randint(0, pause), done.step(knob)),
        (_HEARD, lambda tab: tab.turn_to("attention_windows", attention, is_history=True)),
    )


_KINDS: dict[str, Callable[[Burst, random.Random], None]] = {
    "one control": _one_control,
    "several controls": _several_controls,
    "preset between": _preset_between,
    "undo between": _undo_between,
    "pages between": _page_between,
    "attention": _other_page("attention_windows"),
}


def _after_steps(tab: Tab, key: str, steps: int) -> Any:
    widget, shown = tab.widgets[key], tab.shown(key)
    value = _first(shown)
    if isinstance(value, bool):
        return value != bool(steps % 2)
    if widget.state_field in ("string_value", "string_array_value"):
        place = widget.options.index(value) if value in widget.options else -1
        places = place + steps
        last = len(widget.options) - 1
        chosen = widget.options[min(places, last) if widget.kind == "slider" else places % (last + 1)]
        return [chosen] if isinstance(shown, list) else chosen
    value = round(min(value + steps * widget.proto.step, widget.proto.max), 6)
    return [value] if isinstance(shown, list) else value


def _first(value: Any) -> Any:
    return next(iter(value), None) if isinstance(value, list) else value


def _at(value: Any, place: str) -> Any:
    return value if not place else value[0 if place == "all" else int(place)]


def _of_variant(config: HRFormerConfig, key: str, shown: Any) -> Any:
    """What a control of the variant shows; `shown` itself for others, and for those that show words."""
    name, _, place = key.partition(".")
    if not hasattr(config, name) or place == "each" or isinstance(_first(shown), str):
        return shown
    value = _at(getattr(config, name), place)
    return [value] if isinstance(shown, list) or (shown is None and place == "all") else value
