"""Checkpoints of trainings: where they are, written as a whole or not at all, never read as anything but weights."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from explorer.ablation.recipe import TrainingJob, TrainingPlan
from explorer.file_times import modified_ns
from explorer.places import default_store
from explorer.units import MIB, counted


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
            f"The checkpoint {path} cannot be read: it is damaged or of another program. Delete it to start over."
        ) from error
    if not isinstance(state, dict):
        raise CheckpointError(f"The checkpoint {path} is of another program: delete it to start over.")
    return state


def checkpoint_folder(store_location: str) -> Path:
    """Where checkpoints are kept: beside the store, or beside the default one where the store is a server.

    Args:
        store_location: `Store.location`.
    """
    path = default_store() if "://" in store_location else Path(store_location)
    return path.parent / "training"


def checkpoint_path(folder: Path, job: TrainingJob) -> Path:
    """Where a training's checkpoint is kept: named by the hash of all its settings."""
    return folder / f"{job.job_id}.pt"


def saved_step(path: Path) -> int:
    """The step at which a checkpoint is; 0 where there is none, or a damaged one."""
    return _saved(path, modified_ns(path)).step if path.exists() else 0


def resumable(plan: TrainingPlan, folder: Path) -> int:
    """How many of a plan's trainings have a checkpoint."""
    return sum(checkpoint_path(folder, job).exists() for job in plan.jobs())


def half_done(plan: TrainingPlan, folder: Path) -> tuple[int, ...]:
    """The steps at which a plan's checkpoints are, in its order; 0 for one that is damaged."""
    paths = (checkpoint_path(folder, job) for job in plan.jobs())
    return tuple(saved_step(path) for path in paths if path.exists())


def unfinished_otherwise(plan: TrainingPlan, folder: Path) -> str | None:
    """What is kept of trainings with other steps, arms or seeds, and how to resume it; None where there is nothing.

    Returns:
        One sentence. Other recipes, such as that of the weights that ship, are not spoken of: no plan resumes them.
    """
    here = plan.recipe.to_dict()
    others = sorted(set(folder.glob("*.pt")) - {checkpoint_path(folder, job) for job in plan.jobs()})
    kept = [
        recipe["steps"]
        for path in others
        if (recipe := _saved(path, modified_ns(path)).recipe) and recipe | {"steps": 0} == here | {"steps": 0}
    ]
    if not kept:
        return None
    steps = ", ".join(f"{number:,}" for number in sorted(set(kept)))
    verb = "is" if len(kept) == 1 else "are"
    return (
        f"{counted(len(kept), 'unfinished training')} {verb} kept with other settings (steps {steps}, here "
        f"{plan.recipe.steps:,}): give their steps, arms and seeds to resume."
    )


class _Saved(NamedTuple):
    """What a checkpoint says of itself; the recipe is None in one that is damaged or of another program."""

    recipe: dict[str, Any] | None
    step: int


@lru_cache(maxsize=64)
def _saved(path: Path, modified_ns: int) -> _Saved:
    """What a checkpoint says of itself, read once."""
    del modified_ns  # a file that was written again is another one
    try:
        state = read_checkpoint(path) or {}
    except CheckpointError:
        return _Saved(None, 0)
    job, step = state.get("job"), state.get("step")
    recipe = job.get("recipe") if isinstance(job, dict) else None
    is_whole = isinstance(recipe, dict) and isinstance(recipe.get("steps"), int)
    return _Saved(recipe if is_whole else None, step if isinstance(step, int) else 0)
