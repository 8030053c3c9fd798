"""Values that a server keeps for its users, bounded by the memory they hold."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from threading import Lock
from typing import Any

import numpy as np
from torch import Tensor, nn

from explorer.units import MIB


class SharedCache:
    """The values used last, as many as fit.

    A value that falls out lives on where it is still being looked at.

    Args:
        limit_mib: What all values together may hold, MiB; the newest is kept even if it holds more.
        most: How many values there may be.
        unused_s: Seconds after which a value that nobody used is dropped, at the next use of the cache.
        now: A clock in seconds.
    """

    def __init__(
        self,
        limit_mib: float,
        *,
        most: float = math.inf,
        unused_s: float = math.inf,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_mib, self._most, self._unused_s, self._now = limit_mib, most, unused_s, now
        self._values: OrderedDict[Hashable, _Kept] = OrderedDict()  # the longest unused first
        self._lock = Lock()

    def get(self, key: Hashable) -> Any:
        """The value of a key; None if there is none."""
        with self._lock:
            self._drop_unused()
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            self._values[key].used_s = self._now()
            return self._values[key].value

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value, and drop those unused for longest until all fit."""
        with self._lock:
            self._drop_unused()
            self._values[key] = _Kept(value, size_mib(value), self._now())
            self._values.move_to_end(key)
            while len(self._values) > 1 and (self._held_mib() > self._limit_mib or len(self._values) > self._most):
                self._values.popitem(last=False)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._values.clear()

    @property
    def held_mib(self) -> float:
        """What the values hold, MiB."""
        with self._lock:
            return self._held_mib()

    def _held_mib(self) -> float:
        return sum(kept.size_mib for kept in self._values.values())

    def _drop_unused(self) -> None:
        oldest_s = self._now() - self._unused_s
        while self._values and next(iter(self._values.values())).used_s < oldest_s:
            self._values.popitem(last=False)


@dataclass
class _Kept:
    """A value, what it holds, and when it was used last."""

    value: Any
    size_mib: float
    used_s: float


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
