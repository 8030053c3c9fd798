"""Controls that never lose a move: the session holds what was chosen, a widget proposes, and the address tells it.

Streamlit's own state of a widget can't be the truth: it is gone on a page without the widget; given to a widget again
it moves a slider back that is still being dragged; and a browser sends what it shows, though code has chosen otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

import streamlit as st

from explorer.ui import address
from hrformer.wording import shown

Value = TypeVar("Value")
Option = TypeVar("Option", bound=Hashable)
Number = TypeVar("Number", int, float)

_HELD = "held_choices"
_CONTROLS = "controls"
#: Before the browser has shown anything.
_NOTHING = object()
#: The entrypoint keeps the path of the page that runs here.
PAGE = "current_page"


@dataclass
class _Control:
    """What the browser may know of a control.

    Attributes:
        place: Page and range in which it was drawn: in another place it is a new widget.
        on_move: Called with what the user moved it to.
        seen: The widget's value that was looked at last: any other has not been heard of.
        shown: What the browser showed when it was heard of last.
        given: Values that were given to the widget since, with the numbers of the runs that did, as far as the browser
            may not have received them yet.
    """

    place: tuple[str, Hashable]
    on_move: Callable[[Any], None]
    seen: Any = None
    shown: Any = _NOTHING
    given: list[tuple[int, Any]] = field(default_factory=list)

    def give(self, value: object, run: int) -> None:
        """A run gives the widget a value."""
        self.seen = value
        self.given.append((run, value))

    def is_moved_to(self, value: object) -> bool:
        """Whether the user has moved it to a value that the browser sends, or the browser only still shows it."""
        return not self.given or (value != self.shown and value not in self._waiting())

    def hear(self, value: object) -> None:
        """Remember what the browser sends, and so which of the given values it has received."""
        if value != self.shown and value in self._waiting():
            self.given = self.given[self._waiting().index(value) + 1 :]
        elif self.shown is _NOTHING:
            self.given = self.given[1:]
        self.seen = self.shown = value

    def forget_received(self) -> None:
        """Leave out what the browser must have received, judging by its address."""
        received = address.received_run()
        while self.given and self.given[0][0] <= received:
            _, self.shown = self.given.pop(0)

    def _waiting(self) -> list[Any]:
        return [value for _, value in self.given]


def present(
    draw: Callable[..., object],
    *arguments: object,
    key: str,
    value: object,
    on_move: Callable[[Any], None],
    place: Hashable = None,
    **options: Any,
) -> None:
    """Draw a control that shows a value, and hear of the user's moves.

    A value is given to the widget only where it must be, and a move that the browser sent before it received that value
    is told apart from what the widget only still showed.

    Args:
        draw: Streamlit's command.
        arguments: Its positional arguments.
        key: Of the widget.
        value: What it is to show.
        on_move: Called with what the user moved it to, before the page runs.
        place: What beside the page makes it another widget, such as its range.
        options: Further arguments of the command.
    """
    state, controls = st.session_state, _controls()
    before, here = controls.get(key), (state[PAGE], place)
    if before is not None and before.place[0] == state[PAGE] and _hear(key, before):
        st.rerun()
    control = before if before is not None and before.place == here else _Control(here, on_move)
    control.on_move = on_move
    control.forget_received()
    if control is not before or control.given or state.get(key, _NOTHING) != value:
        run = address.run_number()
        state[key] = value
        control.give(value, run)
        if before is not None and before is not control:
            before.give(value, run)  # its widget stays the one of this key, until the new one is drawn
    draw(*arguments, key=key, on_change=_moved, **options)
    controls[key] = control  # only now: a script that is stopped before has not drawn it


def _moved() -> None:
    """The browser sends other values of widgets: hear of them, in the order in which they are drawn.

    The next move may have stopped the script while it heard of one, and Streamlit tells of none twice. So all are
    looked at whenever it tells of one.
    """
    page = st.session_state[PAGE]
    for key, control in list(_controls().items()):
        if control.place[0] == page:
            _hear(key, control)


def _hear(key: str, control: _Control) -> bool:
    """Hear of a widget's value; whether the user has moved it there."""
    value = st.session_state.get(key, control.seen)
    if value == control.seen:
        return False
    control.forget_received()
    is_move = control.is_moved_to(value)
    if is_move:
        address.forget_complaints()
        control.on_move(value)
    control.hear(value)  # only now: where the script is stopped before, it must hear of it again
    return is_move


def remembered(
    key: str,
    default: Value,
    *,
    read: Callable[[str], Value],
    write: Callable[[Value], str] = str,
    is_legal: Callable[[Value], bool] = lambda _: True,
    link: str | None = "",
) -> Value:
    """What was chosen under a key, after taking over what a newly read link says, and kept in the page's address.

    Args:
        key: Of the choice.
        default: What is chosen before anybody has; the address leaves it out.
        read: A link's text as a choice; raises ValueError where it is none.
        write: The inverse.
        is_legal: Whether a choice can be made here and now.
        link: Key in the link; by default the same, None for a choice that no link tells.

    Returns:
        The choice, or the default where what was chosen can't be had here.
    """
    name = key if link == "" else link
    if name is not None and (text := address.take(name)) is not None:
        try:
            hold(key, read(text))
        except ValueError:
            address.complain(_left_out(name, text))
    value = held(key, default)
    if not is_legal(value):
        value = default
    if name is not None and value != default:
        address.keep(name, write(value))
    return value


def one_of(
    draw: Callable[..., object],
    label: str,
    options: Sequence[Option],
    *,
    key: str,
    default: Option | None = None,
    link: str | None = "",
    **arguments: Any,
) -> Option:
    """One of several, by `st.segmented_control`, `st.radio` or `st.selectbox`; links write it as text."""
    first = options[0] if default is None else default
    value: Option = remembered(key, first, read=_reader(options), is_legal=lambda option: option in options, link=link)
    present(draw, label, options, key=key, value=value, on_move=partial(hold, key), place=tuple(options), **arguments)
    return value


def segments(label: str, options: Sequence[Option], *, key: str, **arguments: Any) -> Option:
    """One of a few, side by side."""
    chosen: Option = one_of(st.segmented_control, label, options, key=key, required=True, **arguments)
    return chosen


def several_of(
    label: str,
    options: Sequence[Option],
    *,
    key: str,
    default: Sequence[Option] = (),
    link: str | None = "",
    **arguments: Any,
) -> list[Option]:
    """Any of several, by `st.multiselect`; a link names each, and none by an empty value."""
    name = key if link == "" else link
    if name is not None and (texts := address.take_all(name)):
        known = {str(option): option for option in options}
        hold(key, [known[text] for text in texts if text in known])
        for text in texts:
            if text and text not in known:
                address.complain(_left_out(name, text))
    value = [option for option in held(key, list(default)) if option in options]
    on_move = partial(hold, key)
    present(st.multiselect, label, options, key=key, value=value, on_move=on_move, place=tuple(options), **arguments)
    if name is not None and value != list(default):
        address.keep(name, *(map(str, value) if value else ("",)))
    return value


def filter_of(label: str, options: Sequence[str], *, key: str, missing: str, **arguments: Any) -> list[str]:
    """Any of several that come and go with other choices: what was chosen stays chosen, and can be taken out.

    Args:
        label: Of the control.
        options: What there is now.
        key: Of the choice.
        missing: What is said of a chosen one that there is not now.
        arguments: As of `several_of`.

    Returns:
        All that are chosen, those too that there are not now.
    """
    chosen = [*held(key, []), *(text for text in address.says_all(key) if text)]
    return several_of(
        label,
        list(dict.fromkeys([*options, *chosen])),
        key=key,
        format_func=lambda option: option if option in options else f"{option} ({missing})",
        **arguments,
    )


def number(
    draw: Callable[..., object],
    label: str,
    low: Number,
    high: Number,
    *,
    key: str,
    default: Number,
    link: str | None = "",
    **arguments: Any,
) -> Number:
    """A number from `low` to `high`, by `st.slider` or `st.number_input`."""

    def read(text: str) -> Number:
        value = type(default)(text)
        if not low <= value <= high:
            raise ValueError(f"{value} is outside {low} to {high}.")
        return value

    def is_legal(value: Number) -> bool:
        return low <= value <= high

    value = remembered(key, default, read=read, write=_write_number, is_legal=is_legal, link=link)
    place = low, high, arguments.get("step")
    present(draw, label, low, high, key=key, value=value, on_move=partial(hold, key), place=place, **arguments)
    return value


def toggle(label: str, *, key: str, default: bool = False, link: str | None = "", **arguments: Any) -> bool:
    """On or off, by `st.toggle`; links write "true" and "false"."""
    words = {"true": True, "false": False}
    value = remembered(key, default, read=lambda text: _reader(words)(text) == "true", write=_write_flag, link=link)
    present(st.toggle, label, key=key, value=value, on_move=partial(hold, key), **arguments)
    return value


def typed(label: str, *, key: str, default: str = "", link: str | None = "", **arguments: Any) -> str:
    """A line of text, by `st.text_input`."""
    value = remembered(key, default, read=str, link=link)
    present(st.text_input, label, key=key, value=value, on_move=partial(hold, key), **arguments)
    return value


def held(key: str, default: Value) -> Value:
    """What was chosen under a key, if anything was."""
    return cast("Value", _held().get(key, default))


def hold(key: str, value: object) -> None:
    """Choose in the user's place: for a click on a picture, a button, a file."""
    _held()[key] = value


def forget(key: str) -> None:
    """Go back to the default."""
    _held().pop(key, None)


def replace_everywhere(option: str, other: str) -> None:
    """Wherever an option was chosen, alone or among several, choose another one that has taken its place."""
    for key, value in _held().items():
        if value == option:
            hold(key, other)
        elif isinstance(value, list):
            hold(key, [other if one == option else one for one in value])


def forget_everywhere(option: str) -> None:
    """Wherever an option was chosen that is gone, go back to the default, or to the others of several."""
    for key, value in list(_held().items()):
        if value == option:
            forget(key)
        elif isinstance(value, list):
            hold(key, [one for one in value if one != option])


def _reader(options: Iterable[Option]) -> Callable[[str], Option]:
    """Reads an option that a link writes as text."""
    texts = {str(option): option for option in options}

    def read(text: str) -> Option:
        if text not in texts:
            raise ValueError(f"{shown(text)} is none of {', '.join(texts)}.")
        return texts[text]

    return read


def _left_out(name: str, text: str) -> str:
    return f"Left out of the link: {name}={shown(text)}, which can't be chosen here."


def _write_number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _write_flag(value: bool) -> str:
    return str(value).lower()


def _held() -> dict[str, Any]:
    return cast("dict[str, Any]", st.session_state.setdefault(_HELD, {}))


def _controls() -> dict[str, _Control]:
    return cast("dict[str, _Control]", st.session_state.setdefault(_CONTROLS, {}))
