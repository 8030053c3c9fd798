"""A hand at the controls of a page in Chromium: what there is to move, quick moves of it, and what came of them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page

from explorer.cost.complexity import estimate_complexity
from explorer.cost.conventions import CONVENTIONS
from explorer.models.catalogue import PAPER_NAMES
from explorer.units import with_prefix
from hrformer import HRFormerConfig, preset
from tests.browser.driver import metric, settle
from tests.bursts.model import NOT_IN_LINKS

EVENTS = 8
MEANS = ("keyboard", "mouse")
#: What an option is in session and address, where its label is another word.
WORDS = {
    "T": "tiny",
    "S": "small",
    "B": "base",
    "Digits: masks": "digits",
    "Digits: points": "digit_points",
    "Current variant": "variant",
    "Attention": "attention",
    "Ratio to even": "ratio to even",
    "Trained": "trained",
    "Random or yours": "other",
    "1x1": "1",
    "3x3": "3",
    "As printed": "printed",
} | {convention.label: key for key, convention in CONVENTIONS.items()}
#: What a page must say of a control's value.
SAID = {
    "/attention_windows row": "Row {}, column",
    "/attention_windows column": ", column {} of the",
    "/feature_maps stage": "tage {}, module",
    "/feature_maps module": ", module {}",
    "/fusion stage": "Stage {}, module",
    "/fusion module": ", module {},",
}
_INPUTS = {
    "slider": '[data-testid="stSlider"] input[type=range]',
    "stepper": '[data-testid="stNumberInput"] input',
    "toggle": '[data-testid="stCheckbox"] input',
    "segments": '[data-testid="stButtonGroup"] [role=radio]',
    "radio": '[data-testid="stRadio"] input[type=radio]',
}
_FIND = """
inputs => Object.entries(inputs).flatMap(([kind, selector]) => {
  const boxes = [...document.querySelectorAll(selector)]
    .filter(input => !input.disabled && input.getClientRects().length)
    .map(input => input.closest('[class*="st-key-"]'))
    .filter(Boolean);
  return [...new Set(boxes)].map(box => [kind, [...box.classList].find(name => name.startsWith('st-key-'))]);
})
"""
_CHOSEN = "inputs => inputs.findIndex(input => input.checked || input.getAttribute('aria-checked') === 'true')"
_RANGE = "input => [input.value, input.min, input.max, input.step].map(Number)"
_LABELS = "inputs => inputs.map(input => (input.closest('label') ?? input).innerText.trim())"

Value = float | str | bool


@dataclass(frozen=True)
class Control:
    """Something on a page that can be moved.

    Attributes:
        kind: Of `_INPUTS`.
        name: Its key, as the page's classes write it.
    """

    kind: str
    name: str

    def inputs(self, page: Page) -> Locator:
        """Its elements that take the focus; one for each option where there are several."""
        return page.locator(f".st-key-{self.name} {_INPUTS[self.kind]}")


@dataclass(frozen=True)
class Scale:
    """The places to which a control can be moved.

    Attributes:
        place: Where it is, from 0; -1 where nothing is chosen.
        places: How many there are.
        low: Value at the first place.
        step: From one value to the next.
        options: The values, where they are no numbers.
    """

    place: int
    places: int
    low: float = 0
    step: float = 1
    options: tuple[Value, ...] = ()

    def value(self, place: int) -> Value:
        """What the control is at a place."""
        return self.options[place] if self.options else round(self.low + place * self.step, 6)

    def path(self) -> list[int]:
        """Eight moves by one place: up, or down where there is no room, and back at the end of few."""
        last = self.places - 1
        if last >= 2 * EVENTS:
            way = 1 if self.place + EVENTS <= last else -1
            return [self.place + way * move for move in range(1, EVENTS + 1)]
        there_and_back = [*range(last), *range(last, 0, -1)]
        return [there_and_back[(self.place + move) % (2 * last)] for move in range(1, EVENTS + 1)]


def controls(page: Page) -> list[Control]:
    """All sliders, steppers, toggles, segmented controls and radio buttons of a page, after opening what is folded."""
    for fold in reversed(page.locator("details:not([open]) > summary").all()):
        fold.click()
    page.wait_for_timeout(300)
    return [Control(kind, name.removeprefix("st-key-")) for kind, name in page.evaluate(_FIND, _INPUTS)]


def scale(page: Page, control: Control) -> Scale:
    """Where a control is now, and where it can go."""
    inputs = control.inputs(page)
    if control.kind in ("slider", "stepper"):
        value, low, high, step = inputs.first.evaluate(
            "input => ['value', 'min', 'max', 'step'].map(key => +input[key])"
        )
        heads = _legal_heads(page) if control.name == "num_heads-all" else ()
        place = round((value - low) / step)
        first = value - place * step  # a stepper goes on from its value, which needn't be whole steps above the least
        return Scale(place, int((high - first) / step + 1e-6) + 1, first, step, heads)
    if control.kind == "toggle":
        return Scale(int(inputs.first.is_checked()), 2, options=(False, True))
    labels = tuple(inputs.evaluate_all(_LABELS))
    return Scale(inputs.evaluate_all(_CHOSEN), len(labels), options=labels)


def burst(page: Page, control: Control, means: str, gap_ms: int, held: Path) -> tuple[Value, list[str]]:
    """Eight moves so far apart; gives what the last of them chose, and where anything else is shown.

    Args:
        page: Which has come to rest.
        control: Moved.
        means: Of `MEANS`.
        gap_ms: Between two moves, in milliseconds.
        held: The file into which the app writes what the session holds.
    """
    start = scale(page, control)
    path = start.path()
    inputs = control.inputs(page)
    if means == "keyboard":
        inputs.nth(max(start.place, 0) if control.kind in ("segments", "radio") else 0).focus()
    for before, place in zip([start.place, *path], path, strict=False):
        began = time.monotonic()
        if means == "keyboard":
            _press(page, control, before, place)
        else:
            _POINTERS[control.kind](page, control, start, before, place)
        page.wait_for_timeout(max(0, gap_ms - 1000 * (time.monotonic() - began)))
    page.wait_for_timeout(200)
    settle(page, timeout_s=120)
    goal = start.value(path[-1])
    session = json.loads(held.read_text())
    found = {"widget": start.value(scale(page, control).place)}
    found |= _in_session(control, session) | _in_address(page, control, session)
    problems = [f"{where} {value}" for where, value in found.items() if not _fits(goal, value)]
    return goal, [*problems, *_wrong_figures(page, control, goal)]


def _press(page: Page, control: Control, before: int, place: int) -> None:
    vertical = control.kind == "stepper"
    up, down = ("ArrowUp", "ArrowDown") if vertical else ("ArrowRight", "ArrowLeft")
    if control.kind == "toggle":
        page.keyboard.press("Space")
        return
    if before >= 0:
        page.keyboard.press(up if place > before else down)
    if control.kind == "segments":
        page.keyboard.press("Space")


def _drag(page: Page, control: Control, start: Scale, before: int, place: int) -> None:
    """Take the slider's handle to a place; half of its width is left free at either end of the track."""
    handle = control.inputs(page).first.locator("xpath=../..")
    box, track = handle.bounding_box(), handle.locator("xpath=..").bounding_box()
    if box is None or track is None:
        raise LookupError(f"{control.name} is not on the page.")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] * place / (start.places - 1), box["y"] + 2, steps=3)
    page.mouse.up()


def _step(page: Page, control: Control, start: Scale, before: int, place: int) -> None:
    button = "stNumberInputStepUp" if place > before else "stNumberInputStepDown"
    page.locator(f'.st-key-{control.name} [data-testid="{button}"]').click()


def _click(page: Page, control: Control, start: Scale, before: int, place: int) -> None:
    several = control.kind in ("segments", "radio")
    control.inputs(page).nth(place if several else 0).locator(
        "xpath=ancestor-or-self::*[self::label or self::button]"
    ).click()


_POINTERS: dict[str, Callable[[Page, Control, Scale, int, int], None]] = {
    "slider": _drag,
    "stepper": _step,
    "toggle": _click,
    "segments": _click,
    "radio": _click,
}


def _in_session(control: Control, session: dict[str, Any]) -> dict[str, object]:
    """What the session holds of a control: as the widget's value, as a choice, and in the variant."""
    key = _key(control, session)
    name, _, place = key.partition(".")
    found = {"session's widget": session["widgets"].get(key), "choice": session["held"].get(key)}
    if session["variant"] and name in session["variant"] and place != "each":
        found["variant"] = _at(session["variant"][name], place)
    return {where: value for where, value in found.items() if value is not None}


def _in_address(page: Page, control: Control, session: dict[str, Any]) -> dict[str, object]:
    """What the address says of it, read apart from the app; nothing where it may leave out the default."""
    key, query = _key(control, session), _query(page)
    name, _, place = key.partition(".")
    if key in NOT_IN_LINKS:
        return {}
    if name in (variant := _linked_variant(query)):
        return {"address": _at(variant[name], place)}
    return {"address": query[key]} if key in query else {}


def _key(control: Control, session: dict[str, Any]) -> str:
    return next((key for key in session["widgets"] if key.replace(".", "-") == control.name), control.name)


def _fits(goal: Value, found: object) -> bool:
    if isinstance(goal, str):
        return str(found) in (goal, WORDS.get(goal), _option(goal))
    if isinstance(goal, bool):
        return str(found).lower() == str(goal).lower()
    return float(str(found)) == goal


def _option(label: str) -> str:
    """The option behind "3 · Blindness", "1/16 branch", or "digit 4 · 10.2 %", the class after the background."""
    name = label.split(" · ", maxsplit=1)[0].removesuffix(" branch")
    digit = re.fullmatch(r"digit (\d)", name)
    return "0" if name == "background" else str(int(digit[1]) + 1) if digit else name


def _query(page: Page) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(urlsplit(page.url).query).items()}


def _legal_heads(page: Page) -> tuple[str, ...]:
    """What the slider of all heads offers: heads that divide the channels of the 1/4 branch."""
    channels = _linked_variant(_query(page))["channels"][0]
    return tuple(str(heads) for heads in range(1, 17) if channels % heads == 0)


def _linked_variant(query: dict[str, str]) -> dict[str, Any]:
    """The variant of an address: a preset and what differs from it."""
    variant = preset(query.get("preset", "tiny"), query.get("task", "classification")).to_dict()
    for name in variant.keys() & query.keys():
        parts = query[name].split(",")
        several = isinstance(variant[name], list | tuple)
        like = variant[name][0] if several else variant[name]
        values = [part == "true" if isinstance(like, bool) else type(like)(part) for part in parts]
        variant[name] = values if several else values[0]
    return variant


def _at(value: Any, place: str) -> Any:
    return value if not place else value[0 if place == "all" else int(place)]


def _wrong_figures(page: Page, control: Control, goal: Value) -> list[str]:
    """Numbers and title on the page that follow from the control."""
    path = urlsplit(page.url).path
    sentence = SAID.get(f"{path} {control.name}")
    if sentence and not page.get_by_text(sentence.format(f"{goal:g}" if isinstance(goal, float) else goal)).count():
        return ["the page's own sentence"]
    if path != "/":
        return []
    query = _query(page)
    config = HRFormerConfig.from_dict(_linked_variant(query))
    base = query.get("preset", "tiny")
    changed = "" if config == preset(base, config.task) else ", changed"
    cost = estimate_complexity(config)
    found = {
        "Parameters": (metric(page, "Parameters").inner_text(), with_prefix(cost.params, "")),
        "MACs": (metric(page, "MACs").inner_text(), with_prefix(cost.macs, "")),
        "title": (page.locator("h1").first.inner_text().split(" · ")[0], PAPER_NAMES[base] + changed),
    }
    return [f"{where} {told}" for where, (told, right) in found.items() if told.strip() != right.strip()]
