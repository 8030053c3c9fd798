"""The exporting process: `python -m explorer.engines.export_worker`, one request on stdin, JSON lines on stdout."""

from __future__ import annotations

from pathlib import Path

import torch

from explorer.engines.export import STEPS, export_onnx, written
from explorer.engines.export_messages import Exported, StepBegun
from explorer.machine_paths import error_line, error_sentence
from explorer.models.weights import model_with, random_model
from explorer.processes.child import Request, Send, serve
from explorer.processes.messages import Failed
from hrformer import HRFormer, HRFormerConfig


def _run(request: Request, send: Send) -> None:
    config, path = HRFormerConfig.from_dict(request["variant"]), Path(request["path"])
    send(StepBegun(0, STEPS))
    model = _model(config, request)
    error = export_onnx(model, path, config.img_size, lambda step, what: send(StepBegun(step, STEPS)))
    send(Exported(written(path, config.img_size, error)))


def _model(config: HRFormerConfig, request: Request) -> HRFormer:
    if request["checkpoint"] is None:
        return random_model(config, request["seed"])
    weights = torch.load(request["checkpoint"], weights_only=True)
    return model_with(weights, config)


def _failure_of(error: Exception) -> Failed:
    return Failed(error_sentence(error) if isinstance(error, ValueError | OSError) else error_line(error))


if __name__ == "__main__":
    serve(_run, _failure_of)
