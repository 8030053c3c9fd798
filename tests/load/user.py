"""One user of the app: a connection that speaks Streamlit's own protocol, without a browser around it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

#: What a widget's value is sent as.
_STATE_FIELDS = {"slider": "double_array_value", "checkbox": "bool_value", "number_input": "double_value"}


@dataclass
class Page:
    """What one run of a page has shown.

    Attributes:
        seconds: From the request until the script had finished.
        metrics: The exact value, as the help says it, by label.
        texts: Every Markdown text and caption.
        charts: The figure of each chart as JSON, by its key.
        errors: Messages that a user should never see: exceptions, and red boxes.
        waited: Whether it said at some time that it waits for its turn.
    """

    seconds: float = 0.0
    metrics: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    charts: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    waited: bool = False


class User:
    """A session on a running app; use it as an asynchronous context.

    Args:
        address: http://host:port.
        timeout_s: How long a page may take before that counts as an error, in seconds.
    """

    def __init__(self, address: str, timeout_s: float = 120.0) -> None:
        self._url = f"ws://{urlsplit(address).netloc}/_stcore/stream"
        self._origin = address
        self._timeout_s = timeout_s
        self._connection: ClientConnection
        self._query = ""
        self._script = ""
        self._scripts: dict[str, str] = {}
        self._widgets: dict[str, tuple[str, str]] = {}  # key -> kind, id
        self._states: dict[str, WidgetState] = {}  # id -> state

    async def __aenter__(self) -> Self:
        self._connection = await connect(
            self._url,
            subprotocols=["streamlit"],
            origin=self._origin,
            max_size=None,
            compression=None,
            open_timeout=60,
            ping_interval=None,  # a browser sends none
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def open(self, query: str = "") -> Page:
        """Open the first page with a query, as a link does."""
        self._query = query
        return await self._run()

    async def go(self, path: str) -> Page:
        """Switch to a page by its path, as the navigation does."""
        self._script, self._query = self._scripts[path], ""
        return await self._run()

    async def change(self, key: str, value: float | bool) -> Page:
        """Move a slider, switch a toggle or type a number.

        Raises:
            KeyError: If the page shows no such widget.
        """
        kind, widget = self._widgets[key]
        self._states[widget] = _state(kind, widget, value)
        return await self._run()

    async def _run(self) -> Page:
        message = BackMsg()
        rerun = message.rerun_script
        rerun.query_string, rerun.page_script_hash = self._query, self._script
        rerun.widget_states.widgets.extend(self._states.values())
        page = Page()
        started = time.monotonic()
        async with asyncio.timeout(self._timeout_s):
            await self._connection.send(message.SerializeToString())
            while not self._take(ForwardMsg.FromString(await self._received()), page):
                pass
        page.seconds = time.monotonic() - started
        return page

    async def _received(self) -> bytes:
        data = await self._connection.recv()
        return data if isinstance(data, bytes) else data.encode()

    def _take(self, message: ForwardMsg, page: Page) -> bool:
        """Take a message in; True once the script has come to its end."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._widgets.clear()
            self._script = message.new_session.page_script_hash
        elif kind == "navigation":
            self._scripts = {entry.url_pathname: entry.page_script_hash for entry in message.navigation.app_pages}
            self._script = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._take_element(message.delta.new_element, page)
        elif kind == "page_not_found":
            page.errors.append("page not found")
        elif kind == "script_finished":
            status = message.script_finished
            if status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                page.errors.append("the script did not compile")
            return status != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        return False

    def _take_element(self, element: Element, page: Page) -> None:
        kind = element.WhichOneof("type") or ""
        content: Any = getattr(element, kind)
        if kind == "exception":
            page.errors.append(f"{content.type}: {content.message}")
        elif kind == "alert":
            page.waited |= "aiting for" in content.body
            if content.format == Alert.ERROR:
                page.errors.append(content.body)
        elif kind == "metric":
            page.metrics[content.label] = content.help
        elif kind == "markdown":
            page.texts.append(content.body)
        elif kind == "plotly_chart":
            page.charts[_key(content.id)] = content.spec
        elif kind in _STATE_FIELDS:
            self._take_widget(kind, content)

    def _take_widget(self, kind: str, widget: Any) -> None:
        """Know a widget by its key and, as a browser does, send its value from now on."""
        self._widgets[_key(widget.id)] = kind, widget.id
        if widget.set_value:
            self._states[widget.id] = _state(kind, widget.id, widget.value)
        elif widget.id not in self._states:
            self._states[widget.id] = _state(kind, widget.id, widget.default)


def _key(widget_id: str) -> str:
    """`$$ID-<hash>-<key>`"""
    return widget_id.split("-", 2)[2]


def _state(kind: str, widget: str, value: Any) -> WidgetState:
    state = WidgetState(id=widget)
    if kind == "slider":
        state.double_array_value.data.extend([value] if isinstance(value, float | int) else value)
    else:
        setattr(state, _STATE_FIELDS[kind], value)
    return state
