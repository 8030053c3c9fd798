"""Training of one network on the digits: bit for bit the same for a seed on one machine, resumed or not."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic

import torch
from torch import nn

from explorer.ablation.checkpoints import CheckpointError, read_checkpoint, save_checkpoint, saved_step
from explorer.ablation.lessons import SEGMENTING, Lesson, ScoresT
from explorer.ablation.recipe import TrainingJob
from explorer.ablation.scores import Scores
from explorer.ablation.training_messages import StepDone
from explorer.pictures.digits import Canvases, make_canvases
from hrformer import HRFormer, create_model
from hrformer.attention import WindowAttention

#: Updates between two checkpoints; so many a kill costs.
CHECKPOINT_EVERY = 25


@dataclass(frozen=True)
class Times:
    """Seconds, over all sessions of a training.

    Attributes:
        wall_s: Of updates, waiting for the processor included.
        cpu_s: Of this thread in updates.
        data_cpu_s: Of this thread for data: canvases, and crops of them.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    data_cpu_s: float = 0.0


@dataclass(frozen=True)
class Outcome(Generic[ScoresT]):
    """What came of a training.

    Attributes:
        scores: On the test pictures.
        curve: As in `StepDone`.
        times: What it took.
    """

    scores: ScoresT
    curve: list[dict[str, float]]
    times: Times


class Training(Generic[ScoresT]):
    """One network on its way.

    Args:
        job: What is trained.
        lesson: What it learns, which fits the task of the job's variant.
    """

    def __init__(self, job: TrainingJob, lesson: Lesson[ScoresT]) -> None:
        self.job = job
        self.lesson = lesson
        self.step = 0
        self.curve: list[dict[str, float]] = []
        self.times = Times()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            self.model = _new_model(job)
            self._random_state = torch.get_rng_state()
        recipe = job.recipe
        # Fused: one kernel instead of ten small ones for each of several hundred parameters.
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )

    @cached_property
    def canvases(self) -> Canvases:
        """What crops are taken from; making them counts as data."""
        started = time.thread_time()
        canvases = make_canvases("train", self.job.recipe.canvases, self.job.canvas_side)
        taken_s = time.thread_time() - started
        self.times = replace(self.times, data_cpu_s=self.times.data_cpu_s + taken_s)
        return canvases

    @cached_property
    def validation(self) -> Canvases:
        """What is looked at on the way."""
        return make_canvases("validation", self.job.recipe.validation_canvases, self.job.side)

    @property
    def is_finished(self) -> bool:
        """Whether all updates are done."""
        return self.step >= self.job.recipe.steps

    def update(self) -> float:
        """One update; its loss."""
        recipe, canvases = self.job.recipe, self.canvases
        started, cpu_started = time.monotonic(), time.thread_time()
        self.model.train()
        images, wanted = self.lesson.batch(self.job, canvases, self.step)
        data_cpu_s = time.thread_time() - cpu_started
        for group in self._optimizer.param_groups:
            group["lr"] = recipe.learning_rate * learning_rate_share(self.step, recipe.steps, recipe.warmup_steps)
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._random_state)  # stochastic depth draws from it, and a resumed run draws the same
            loss = self.lesson.loss(self.job, self.model, images, wanted)
            self._random_state = torch.get_rng_state()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip_norm)
        self._optimizer.step()
        self.step += 1
        self.times = Times(
            self.times.wall_s + time.monotonic() - started,
            self.times.cpu_s + time.thread_time() - cpu_started,
            self.times.data_cpu_s + data_cpu_s,
        )
        return loss.item()

    def look(self, loss: float) -> None:
        """Add the scores on the validation pictures to the curve."""
        scores = self.lesson.score(self.model, self.validation)
        self.curve.append({"step": self.step, "loss": loss, **scores.to_dict()})

    def test(self) -> ScoresT:
        """Scores on the test pictures, which nothing else looks at."""
        return self.lesson.score(self.model, make_canvases("test", self.job.recipe.test_canvases, self.job.side))

    def save(self, path: Path) -> None:
        """Write a checkpoint.

        Raises:
            CheckpointError: If it cannot be written; the one before is kept.
        """
        save_checkpoint(
            path,
            {
                "job": self.job.to_dict(),
                "step": self.step,
                "curve": self.curve,
                "times": asdict(self.times),
                "random_state": self._random_state,
                "model": self.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
            },
        )

    def resume(self, path: Path) -> bool:
        """Take over a checkpoint; False where there is none.

        Raises:
            CheckpointError: If it is of another job, or damaged.
        """
        state = read_checkpoint(path)
        if state is None:
            return False
        _check_same_job(path, state.get("job"), self.job)
        self.step = state["step"]
        self.curve = list(state["curve"])
        self.times = Times(**state["times"])
        self._random_state = state["random_state"]
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        return True


def train(
    job: TrainingJob, checkpoint: Path, on_progress: Callable[[StepDone], None], *, resume: bool = True
) -> tuple[HRFormer, Outcome[Scores]]:
    """Train one network to segment digits; arguments, result and errors are those of `learn`."""
    return learn(job, SEGMENTING, checkpoint, on_progress, resume=resume)


def learn(
    job: TrainingJob,
    lesson: Lesson[ScoresT],
    checkpoint: Path,
    on_progress: Callable[[StepDone], None],
    *,
    resume: bool = True,
) -> tuple[HRFormer, Outcome[ScoresT]]:
    """Train one network.

    Args:
        job: What is trained.
        lesson: What it learns.
        checkpoint: Where it is kept; it stays there at the end.
        on_progress: Told after every update.
        resume: Whether to go on from the checkpoint where there is one. Otherwise that is left alone until the training
            is beyond it: who made it can still go on from there.

    Returns:
        The network, in evaluation mode, and what came of it.

    Raises:
        CheckpointError: If the checkpoint is of another job, damaged, or cannot be written.
        FloatingPointError: If the loss is no longer a number.
    """
    training = Training(job, lesson)
    if resume:
        training.resume(checkpoint)
    saved = saved_step(checkpoint)
    while not training.is_finished:
        loss = training.update()
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss is {loss} after step {training.step}: use a lower learning rate; "
                "the checkpoint before is kept."
            )
        if training.step % job.recipe.evaluate_every == 0 or training.is_finished:
            training.look(loss)
        if training.step > saved and (training.step % CHECKPOINT_EVERY == 0 or training.is_finished):
            training.save(checkpoint)
        on_progress(StepDone(training.step, loss, training.curve))
    return training.model, Outcome(training.test(), training.curve, training.times)


def learning_rate_share(step: int, steps: int, warmup_steps: int) -> float:
    """Share of the highest learning rate: a linear rise over the warm-up, times a cosine that ends at zero."""
    rise = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    return rise * 0.5 * (1 + math.cos(math.pi * step / steps))


def _new_model(job: TrainingJob) -> HRFormer:
    """The variant with fresh weights; those of attention are larger than published (0.02), which suits thousands of
    epochs less than hundreds of steps: with 1/sqrt(fan-in) attention passes something on from the first step."""
    model = create_model(job.variant)
    for module in model.modules():
        if isinstance(module, WindowAttention):
            for projection in (module.q_proj, module.k_proj, module.v_proj, module.out_proj):
                nn.init.trunc_normal_(projection.weight, std=projection.in_features**-0.5)
    return model


def _check_same_job(path: Path, saved: Any, job: TrainingJob) -> None:
    wanted = job.to_dict()
    if saved == wanted:
        return
    differing = sorted(_differences(saved, wanted)) if isinstance(saved, dict) else ["everything"]
    raise CheckpointError(
        f"The checkpoint {path} is of another run (different: {', '.join(differing[:5])}): resume with its own "
        "settings, or delete it to start over."
    )


def _differences(saved: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> list[str]:
    """Names of the fields in which two nested dicts differ."""
    found = []
    for key in saved.keys() | wanted.keys():
        one, other = saved.get(key), wanted.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            found += _differences(one, other, f"{prefix}{key}.")
        elif one != other:
            found.append(f"{prefix}{key}")
    return found
