"""What takes long to import comes behind the page, and never from two threads at once."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from explorer.ui.later_imports import LaterImports

MODULE = "imported_later"


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Gives what a module of this name shall do when it is imported."""
    monkeypatch.syspath_prepend(tmp_path)
    yield Path(tmp_path, f"{MODULE}.py").write_text
    sys.modules.pop(MODULE, None)


def timers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)}


def eventually(condition: Callable[[], bool], within_s: float = 20.0) -> bool:
    end = time.monotonic() + within_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_modules_are_imported_in_another_thread(write_module: Callable[[str], None]) -> None:
    write_module("import threading\nthread = threading.current_thread()")
    LaterImports([MODULE], delay_s=0.01).begin()
    assert eventually(lambda: hasattr(sys.modules.get(MODULE), "thread"))
    assert sys.modules[MODULE].thread is not threading.current_thread()
    assert sys.modules[MODULE].thread.daemon


def test_nothing_is_imported_while_the_page_is_being_delivered(write_module: Callable[[str], None]) -> None:
    write_module("")
    later = LaterImports([MODULE], delay_s=3600)
    later.begin()
    assert MODULE not in sys.modules
    later.wait()


def test_who_needs_them_waits_for_imports_that_go_on(write_module: Callable[[str], None], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    write_module(
        f"import pathlib, time\nbegun = True\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
        "finished = True"
    )
    later = LaterImports([MODULE], delay_s=0)
    later.begin()
    assert eventually(lambda: hasattr(sys.modules.get(MODULE), "begun"))
    assert not hasattr(sys.modules[MODULE], "finished")
    threading.Timer(0.2, gate.touch).start()
    later.wait()
    assert sys.modules[MODULE].finished


def test_who_needs_them_puts_off_imports_to_come_until_the_next_run(write_module: Callable[[str], None]) -> None:
    write_module("")
    before = timers()
    later = LaterImports([MODULE], delay_s=3600)
    later.begin()
    assert len(timers() - before) == 1
    later.wait()
    assert eventually(lambda: timers() <= before)
    later.delay_s = 0
    later.begin()
    assert eventually(lambda: MODULE in sys.modules)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_module_that_fails_is_tried_once(write_module: Callable[[str], None], tmp_path: Path) -> None:
    count = tmp_path / "count"
    write_module(f"open({str(count)!r}, 'a').write('x')\nraise ImportError('not here')")
    later = LaterImports([MODULE], delay_s=0)
    later.begin()
    assert eventually(lambda: count.exists() and count.read_text() == "x")
    later.wait()
    later.begin()
    time.sleep(0.2)
    assert count.read_text() == "x"
