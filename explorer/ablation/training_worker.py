"""The training process: `python -m explorer.ablation.training_worker`, one request on stdin, JSON lines on stdout."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

import torch

from explorer.ablation.checkpoints import CheckpointError
from explorer.ablation.predictions import write_masks
from explorer.ablation.recipe import TrainingJob
from explorer.ablation.scores import Scores
from explorer.ablation.training import Outcome, train
from explorer.ablation.training_messages import Trained
from explorer.benchmark.outcome import reason_of
from explorer.processes.child import Request, Send, serve
from explorer.processes.environment import cpu_model, describe_environment
from explorer.processes.memory import protect_the_machine
from explorer.processes.messages import Failed
from explorer.records.training_record import TrainingRecord
from hrformer import HRFormer


def training_record(job: TrainingJob, model: HRFormer, outcome: Outcome[Scores]) -> TrainingRecord:
    """A finished training as a record, with this process's circumstances."""
    times = outcome.times
    columns = outcome.curve[0] if outcome.curve else {}
    return TrainingRecord(
        arm=job.arm,
        seed=job.seed,
        steps=job.recipe.steps,
        params=sum(parameter.numel() for parameter in model.parameters()),
        miou=outcome.scores.miou,
        pixel_accuracy=outcome.scores.pixel_accuracy,
        foreground_accuracy=outcome.scores.foreground_accuracy,
        near_border_accuracy=outcome.scores.near_border_accuracy,
        away_accuracy=outcome.scores.away_accuracy,
        train_wall_s=times.wall_s,
        step_cpu_ms=1e3 * times.cpu_s / job.recipe.steps,
        data_cpu_share=times.data_cpu_s / (times.cpu_s or 1.0),
        device_name=cpu_model(),
        hostname=socket.gethostname(),
        variant=job.variant.to_dict(),
        recipe=job.recipe.to_dict(),
        curve={name: [row[name] for row in outcome.curve] for name in columns},
        environment=describe_environment(),
    )


def _run(request: Request, send: Send) -> None:
    torch.set_num_threads(1)  # two processes of one thread beat one of two: most operators are small
    protect_the_machine()
    job = TrainingJob.from_dict(request["job"])
    checkpoint = Path(request["checkpoint"])
    model, outcome = train(job, checkpoint, send, resume=request["resume"])
    with suppress(OSError):  # a result without pictures is a result
        write_masks(model, job, checkpoint.parent)
    send(Trained(training_record(job, model, outcome)))


def _failure_of(error: Exception) -> Failed:
    return Failed(str(error) if isinstance(error, CheckpointError) else reason_of(error))


if __name__ == "__main__":
    serve(_run, _failure_of)
