"""Which records are meant: filters by column, checked against the record's columns, as SQL conditions."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, true

from explorer.records.schema import RECORDS

#: Database drivers bind 32,766 (SQLite) or 65,535 (PostgreSQL) values in one statement.
_MAX_LISTED = 10_000


class Between(NamedTuple):
    """A filter that keeps values from `low` to `high`, both included; None leaves that end open."""

    low: Any = None
    high: Any = None


#: Column name to what it must be: a value, a `Between`, a list (any of its values) or None (empty).
Filters = Mapping[str, Any]


def conditions(filters: Filters) -> Iterator[ColumnElement[bool]]:
    """The filters as conditions that exclude each other: one, or several where a list of values is very long.

    Raises:
        ValueError: If a filter names no column of the store.
    """
    lists = {name: list(dict.fromkeys(value)) for name, value in filters.items() if _is_list(value)}
    longest = max(lists, key=lambda name: len(lists[name]), default=None)
    common = [_condition(name, lists.get(name, value)) for name, value in filters.items() if name != longest]
    if longest is None:
        yield and_(true(), *common)
        return
    values = lists[longest]
    for start in range(0, max(1, len(values)), _MAX_LISTED):
        yield and_(column_of(longest).in_(values[start : start + _MAX_LISTED]), *common)


def column_of(name: str) -> ColumnElement[Any]:
    """The store's column of that name.

    Raises:
        ValueError: If there is none, with the nearest names.
    """
    if name not in RECORDS.columns:
        nearest = difflib.get_close_matches(name, RECORDS.columns.keys(), n=3) or RECORDS.columns.keys()
        raise ValueError(f"{name!r} is not a column of the store: use {', '.join(nearest)}.")
    return RECORDS.columns[name]


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and not isinstance(value, Between)


def _condition(name: str, wanted: Any) -> ColumnElement[bool]:
    column = column_of(name)
    if isinstance(wanted, Between):
        ends = [column >= wanted.low] if wanted.low is not None else []
        ends += [column <= wanted.high] if wanted.high is not None else []
        return and_(true(), *ends)
    if isinstance(wanted, list):
        return column.in_(wanted)
    return column.is_(None) if wanted is None else column == wanted
