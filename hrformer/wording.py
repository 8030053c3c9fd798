"""How error messages quote what they were given."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 60
_MOST = 5


def shown(value: object) -> str:
    """A value as error messages quote it: cut where it is long, its type where it cannot be written at all."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of more than 4,300 digits, a list thousands of levels deep
        return f"a {type(value).__name__} too large to show"
    return _cut(text)


def listed(names: Sequence[str]) -> str:
    """The first names of many, without quotes."""
    return ", ".join([*map(_cut, names[:_MOST]), *(["…"] if len(names) > _MOST else [])])


def _cut(text: str) -> str:
    if not text.isprintable():
        text = repr(text)[1:-1]
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}…"
