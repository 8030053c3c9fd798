"""The sets of weights in one file: under which wrappers they lie, which of them are averages, which one is taken."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hrformer.pickled_state import StoredTensor
from hrformer.wording import listed, shown

EMA = "ema"
RAW = "raw"

#: Wrappers that training code puts around weights, and around moving averages of them.
_RAW_WRAPPERS = (
    *("state_dict", "model", "model_state", "model_state_dict"),
    *("net", "network", "params", "module", "student"),
)
_EMA_WRAPPERS = ("state_dict_ema", "model_ema", "ema", "ema_state_dict", "ema_model", "params_ema", "teacher")
#: The same within one state dict, before the keys.
_EMA_PREFIX = re.compile(r"^((module|model)\.)*(teacher|ema|model_ema|ema_model)\.")
_DEEPEST = 4
#: What tells MMEngine's files: its EMA hook saves the average as `state_dict` and the raw weights as `ema_state_dict`.
_MMENGINE = ("message_hub", "mmengine_version")
_MMENGINE_STEPS = "steps"
_LAST_STAGE = "stage4."


@dataclass(frozen=True)
class WeightSet:
    """One set of weights.

    Attributes:
        name: "ema" or "raw"; where it lies, beside another of its kind.
        place: The keys that lead to it, joined by dots; empty where it is the file itself.
        weights: Its entries.
        others: The names of the other sets.
        beside: The names of what lies beside it and is not of it.
    """

    name: str
    place: str
    weights: Mapping[str, Any]
    others: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Leaf:
    averaged: bool
    place: str
    weights: Mapping[str, Any]


def weight_sets(saved: Mapping[str, Any]) -> list[WeightSet]:
    """The sets of weights in what was saved, that which is to be taken first: an average comes before raw weights.

    Where there is none, the only one is what was saved.
    """
    leaves = [part for leaf in _leaves(saved, "", False, set()) for part in _parted(leaf)]
    ours = [leaf for leaf in leaves if _is_of_hrformer(leaf.weights)] or leaves[:1]
    ours = sorted(ours or [_Leaf(False, "", saved)], key=lambda leaf: not leaf.averaged)
    named: dict[str, _Leaf] = {}
    for leaf in ours:
        name = EMA if leaf.averaged else RAW
        named.setdefault(name if name not in named else leaf.place, leaf)
    tops = {leaf.place.partition(".")[0] for leaf in ours}
    beside = tuple(
        str(key) for key, value in saved.items() if key not in tops and ("" not in tops or not _is_tensor(value))
    )
    return [
        WeightSet(name, leaf.place, leaf.weights, tuple(other for other in named if other != name), beside)
        for name, leaf in named.items()
    ]


def chosen_set(sets: list[WeightSet], name: str | None) -> WeightSet:
    """The set of that name; the first, where none is asked for.

    Raises:
        ValueError: If there is no such set.
    """
    for each in sets:
        if name in (None, each.name):
            return each
    raise ValueError(f"weights = {shown(name)} is not in the file: it has {listed([each.name for each in sets])}.")


def _leaves(saved: Mapping[str, Any], place: str, averaged: bool, seen: set[int]) -> Iterator[_Leaf]:
    """Each mapping once, however often a file refers to it."""
    if id(saved) in seen or place.count(".") >= _DEEPEST:
        return
    seen.add(id(saved))
    wrappers = [key for key in (*_EMA_WRAPPERS, *_RAW_WRAPPERS) if _may_hold(saved.get(key))]
    for key in wrappers:
        is_average = averaged or _is_average(saved, key)
        yield from _leaves(saved[key], f"{place}.{key}".lstrip("."), is_average, seen)
    if _is_of_hrformer(saved) or (not wrappers and _may_hold(saved)):
        yield _Leaf(averaged, place, saved)


def _is_average(saved: Mapping[str, Any], key: str) -> bool:
    if key in ("state_dict", "ema_state_dict") and _is_swapped(saved):
        return key == "state_dict"
    return key in _EMA_WRAPPERS


def _is_swapped(saved: Mapping[str, Any]) -> bool:
    """Whether MMEngine's runner wrote it with an average."""
    meta, average = saved.get("meta"), saved.get("ema_state_dict")
    if not _may_hold(average) or not _may_hold(saved.get("state_dict")):
        return False
    told = any(mark in saved or (isinstance(meta, Mapping) and mark in meta) for mark in _MMENGINE)
    return told or (isinstance(average, Mapping) and _MMENGINE_STEPS in average)


def _parted(leaf: _Leaf) -> list[_Leaf]:
    """Teacher and student, or a model and its average, that lie in one state dict."""
    averages = {key: value for key, value in leaf.weights.items() if _EMA_PREFIX.match(str(key))}
    if leaf.averaged or not averages:
        return [leaf]
    rest = {key: value for key, value in leaf.weights.items() if key not in averages}
    # Where they lie is told by the average's prefix; the rest is where the state dict is.
    prefix = next(match[0] for key in averages if (match := _EMA_PREFIX.match(key))).rstrip(".")
    return [_Leaf(True, f"{leaf.place}.{prefix}".lstrip("."), averages), _Leaf(False, leaf.place, rest)]


def _is_of_hrformer(weights: Mapping[str, Any]) -> bool:
    return any(_LAST_STAGE in str(key) for key in weights)


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor | StoredTensor)


def _may_hold(value: object) -> bool:
    """Whether weights may lie in it or below; a configuration under the same key has neither tensors nor wrappers."""
    kinds = (Tensor, StoredTensor, Mapping)
    return isinstance(value, Mapping) and any(isinstance(inner, kinds) for inner in value.values())
