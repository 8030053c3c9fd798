"""What a comparison by training will take: memory of its processes, and time."""

from __future__ import annotations

import os

from explorer.ablation.recipe import TrainingJob, TrainingPlan
from explorer.units import MIB

DEFAULT_PROCESSES = 2
#: Interpreter, libraries, weights and gradients of the small variant, MiB.
_PROCESS_MIB = 420.0
#: Activations kept for the backward pass, MiB for an image of 112x112 pixels; measured on the default recipe.
_IMAGE_MIB = 26.0
_REFERENCE_PIXELS = 112 * 112
#: Processor time of an image of that size in an update, s, and of everything around a training's updates.
_IMAGE_S = 0.033
_START_S = 25.0
#: A canvas has three colours and a label, a byte each.
_CANVAS_BYTES = 4


def check_memory(plan: TrainingPlan, processes: int, free_mib: float) -> None:
    """Refuse a plan that does not fit the memory.

    Args:
        plan: The plan.
        processes: How many of its jobs train at once.
        free_mib: Free memory, MiB.

    Raises:
        ValueError: Naming what it needs, what there is and what would fit.
    """
    one = max(needed_mib(job) for job in plan.jobs())
    if one * processes <= free_mib:
        return
    fits = int(free_mib // one)
    advice = f"train {fits} at a time" if fits else "use fewer canvases or a smaller batch, or free some memory"
    raise ValueError(
        f"{processes} trainings at once need about {one * processes:,.0f} MiB, {free_mib:,.0f} MiB are free: {advice}."
    )


def estimate_seconds(plan: TrainingPlan, processes: int = DEFAULT_PROCESSES) -> float:
    """Rough duration of a plan, s; processes beyond the cores make it no shorter."""
    seconds = sum(
        _START_S + job.recipe.steps * _IMAGE_S * job.recipe.batch_size * job.side**2 / _REFERENCE_PIXELS
        for job in plan.jobs()
    )
    return seconds / min(processes, os.cpu_count() or 1)


def needed_mib(job: TrainingJob) -> float:
    """Memory of one training process, MiB."""
    canvases = job.recipe.canvases * job.canvas_side**2 * _CANVAS_BYTES / MIB
    return _PROCESS_MIB + canvases + job.recipe.batch_size * _IMAGE_MIB * job.side**2 / _REFERENCE_PIXELS
