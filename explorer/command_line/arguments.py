"""How the commands read what is typed: each reader raises `argparse.ArgumentTypeError` with what was wrong."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def listed(read: Callable[[str], Value]) -> Callable[[str], list[Value]]:
    """A reader of values separated by commas, from a reader of one."""

    def parse(text: str) -> list[Value]:
        return [read(part.strip()) for part in text.split(",") if part.strip()]

    return parse


def whole_number(text: str) -> int:
    """Digits only, such as 8.

    Raises:
        argparse.ArgumentTypeError: If it is no whole number.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
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
