"""The weights that ship: the 3x3 arm of the ablation, trained longer. `make weights` makes them again."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tqdm import tqdm

from explorer.ablation.recipe import Recipe, TrainingJob
from explorer.ablation.scores import Scores
from explorer.ablation.training import Outcome, train
from explorer.ablation.training_messages import StepDone
from explorer.models.trained import SEGMENTER, trained_config
from hrformer import HRFormer

#: Longer, over more pictures, so that none is seen more than about six times, and nearer to what the score counts.
RECIPE = Recipe(steps=6000, canvases=8000, background_weight=0.5, evaluate_every=500, warmup_steps=100)
SEED = 0


def shipped_job() -> TrainingJob:
    """What `make weights` trains."""
    return TrainingJob(arm="3x3", seed=SEED, variant=trained_config(), recipe=RECIPE)


def write_weights(model: HRFormer, path: Path) -> None:
    """Store a model's weights with half precision: (almost) half the size, and the same segmentation."""
    halved = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_file(halved, path)


def main() -> None:
    """Train on one thread, from the checkpoint on where there is one, and write the weights."""
    torch.set_num_threads(1)
    job = shipped_job()
    checkpoint = Path("results", "training", f"{job.job_id}.pt")
    with tqdm(total=job.recipe.steps, unit="step", file=sys.stderr) as bar:

        def show(now: StepDone) -> None:
            bar.update(now.step - bar.n)
            bar.set_postfix({"loss": now.loss, **_last_scores(now)})

        model, outcome = train(job, checkpoint, show)
    write_weights(model, SEGMENTER.path)
    print(_describe(outcome))


def _last_scores(now: StepDone) -> dict[str, float]:
    return {"miou": now.curve[-1]["miou"]} if now.curve else {}


def _describe(outcome: Outcome[Scores]) -> str:
    per_step_ms = 1e3 * outcome.times.cpu_s / RECIPE.steps
    return (
        f"{SEGMENTER.path}: test mIoU {outcome.scores.miou:.3f}, pixel accuracy {outcome.scores.pixel_accuracy:.3f}, "
        f"{outcome.times.wall_s / 60:.0f} min, {per_step_ms:.0f} ms of processor time a step."
    )


if __name__ == "__main__":
    main()
