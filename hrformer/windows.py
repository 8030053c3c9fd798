"""How a map of tokens is cut into attention windows: the arithmetic alone, without a tensor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WindowGrid:
    """How a map of height x width tokens is cut into windows: zero-padded on both sides, the odd row at the end.

    Attributes:
        height: Rows of tokens before padding.
        width: Columns of tokens before padding.
        size: K, side of a window in tokens.
    """

    height: int
    width: int
    size: int

    @property
    def rows(self) -> int:
        """Windows from top to bottom."""
        return (self.height + self.size - 1) // self.size

    @property
    def columns(self) -> int:
        """Windows from left to right."""
        return (self.width + self.size - 1) // self.size

    @property
    def top(self) -> int:
        """Rows of padding above the map; below is the same or one more."""
        return -self.height % self.size // 2

    @property
    def left(self) -> int:
        """Columns of padding left of the map; on the right is the same or one more."""
        return -self.width % self.size // 2

    @property
    def tokens(self) -> int:
        """Tokens of all windows, padding included."""
        return self.rows * self.columns * self.size**2
