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
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.load.tab import Tab, key_of


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
        self._tab = Tab()

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

    async def open(self, query: str = "", path: str = "") -> Page:
        """Open a page with a query, as a link does; without a path the first page."""
        self._tab = Tab(query, path)
        return await self._run(self._tab.request())

    async def go(self, path: str) -> Page:
        """Switch to a page by its path, as the navigation does."""
        return await self._run(self._tab.turn_to(path))

    async def change(self, key: str, value: float | bool) -> Page:
        """Move a slider, switch a toggle or step a number.

        Raises:
            KeyError: If the page shows no such widget.
        """
        return await self._run(self._tab.move(key, value))

    async def press(self, key: str) -> Page:
        """Press a button.

        Raises:
            KeyError: If the page shows no such button.
        """
        return await self._run(self._tab.press(key))

    async def _run(self, request: ClientState) -> Page:
        page = Page()
        started = time.monotonic()
        async with asyncio.timeout(self._timeout_s):
            await self._connection.send(BackMsg(rerun_script=request).SerializeToString())
            while not self._take(ForwardMsg.FromString(await self._received()), page):
                pass
        page.seconds = time.monotonic() - started
        return page

    async def _received(self) -> bytes:
        data = await self._connection.recv()
        return data if isinstance(data, bytes) else data.encode()

    def _take(self, message: ForwardMsg, page: Page) -> bool:
        """Take a message in; True once the script has come to its end."""
        self._tab.take(message)
        kind = message.WhichOneof("type")
        if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            _read(message.delta.new_element, page)
        elif kind == "page_not_found":
            page.errors.append("page not found")
        elif kind == "script_finished":
            status = message.script_finished
            if status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                page.errors.append("the script did not compile")
            return status != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        return False


def _read(element: Element, page: Page) -> None:
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
        page.charts[key_of(content.id)] = content.spec
