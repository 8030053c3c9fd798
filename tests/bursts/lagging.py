"""A user at a tab that lags behind: the app's real pages and session, and a clock that counts steps of its scripts.

Streamlit stops a script wherever it reads or writes the session or sends something to the browser. Each of these places
is one tick of the clock here, so whatever arrives in the middle of a run arrives at the same place each time. What the
script sends reaches the tab some ticks later; until then the tab sends what it still shows, and its old address.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from streamlit import config
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime
from streamlit.runtime.caching.storage.dummy_cache_storage import MemoryCacheStorageManager
from streamlit.runtime.dataframe_source_manager import DataframeSourceManager
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import RerunData, ScriptRunnerEvent
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import SessionState
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from tests.load.tab import Tab

ENTRYPOINT = Path(__file__).parents[2] / "streamlit_app.py"
#: What the user does to the tab; gives what the tab sends.
Action = Callable[[Tab], ClientState]
_FINISHED = {
    ScriptRunnerEvent.SCRIPT_STOPPED_WITH_SUCCESS: ForwardMsg.FINISHED_SUCCESSFULLY,
    ScriptRunnerEvent.FRAGMENT_STOPPED_WITH_SUCCESS: ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
    ScriptRunnerEvent.SCRIPT_STOPPED_FOR_RERUN: ForwardMsg.FINISHED_EARLY_FOR_RERUN,
}


class LaggingUser:
    """A user of the app, and the session that the app keeps of the user.

    Args:
        seed: Of when what the script has sent leaves the server.
        query: Of the address that the user opens.
        path: The page in it.
    """

    def __init__(self, seed: int, query: str = "", path: str = "") -> None:
        self.tab = Tab(query, path)
        self.ticks = 0
        self.lag = 0  # ticks until the tab has what was sent
        self.errors: list[str] = []  # that a page showed with its trace
        self.session = SafeSessionState(SessionState(), lambda: None)
        self._random = random.Random(seed)
        self._runtime = _mock_runtime()
        self._pages = PagesManager(str(ENTRYPOINT), ScriptCache(), setup_watcher=False)
        self._fragments = MemoryFragmentStorage()
        self._queue = ForwardMsgQueue()
        self._on_the_way: deque[tuple[int, ForwardMsg]] = deque()
        self._plan: deque[tuple[int, Action]] = deque()
        self._runner: _Runner | None = None
        self._waiting: RerunData | None = None

    def act(self, *plan: tuple[int, Action]) -> None:
        """Do things one after the other, each so many ticks after the one before, until all is quiet again."""
        due = self.ticks
        for pause, action in plan:
            due += pause
            self._plan.append((due, action))
        while self._waiting or self._plan or self._on_the_way or not self._queue.is_empty():
            if (waiting := self._waiting) is not None:
                self._waiting = None
                self._run(waiting)
            else:
                self._idle()
        self.ticks += self.lag

    def held(self, key: str) -> Any:
        """What the session holds under a key."""
        return self.session[key]

    def tick(self) -> None:
        """Something happens at this place of the script: messages leave and arrive, the user acts."""
        self.ticks += 1
        if self._random.random() < 0.2:
            self._send()
        self._go_on()

    def hear(self, event: ScriptRunnerEvent, message: ForwardMsg) -> None:
        """Something comes from the script."""
        if event == ScriptRunnerEvent.SCRIPT_STARTED:
            self._queue.clear(retain_lifecycle_msgs=True)
        if message.delta.new_element.WhichOneof("type") == "exception":
            self.errors.append(message.delta.new_element.exception.message)
        self._queue.enqueue(message)

    def _run(self, data: RerunData) -> None:
        Runtime._instance = self._runtime
        self._runner = _Runner(self, str(ENTRYPOINT), self.session, self._pages, fragment_storage=self._fragments)
        self._runner.request_rerun(data)
        self._runner.start()
        self._runner.join()
        self._runner = None

    def _idle(self) -> None:
        """Nothing runs: go on to what happens next."""
        self._send()
        self.ticks = min([due for due, _ in [*list(self._on_the_way)[:1], *list(self._plan)[:1]]], default=self.ticks)
        self._go_on()

    def _send(self) -> None:
        self._on_the_way.extend((self.ticks + self.lag, message) for message in self._queue.flush())

    def _go_on(self) -> None:
        while self._on_the_way and self._on_the_way[0][0] <= self.ticks:
            self.tab.take(self._on_the_way.popleft()[1])
        while self._plan and self._plan[0][0] <= self.ticks:
            self._ask(self._plan.popleft()[1](self.tab))

    def _ask(self, sent: ClientState) -> None:
        """As `AppSession.request_rerun`: the script that runs is asked to start over, or stopped for another."""
        data = RerunData(
            query_string=sent.query_string,
            widget_states=sent.widget_states,
            page_script_hash=sent.page_script_hash,
            page_name=sent.page_name,
            fragment_id=sent.fragment_id or None,
            is_history_navigation=sent.is_history_navigation,
        )
        fast = bool(config.get_option("runner.fastReruns")) and not data.fragment_id
        if self._runner is not None and not fast and self._runner.request_rerun(data):
            return
        if self._runner is not None:
            self._runner.request_stop()
        self._waiting = data


class _Runner(LocalScriptRunner):
    """Runs the app's script, and lets the clock of a user tick."""

    def __init__(self, user: LaggingUser, *arguments: Any, **options: Any) -> None:
        self._user = user
        super().__init__(*arguments, **options)
        self.on_event.connect(self._hear, weak=False)

    def _maybe_handle_execution_control_request(self) -> None:
        if self._is_in_script_thread() and self._execing:
            self._user.tick()
        super()._maybe_handle_execution_control_request()

    def _hear(self, sender: object, event: ScriptRunnerEvent, **data: Any) -> None:
        """Messages as `AppSession` makes them."""
        message = data.get("forward_msg") or ForwardMsg()
        if event == ScriptRunnerEvent.SCRIPT_STARTED:
            message.new_session.page_script_hash = data["page_script_hash"]
        elif event in _FINISHED:
            message.script_finished = _FINISHED[event]
        elif event != ScriptRunnerEvent.ENQUEUE_FORWARD_MSG:
            return
        if (run := data.get("run_descriptor")) is not None:
            message.metadata.run.script_run_id = run.script_run_id
        self._user.hear(event, message)


def _mock_runtime() -> MagicMock:
    """What scripts need of a server, as `AppTest` has it."""
    runtime = MagicMock(spec=Runtime)
    runtime.media_file_mgr = MediaFileManager(MemoryMediaFileStorage("/mock/media"))
    runtime.dataframe_source_mgr = DataframeSourceManager()
    runtime.cache_storage_manager = MemoryCacheStorageManager()
    runtime.bidi_component_registry = BidiComponentManager()
    return runtime
