"""The weights that ship: the 3x3 arm of the ablation, trained longer, and the same backbone with the pose head.

`make weights` makes them again.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tqdm import tqdm

from explorer.ablation.lessons import POINTING, SEGMENTING, AnyScores, Lesson
from explorer.ablation.recipe import Recipe, TrainingJob
from explorer.ablation.training import Outcome, learn
from explorer.ablation.training_messages import StepDone
from explorer.models.trained import POINTER, SEGMENTER, TrainedNetwork
from hrformer import HRFormer

SEED = 0


@dataclass(frozen=True)
class Shipped:
    """How one of the networks that ship came by its weights.

    Attributes:
        network: Which.
        lesson: What it learned.
        recipe: How.
    """

    network: TrainedNetwork
    lesson: Lesson[AnyScores]
    recipe: Recipe

    @property
    def job(self) -> TrainingJob:
        """What `make weights` trains."""
        return TrainingJob(arm="3x3", seed=SEED, variant=self.network.config, recipe=self.recipe)


#: Longer than the ablation, over more pictures, so that none is seen more than about six times. The background weighs
#: less than what is looked for: nearer to what the scores count.
SHIPPED = (
    Shipped(
        SEGMENTER,
        SEGMENTING,
        Recipe(steps=6000, canvases=8000, background_weight=0.5, evaluate_every=500, warmup_steps=100),
    ),
    Shipped(
        POINTER,
        POINTING,
        Recipe(steps=3000, canvases=4000, background_weight=0.1, evaluate_every=500, warmup_steps=100),
    ),
)


def write_weights(model: HRFormer, path: Path) -> None:
    """Store a model's weights with half precision: (almost) half the size, and the same outputs but for rounding."""
    halved = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_file(halved, path)


def main() -> None:
    """Train on one thread, from the checkpoints on where there are some, and write the weights."""
    torch.set_num_threads(1)
    for shipped in SHIPPED:
        print(_make(shipped))


def _make(shipped: Shipped) -> str:
    """Train one network and write its weights; what came of it."""
    job = shipped.job
    checkpoint = Path("results", "training", f"{job.job_id}.pt")
    with tqdm(total=job.recipe.steps, unit="step", file=sys.stderr, desc=shipped.network.path.stem) as bar:

        def show(now: StepDone) -> None:
            bar.update(now.step - bar.n)
            bar.set_postfix({"loss": now.loss, **_last_scores(now)})

        model, outcome = learn(job, shipped.lesson, checkpoint, show)
    write_weights(model, shipped.network.path)
    return _describe(shipped, outcome)


def _last_scores(now: StepDone) -> dict[str, float]:
    """The first of the scores of the last look: the one that the network is known by."""
    last = now.curve[-1] if now.curve else {}
    return dict([(name, value) for name, value in last.items() if name not in ("step", "loss")][:1])


def _describe(shipped: Shipped, outcome: Outcome[Any]) -> str:
    scores = ", ".join(f"test {name} {value:.3f}" for name, value in outcome.scores.to_dict().items())
    per_step_ms = 1e3 * outcome.times.cpu_s / shipped.recipe.steps
    return (
        f"{shipped.network.path}: {scores}, {outcome.times.wall_s / 60:.0f} min, {per_step_ms:.0f} ms of processor "
        "time a step."
    )


if __name__ == "__main__":
    main()
