"""What worker processes and their parents say to each other: typed messages, each one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, Self, TypeVar

_TYPE = "message"


@dataclass(frozen=True)
class Message:
    """Something that a worker process tells its parent.

    Subclasses are frozen dataclasses of JSON values; one with other values overrides `from_json`.
    """

    def to_line(self) -> str:
        """As one line of JSON, with the name of its type."""
        return json.dumps({_TYPE: type(self).__name__, **asdict(self)})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """From the fields as JSON values.

        Raises:
            TypeError, KeyError or ValueError: If they are others.
        """
        return cls(**values)


@dataclass(frozen=True)
class Failed(Message):
    """The work ends here; every worker may say so.

    Attributes:
        reason: Why, in one line.
        out_of_memory: Whether memory ran out.
    """

    reason: str
    out_of_memory: bool = False


M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Worker(Generic[M]):
    """A module that runs in a process of its own, and what it may say.

    Attributes:
        module: Run by `python -m`, it calls `explorer.processes.child.serve`.
        activity: What it does, for sentences such as "the measuring process was killed".
        messages: The types that its parent understands, beside `Failed`.
    """

    module: str
    activity: str
    messages: tuple[type[M], ...]

    def understood(self, line: bytes) -> M | Failed:
        """What a line says.

        Raises:
            MessageError: If the parent does not know such a message, or its fields.
        """
        known: tuple[type[M] | type[Failed], ...] = (*self.messages, Failed)
        try:
            values = json.loads(line)
            name = values.pop(_TYPE)
            message = next((kind.from_json(values) for kind in known if kind.__name__ == name), None)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise MessageError(f"the {self.activity} process sent a message that can't be read") from error
        if message is None:
            raise MessageError(f"the {self.activity} process sent a message of an unknown type: {name!r}")
        return message


class MessageError(ValueError):
    """A worker process said something that its parent does not understand."""
