"""The training process: `python -m explorer.ablation.training_worker`, one request on stdin, JSON lines on stdout."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from explorer.ablation.checkpoints import CheckpointError
from explorer.ablation.predictions import write_masks
from explorer.ablation.recipe import TrainingJob
from explorer.ablation.training import Outcome, Progress, train
from explorer.benchmark.outcome import reason_of
from explorer.processes.child import Send, die_with_parent, private_stdout
from explorer.processes.environment import cpu_model, describe_environment
from explorer.processes.memory import protect_the_machine
from explorer.records.training_record import TrainingRecord
from hrformer import HRFormer


def training_record(job: TrainingJob, model: HRFormer, outcome: Outcome) -> TrainingRecord:
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


def _run(request: Mapping[str, Any], send: Send) -> None:
    torch.set_num_threads(1)  # two processes of one thread beat one of two: most operators are small
    protect_the_machine()
    job = TrainingJob.from_dict(request["job"])

    def tell(progress: Progress) -> None:
        send({"type": "progress", **asdict(progress)})

    checkpoint = Path(request["checkpoint"])
    model, outcome = train(job, checkpoint, tell, resume=request["resume"])
    with suppress(OSError):  # a result without pictures is a result
        write_masks(model, job, checkpoint.parent)
    send({"type": "finished", "record": asdict(training_record(job, model, outcome))})


def main() -> None:
    """Serve one request."""
    send = private_stdout()
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=die_with_parent, daemon=True).start()
    try:
        _run(request, send)
    except CheckpointError as error:
        send({"type": "failed", "reason": str(error)})
    except Exception as error:  # noqa: BLE001 - whatever a training raises becomes its reason
        send({"type": "failed", "reason": reason_of(error)})


if __name__ == "__main__":
    main()
