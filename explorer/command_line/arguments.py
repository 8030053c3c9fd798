"""How the commands read what is typed: each reader raises `argparse.ArgumentTypeError` with what was wrong."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hrformer.wording import shown

Value = TypeVar("Value")

#: Signed 64 bit is what databases hold.
_MOST_DIGITS = 18


def check_output(path: Path | None) -> None:
    """Find out before the work whether its result could be written; None is no file.

    Raises:
        ValueError: If it could not.
    """
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file in it.")
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is no folder: make it, or name another file.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"{path} cannot be written: allow it, or name another file.")


def listed(read: Callable[[str], Value]) -> Callable[[str], list[Value]]:
    """A reader of values separated by commas, from a reader of one."""

    def parse(text: str) -> list[Value]:
        return [read(part.strip()) for part in text.split(",") if part.strip()]

    return parse


def whole_number(text: str) -> int:
    """Digits only, such as 8; at most what databases hold.

    Raises:
        argparse.ArgumentTypeError: If it is no whole number.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{shown(text)} is no whole number")
    if len(text) > _MOST_DIGITS:
        raise argparse.ArgumentTypeError(f"{shown(text)} has more than {_MOST_DIGITS} digits")
    return int(text)


def image_size(text: str) -> list[int]:
    """224 or 256x192, height and width in pixels.

    Raises:
        argparse.ArgumentTypeError: If it is no image size.
    """
    sides = [whole_number(side) for side in text.split("x")]
    if len(sides) > 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no image size; give height x width, such as 256x192")
    return [sides[0], sides[-1]]


def field_value(text: str) -> tuple[str, Any]:
    """relative_position_bias=false: a field of a variant and its value, as JSON or as the text that it is.

    Raises:
        argparse.ArgumentTypeError: If it is no such pair.
    """
    field, equals, value = text.partition("=")
    if not field or not equals:
        raise argparse.ArgumentTypeError(
            f"{shown(text)} is no field with its value, such as relative_position_bias=false"
        )
    try:
        return field, json.loads(value)
    except (ValueError, RecursionError):
        return field, value
