"""A process of its own that reads hostile files, and tells what each did: `python -m tests.fuzz.child pictures`.

An audit hook sees what the interpreter is about to do, so that running code and writing files are noticed even where
they fail.
"""

import io
import json
import os
import resource
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from explorer.processes.memory import peak_rss_mib, reset_peak_rss, rss_mib
from tests.fuzz.checkpoints import EXECUTED

_FORBIDDEN = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "subprocess.Popen", "socket.connect")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ADDRESS_SPACE = 8 * 2**30


class _Watch:
    """What the interpreter did that no reading of a file may do."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.seen: list[str] = []
        self.active = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        outside = event == "open" and arguments[2] & _WRITING and not str(arguments[0]).startswith(self.folder)
        if outside or event in _FORBIDDEN:
            self.seen.append(f"{event} {str(arguments)[:200]}")


class _Calls:
    """Counts the calls of Python and C functions: the same number on an idle machine and on a busy one."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _frame: FrameType, event: str, _argument: Any) -> None:
        self.count += event in ("call", "c_call")

    def __enter__(self) -> "_Calls":
        sys.setprofile(self)
        return self

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(None)


def main(kind: str) -> None:
    folder = Path(os.environ["TMPDIR"])
    cases = import_module(f"tests.fuzz.{kind}").cases()
    read = _readers()
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    watch = _Watch(folder)
    sys.addaudithook(watch)
    before_all = set(folder.iterdir())  # torch makes a folder when it is imported
    for name, contents in cases:
        print(json.dumps({"begins": name}), flush=True)
        reset_peak_rss()
        before = rss_mib()
        watch.seen.clear()
        watch.active = True
        with warnings.catch_warnings(), _Calls() as calls:
            warnings.simplefilter("ignore")
            error = _error_of(read[name.rsplit(".", 1)[1] if kind != "pictures" else "picture"], contents, name)
        watch.active = False
        left = sorted(path.name for path in set(folder.iterdir()) - before_all)
        print(
            json.dumps(
                {
                    "name": name,
                    "calls": calls.count,
                    "mib": peak_rss_mib() - before,
                    "error": error and [type(error).__name__, str(error), isinstance(error, ValueError)],
                    "seen": watch.seen + [f"left {path}" for path in left] + [EXECUTED] * Path(EXECUTED).exists(),
                }
            ),
            flush=True,
        )


def _error_of(read: Callable[[bytes, str], Any], contents: bytes, name: str) -> Exception | None:
    try:
        read(contents, name)
    except Exception as error:  # noqa: BLE001 - whatever comes is reported to the test
        return error
    return None


def _readers() -> dict[str, Callable[[bytes, str], Any]]:
    from explorer.benchmark.plan import Plan
    from explorer.models.variants import from_json
    from explorer.models.weights import checkpoint_of, model_of
    from explorer.pictures.photographs import read_picture
    from explorer.records.exchange import read_csv
    from hrformer.checkpoint import read_weights

    def checkpoint(contents: bytes, name: str) -> Any:
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(contents)
            return model_of(checkpoint_of(read_weights(path), img_size=(64, 64)))

    return {
        "picture": lambda contents, _: read_picture(contents),
        "json": lambda contents, _: from_json(contents),
        "yaml": lambda contents, _: Plan.from_yaml(contents.decode(errors="replace")),
        "csv": lambda contents, _: list(read_csv(io.BytesIO(contents))),
        **dict.fromkeys(("pth", "pt", "safetensors"), checkpoint),
    }


if __name__ == "__main__":
    main(sys.argv[1])
