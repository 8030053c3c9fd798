"""Checkpoints of a training: written as a whole or not at all, never read as anything but weights."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

MIB = 2**20


class CheckpointError(RuntimeError):
    """A checkpoint could not be saved or does not fit; the message says what is kept and what would work."""


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Replace a checkpoint; whatever happens, the one before stays whole until the new one is on the disk.

    Args:
        path: The file; its folder is made where it is missing.
        state: Tensors, numbers, texts, and lists and dicts of them.

    Raises:
        CheckpointError: If the disk is full or cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    unfinished = path.with_suffix(".unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        kept = "the one saved before is kept" if path.exists() else "there is none yet"
        raise CheckpointError(
            f"The checkpoint {path} could not be saved ({error.strerror or error}), {kept}: make room for "
            f"{buffer.getbuffer().nbytes / MIB:.0f} MiB there and resume."
        ) from error


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """What `save_checkpoint` wrote, nothing in it executed; None where there is no file.

    Raises:
        CheckpointError: If the file is damaged or of another kind.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"The checkpoint {path} cannot be read: it is damaged or of another program. Delete it to begin anew."
        ) from error
    if not isinstance(state, dict):
        raise CheckpointError(f"The checkpoint {path} is of another program: delete it to begin anew.")
    return state
