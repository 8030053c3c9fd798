"""Counts of models that outlive the process: a small file each, in a folder beside the store of records.

To count a model is to build it and to run it without memory, up to seconds of Python; what comes out depends on the
model, the image size and the code alone. A file that is damaged, of other versions or cannot be written costs no more
than counting again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, cast

from explorer import places

Counts = dict[str, int]

#: The oldest files go when there are more; each takes a block of the disk, 4 KiB as a rule.
MOST_FILES = 2_000
_MOST_CHARACTERS = 2**16
_SUFFIX = ".count"
#: What builds the models and counts them: when it changes, all is counted again.
CODE = (
    "hrformer/*.py",
    "explorer/models/dense_baselines.py",
    "explorer/models/catalogue.py",
    "explorer/models/model_ref.py",
    "explorer/models/counting.py",
    "explorer/benchmark/footprint.py",
    "explorer/models/flops.py",
)
# Threads that count at once take as long together, and one finds what another has just counted. Also, what PyTorch
# notes for the process of a mode of operators (`is_in_torch_dispatch_mode`) holds for one at a time.
_counting = Lock()


def kept(key: Mapping[str, Any], count: Callable[[], Counts]) -> Counts:
    """What was counted under a key by these versions, in this process or another; counted now where it was not.

    Args:
        key: What the counts depend on beside the versions, as JSON values.
        count: Counts, one thread at a time; what it raises is raised here, and nothing is kept.
    """
    written_key = json.dumps({**key, "versions": versions()}, sort_keys=True)
    name = f"{sha256(written_key.encode()).hexdigest()}{_SUFFIX}"
    beside = folder()
    path = None if beside is None else beside / name
    found = _read(path, written_key)
    if found is not None:
        return found
    with _counting:
        found = _read(path, written_key)
        if found is None:
            found = count()
            _write(path, written_key, found)
    return found


def folder() -> Path | None:
    """Beside the store of records, or beside the default one where the store is a server; None where no store is."""
    from explorer.records.database import parse_url, sqlite_path
    from explorer.records.store_errors import StoreError

    try:
        path = sqlite_path(parse_url(places.store_url()))
    except StoreError:
        return None
    if path is None:
        path = places.default_store()
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)  # no store makes it there
    return path.parent / "counts"


@lru_cache(maxsize=1)
def versions() -> dict[str, Any]:
    """What decides the counts of a model beside its name and size."""
    import timm
    import torch
    from timm.layers.config import use_fused_attn

    code = sha256()
    for path in sorted(path for pattern in CODE for path in places.CODE.glob(pattern)):
        code.update(path.read_bytes())
    return {
        "torch": torch.__version__,
        "timm": timm.__version__,
        "fused_attention": use_fused_attn(),
        "code": code.hexdigest(),
    }


def _read(path: Path | None, key: str) -> Counts | None:
    """The counts in a file; None where there is none, or it is not as it was written under this key."""
    if path is None:
        return None
    try:
        with path.open(encoding="utf-8") as file:
            digest, written_key, counts = file.read(_MOST_CHARACTERS).splitlines()
    except (OSError, ValueError):
        return None
    if written_key != key or digest != _digest(key, counts):
        return None
    return cast("Counts", json.loads(counts))


def _write(path: Path | None, key: str, counts: Counts) -> None:
    """Make or replace a file as a whole, or leave it out where the folder cannot be written."""
    if path is None:
        return
    text = json.dumps(counts)
    unfinished = path.with_name(f"{uuid.uuid4().hex}.unfinished{_SUFFIX}")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        try:
            unfinished.write_text(f"{_digest(key, text)}\n{key}\n{text}\n", encoding="utf-8")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        _drop_oldest(path.parent)


def _drop_oldest(folder: Path) -> None:
    """Also files that a killed process left unfinished."""
    oldest_first = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime)
    for path in oldest_first[:-MOST_FILES]:
        path.unlink(missing_ok=True)


def _digest(key: str, counts: str) -> str:
    return sha256(f"{key}\n{counts}".encode()).hexdigest()
