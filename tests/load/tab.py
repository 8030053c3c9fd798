"""A browser tab as far as the server knows it: what it shows, and what it sends with the next move of its user.

It follows what Streamlit's own frontend does: a value that the user chose stays until a widget brings another one with
`set_value`, and widgets that a whole run has not drawn are forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from streamlit.proto.Slider_pb2 import Slider
from streamlit.proto.WidgetStates_pb2 import WidgetState

#: Kind of a widget -> field of its message with the value that the server sets.
_SET_FIELDS = {
    "slider": "value",
    "number_input": "value",
    "checkbox": "value",
    "text_input": "value",
    "button_group": "raw_values",
    "multiselect": "raw_values",
    "radio": "raw_value",
    "selectbox": "raw_value",
}
#: Kind of a widget -> field of its state, where its message does not tell.
_STATE_FIELDS = {
    "checkbox": "bool_value",
    "text_input": "string_value",
    "radio": "string_value",
    "selectbox": "string_value",
    "button_group": "string_array_value",
    "multiselect": "string_array_value",
}


@dataclass
class Widget:
    """A widget on the page.

    Attributes:
        kind: Field of `Element`.
        proto: The message that drew it last.
        run: Which run that was.
        fragment: The fragment that a move reruns; empty for the page.
    """

    kind: str
    proto: Any
    run: str
    fragment: str

    @property
    def options(self) -> list[str]:
        """What one of several can be, as the tab sends it."""
        if self.kind == "button_group":
            return [f"{option.content_icon} {option.content}".strip() for option in self.proto.options]
        return list(self.proto.options)

    @property
    def state_field(self) -> str:
        """Field of `WidgetState` that holds its value."""
        if self.kind == "slider":
            chosen = self.proto.type == Slider.SELECT_SLIDER
            return "string_array_value" if chosen else "double_array_value"
        if self.kind == "number_input":
            return "int_value" if self.proto.data_type == NumberInput.INT else "double_value"
        return _STATE_FIELDS[self.kind]

    def state(self, value: Any) -> WidgetState:
        """What the tab sends when it shows this value; lists for those that may have several."""
        state = WidgetState(id=self.proto.id)
        if self.state_field.endswith("_array_value"):
            several = [value] if isinstance(value, int | float | str) else value
            getattr(state, self.state_field).data.extend(several)
        else:
            setattr(state, self.state_field, int(value) if self.state_field == "int_value" else value)
        return state

    def given(self) -> Any:
        """The value that the server sets with its message."""
        chosen = self.state_field == "string_array_value" and self.kind == "slider"
        return getattr(self.proto, "raw_value" if chosen else _SET_FIELDS[self.kind])

    def default(self) -> Any:
        """The value of the widget before anybody chose one."""
        if self.state_field == "string_array_value":
            return [self.options[place] for place in self.proto.default]
        if self.kind in ("radio", "selectbox"):
            return self.options[self.proto.default]
        return self.proto.default


class Tab:
    """One tab of a browser with a page of the app.

    Args:
        query: Of the address that is opened.
        path: The page in that address.
    """

    def __init__(self, query: str = "", path: str = "") -> None:
        self.query = query
        self.path = path
        self.widgets: dict[str, Widget] = {}  # by key
        self._script = ""
        self._scripts: dict[str, str] = {}  # by path
        self._states: dict[str, WidgetState] = {}  # by id
        self._run = ""

    def take(self, message: ForwardMsg) -> None:
        """Show what the server has sent."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._run = message.metadata.run.script_run_id
            self._script = message.new_session.page_script_hash
        elif kind == "navigation":
            self._scripts = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
            self._script = message.navigation.page_script_hash
            self.path = next(path for path, script in self._scripts.items() if script == self._script)
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._draw(message.delta.new_element, message.delta.fragment_id)
        elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            self._forget_what_is_gone()

    def shown(self, key: str) -> Any:
        """What a widget shows: a number, a flag, a text, or a list of those.

        Raises:
            KeyError: If the page has no such widget.
        """
        widget = self.widgets[key]
        value = getattr(self._states[widget.proto.id], widget.state_field)
        return list(value.data) if widget.state_field.endswith("_array_value") else value

    def move(self, key: str, value: Any) -> ClientState:
        """The user sets a widget; gives what the tab sends.

        Raises:
            KeyError: If the page has no such widget.
        """
        widget = self.widgets[key]
        self._states[widget.proto.id] = widget.state(value)
        return self.request(widget.fragment)

    def press(self, key: str) -> ClientState:
        """The user presses a button."""
        widget = self.widgets[key]
        sent = self.request(widget.fragment)
        sent.widget_states.widgets.append(WidgetState(id=widget.proto.id, trigger_value=True))
        return sent

    def turn_to(self, path: str, query: str = "", *, is_history: bool = False) -> ClientState:
        """The user goes to another page, by the navigation, by a link with a query or back in the history."""
        self.query, self.path, self._script = query, path, self._scripts[path]
        sent = self.request()
        sent.is_history_navigation = is_history
        return sent

    def request(self, fragment: str = "") -> ClientState:
        """What the tab sends when something has to run."""
        sent = ClientState(query_string=self.query, page_script_hash=self._script, fragment_id=fragment)
        if not self._script:
            sent.page_name = self.path
        sent.widget_states.widgets.extend(self._states.values())
        return sent

    def _draw(self, element: Element, fragment: str) -> None:
        kind = element.WhichOneof("type") or ""
        if kind != "button" and kind not in _SET_FIELDS:
            return
        proto = getattr(element, kind)
        widget = self.widgets[key_of(proto.id)] = Widget(kind, proto, self._run, fragment)
        if kind == "button":
            return
        if proto.set_value:
            self._states[proto.id] = widget.state(widget.given())
        elif proto.id not in self._states:
            self._states[proto.id] = widget.state(widget.default())

    def _forget_what_is_gone(self) -> None:
        self.widgets = {key: widget for key, widget in self.widgets.items() if widget.run == self._run}
        drawn = {widget.proto.id for widget in self.widgets.values()}
        self._states = {identity: state for identity, state in self._states.items() if identity in drawn}


def key_of(widget_id: str) -> str:
    """`$$ID-<hash>-<key>`"""
    return widget_id.split("-", 2)[2]
