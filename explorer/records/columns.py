"""The columns that a record consists of: their types, what is legal in them, and how an error names a wrong value."""

from __future__ import annotations

import hashlib
import json
import math
import types
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from hrformer.wording import shown


class Column(NamedTuple):
    """A field of a record as stores and CSV files see it.

    Attributes:
        name: The field's name.
        type: str, int, float, bool, dict (JSON object) or tuple (of floats).
        optional: Whether None is legal.
        choices: The legal texts, or none when any text is.
    """

    name: str
    type: type
    optional: bool
    choices: tuple[str, ...]


def columns_of(record_type: type) -> tuple[Column, ...]:
    """The fields of a dataclass in order."""
    hints = get_type_hints(record_type)
    return tuple(_column(name, hint) for name, hint in hints.items())


def json_text(values: Mapping[str, Any]) -> str:
    """Canonical JSON, as `HRFormerConfig.to_json` writes it: keys sorted, ASCII only."""
    return json.dumps(values, sort_keys=True, allow_nan=False)


def json_id(values: Mapping[str, Any]) -> str:
    """Short hash of the canonical JSON."""
    return hashlib.sha256(json_text(values).encode()).hexdigest()[:12]


def check_value(column: Column, value: object) -> Any:
    """The value in the field's own type.

    Raises:
        ValueError: If it is not a legal value of the field.
    """
    if value is None:
        if column.optional:
            return None
        raise ValueError(f"{column.name} is empty: give {_wanted(column)}.")
    try:
        return _CHECKS[column.type](column, value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise ValueError(f"{column.name} = {shown(value)} is not legal: give {_wanted(column)}.") from None


def _column(name: str, hint: object) -> Column:
    origin = get_origin(hint)
    optional = origin in (Union, types.UnionType)
    if optional:
        (hint,) = (item for item in get_args(hint) if item is not type(None))
        origin = get_origin(hint)
    if origin is Literal:
        return Column(name, str, optional, get_args(hint))
    if origin is None and isinstance(hint, type):
        return Column(name, hint, optional, ())
    return Column(name, tuple if origin is tuple else dict, optional, ())


def _text(column: Column, value: object) -> str:
    """Text that every database and CSV file can hold: not empty, no NUL, valid Unicode."""
    if not isinstance(value, str) or not value or "\0" in value or (column.choices and value not in column.choices):
        raise ValueError
    value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return value


def _boolean(_: Column, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _integer(_: Column, value: object) -> int:
    # Signed 64 bit is what databases hold.
    if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= int(value) < 2**63:
        raise ValueError
    return int(value)


def _number(_: Column, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _json_object(_: Column, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    parsed: dict[str, Any] = json.loads(json_text(dict(value)))  # tuples become lists, as after a round trip
    return parsed


def _numbers(column: Column, value: object) -> tuple[float, ...]:
    if not isinstance(value, tuple | list):
        raise TypeError
    return tuple(_number(column, item) for item in value)


_CHECKS = {str: _text, bool: _boolean, int: _integer, float: _number, dict: _json_object, tuple: _numbers}

_WANTED = {
    str: "a text that is not empty, without NUL characters",
    bool: "true or false",
    int: "a whole number from 0",
    float: "a finite number",
    dict: "a JSON object without NaN or infinity",
    tuple: "a list of finite numbers",
}


def _wanted(column: Column) -> str:
    wanted = f"one of {', '.join(column.choices)}" if column.choices else _WANTED[column.type]
    return f"{wanted}, or nothing" if column.optional else wanted
