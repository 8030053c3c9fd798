"""The axes of a plan as fields in which several values are chosen or typed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from explorer.benchmark.measuring.device import device_names
from explorer.benchmark.plan import COMPILE_MODES, JOB_KINDS, MEMORY_FORMATS, PRECISIONS
from explorer.engines.registry import ENGINE_NAMES
from explorer.ui.measure.model_choice import SIZES, parse_img_size, write_img_size

TORCHS_CHOICE = "torch's choice"


@dataclass(frozen=True)
class Axis:
    """One axis of a plan as a field for several values.

    Attributes:
        field: Of `Plan`.
        label: What it is called.
        explanation: One sentence.
        options: Ready choices, the first is the default; of a field for typing, examples.
        parse: A choice as the plan's value; raises ValueError.
        write: The inverse.
        typed: Whether values are typed, with commas between them, instead of chosen. A list to choose from takes a
            typed value for one of its own that looks like it.
        folded: Whether it is seldom needed.
    """

    field: str
    label: str
    explanation: str
    options: tuple[str, ...]
    parse: Callable[[str], Any] = str
    write: Callable[[Any], str] = str
    typed: bool = False
    folded: bool = True

    @property
    def key(self) -> str:
        """Under which the session holds what was chosen."""
        return f"bench_{self.field}"

    @property
    def default(self) -> str | list[str]:
        """What the widget holds at first."""
        return self.options[0] if self.typed else [self.options[0]]

    def read(self, held: str | list[str]) -> tuple[Any, ...]:
        """The plan's values of what the widget holds.

        Raises:
            ValueError: If one of them is illegal.
        """
        texts = [text.strip() for text in held.split(",")] if isinstance(held, str) else held
        return tuple(self.parse(text) for text in texts if text)

    def hold(self, values: Iterable[Any]) -> str | list[str]:
        """The inverse of `read`."""
        texts = [self.write(value) for value in values]
        return ", ".join(texts) if self.typed else texts


def parse_whole(text: str) -> int:
    """A whole number that was typed.

    Raises:
        ValueError: If it is none.
    """
    if not text.strip().isdecimal():
        raise ValueError(f"{text!r} is no whole number: write digits only, such as 8.")
    return int(text)


def _parse_threads(text: str) -> int | None:
    return None if text == TORCHS_CHOICE else parse_whole(text)


def write_threads(threads: int | None) -> str:
    """A number of threads as a choice."""
    return TORCHS_CHOICE if threads is None else str(threads)


AXES = (
    Axis(
        "kinds",
        "Measure",
        "A forward pass, a whole training step (forward, backward, AdamW), or the largest batch that fits.",
        JOB_KINDS,
        folded=False,
    ),
    Axis(
        "batch_sizes",
        "Batch sizes",
        "Images per call; several with commas between them, such as 1, 8.",
        tuple(str(2**power) for power in range(8)),
        parse_whole,
        typed=True,
        folded=False,
    ),
    Axis(
        "img_sizes",
        "Image sizes, height x width in pixels",
        '"own" is the size each model was made for; several with commas between them, such as own, 320x256.',
        SIZES,
        parse_img_size,
        write_img_size,
        typed=True,
        folded=False,
    ),
    Axis("devices", "Devices", "What this machine has.", device_names(), folded=False),
    Axis(
        "engines",
        "Engines",
        "What runs the models, in turns: PyTorch as it is, HRFormer in its optimised form, or others on an exported "
        "file.",
        ENGINE_NAMES,
        folded=False,
    ),
    Axis(
        "threads",
        "CPU threads",
        "torch's intra-op threads, such as 1, 2; for the CPU only.",
        (TORCHS_CHOICE, *(str(2**power) for power in range((os.cpu_count() or 1).bit_length()))),
        _parse_threads,
        write_threads,
        typed=True,
    ),
    Axis("precisions", "Precision", "autocast keeps fp32 weights; tf32 exists on CUDA only.", PRECISIONS),
    Axis("memory_formats", "Memory format", "channels_last often suits convolutions.", MEMORY_FORMATS),
    Axis("compile_modes", "Compile mode", "For the engine torch.compile only.", COMPILE_MODES),
)
