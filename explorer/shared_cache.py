"""Values of heavy work that all users of a server share, bounded by the memory they hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from threading import Lock
from typing import Any

import numpy as np
from torch import Tensor, nn

MIB = 2**20


class SharedCache:
    """The values used last, as many as fit.

    A value that falls out lives on where it is still being looked at.

    Args:
        limit_mib: What all values together may hold, MiB; the newest is kept even if it holds more.
    """

    def __init__(self, limit_mib: float) -> None:
        self._limit_mib = limit_mib
        self._values: OrderedDict[Hashable, tuple[Any, float]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Any:
        """The value of a key; None if there is none."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value, and let go of those not used for longest until all fit."""
        with self._lock:
            self._values[key] = value, size_mib(value)
            self._values.move_to_end(key)
            while len(self._values) > 1 and self._held_mib() > self._limit_mib:
                self._values.popitem(last=False)

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._values.clear()

    @property
    def held_mib(self) -> float:
        """What the values hold, MiB."""
        with self._lock:
            return self._held_mib()

    def _held_mib(self) -> float:
        return sum(size for _, size in self._values.values())


def size_mib(value: object) -> float:
    """What the tensors and arrays of a value hold, MiB: of modules, dataclasses, mappings and sequences."""
    if isinstance(value, Tensor | np.ndarray):
        return value.nbytes / MIB
    return sum(map(size_mib, _parts(value)))


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, nn.Module):
        return (*value.parameters(), *value.buffers())
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    if is_dataclass(value):
        return (getattr(value, field.name) for field in fields(value))
    return ()
