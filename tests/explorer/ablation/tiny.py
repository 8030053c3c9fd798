"""Trainings that end within seconds, and made-up results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from explorer.ablation.recipe import (
    Recipe,
    TrainingJob,
    TrainingPlan,
    arm_of,
)
from explorer.models.trained import trained_config
from explorer.records.training_record import TrainingRecord

VARIANT = replace(trained_config(), img_size=(64, 64), channels=(4, 8, 8, 8), num_heads=(1, 2, 2, 2))
RECIPE = Recipe(
    steps=6, batch_size=2, warmup_steps=2, canvases=8, evaluate_every=3, validation_canvases=2, test_canvases=2
)


def tiny_job(arm: str = "3x3", seed: int = 0, **recipe: Any) -> TrainingJob:
    return TrainingJob(arm=arm, seed=seed, variant=arm_of(VARIANT, arm), recipe=replace(RECIPE, **recipe))


def tiny_plan(**recipe: Any) -> TrainingPlan:
    return TrainingPlan(arms=("3x3", "none"), seeds=(0,), recipe=replace(RECIPE, **recipe), variant=VARIANT)


def example_training(arm: str = "3x3", seed: int = 0, miou: float = 0.5, **values: Any) -> TrainingRecord:
    job = tiny_job(arm, seed)
    defaults: dict[str, Any] = {
        "steps": 600,
        "params": 1000,
        "pixel_accuracy": 0.9,
        "foreground_accuracy": 0.8,
        "near_border_accuracy": 0.7,
        "away_accuracy": 0.75,
        "train_wall_s": 100.0,
        "step_cpu_ms": 200.0,
        "data_cpu_share": 0.04,
        "device_name": "A processor",
        "hostname": "here",
        "variant": job.variant.to_dict(),
        "recipe": job.recipe.to_dict(),
        "curve": {"step": [300.0, 600.0], "loss": [1.0, 0.5], "miou": [0.2, miou]},
        "environment": {"os": "Linux"},
    }
    return TrainingRecord(arm=arm, seed=seed, miou=miou, **{**defaults, **values})
