"""Checkpoints as training programs write them: with the names of their classes, and none of their code."""

import argparse
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PosixPath
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hrformer import HRFormerConfig, create_model, save_checkpoint

Weights = Mapping[str, Tensor]

_CLASSES: dict[str, tuple[type, ...]] = {
    "yacs.config.CfgNode": (dict,),
    "mmengine.config.config.ConfigDict": (dict,),
    "mmengine.logging.history_buffer.HistoryBuffer": (),
    "mmengine.logging.message_hub.MessageHub": (),
    "omegaconf.dictconfig.DictConfig": (),
}


@contextmanager
def other_packages() -> Iterator[Callable[..., Any]]:
    """Makes objects of classes that are not installed; their modules are gone afterwards."""
    made: dict[str, type] = {}
    before = set(sys.modules)
    for path, bases in _CLASSES.items():
        module, _, name = path.rpartition(".")
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            package = ".".join(parts[:end])
            sys.modules.setdefault(package, ModuleType(package))
        made[path] = type(name, bases, {"__module__": module})
        setattr(sys.modules[module], name, made[path])

    def make(path: str, *arguments: Any, **attributes: Any) -> Any:
        made_object = made[path](*arguments)
        vars(made_object).update(attributes)
        return made_object

    try:
        yield make
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]


def _prefixed(prefix: str, weights: Weights) -> OrderedDict[str, Tensor]:
    return OrderedDict((f"{prefix}{key}", value) for key, value in weights.items())


def _optimizer(weights: Weights) -> dict[str, Any]:
    state = {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(3)}}
    return {"state": state, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": list(range(len(weights)))}]}


def authors_classification(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """Swin's trainer, which the authors' classification code took over."""
    config = make("yacs.config.CfgNode", {"MODEL": make("yacs.config.CfgNode", {"NAME": "hrt", "K": [7, 7]})})
    return {
        "model": weights,
        "optimizer": _optimizer(weights),
        "lr_scheduler": {"num_updates": 3, "base_values": [np.float64(0.5)]},
        "max_accuracy": np.float64(78.5),
        "epoch": 299,
        "config": config,
    }


def authors_segmentation(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """openseg's trainer."""
    config = {"performance": np.float64(0.81), "max_performance": np.float32(0.82), "iters": 80_000, "gpu": [0, 1]}
    return {"config_dict": config, "state_dict": _prefixed("module.", weights)}


def mmengine(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """MMEngine's runner with its EMA hook, which saves the average as `state_dict` and the raw weights as the other."""
    buffer = make("mmengine.logging.history_buffer.HistoryBuffer", _log_history=np.arange(3.0), _count_history=[1, 2])
    return {
        "meta": {
            "cfg": "model = dict(type='TopdownPoseEstimator')",
            "dataset_meta": {"sigmas": np.arange(17.0), "keypoint_id2name": {0: "nose"}},
            "mmengine_version": "0.10.3",
            "epoch": 210,
        },
        "state_dict": average,
        "ema_state_dict": OrderedDict(steps=torch.tensor(9), **_prefixed("module.", weights)),
        "message_hub": {
            "log_scalars": OrderedDict(loss=buffer),
            "hub": make("mmengine.logging.message_hub.MessageHub"),
        },
        "optimizer": _optimizer(weights),
        "param_schedulers": [{"milestones": make("mmengine.config.config.ConfigDict", {"a": 1})}],
    }


def timm(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """timm's training script."""
    args = argparse.Namespace(lr=1e-3, data_dir=Path("data"), output=PosixPath("out"), mean=(0.5,), seen={1, 2})
    return {
        "epoch": 3,
        "arch": "hrformer_tiny",
        "state_dict": weights,
        "optimizer": _optimizer(weights),
        "version": 2,
        "args": args,
        "amp_scaler": {"scale": 65536.0},
        "state_dict_ema": average,
        "metric": np.float64(71.3),
        "history": defaultdict(list, top1=[np.float64(1.0)]),
    }


def lightning(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """PyTorch Lightning, with a module called `net`."""
    return {
        "epoch": 3,
        "pytorch-lightning_version": "2.2.0",
        "state_dict": _prefixed("net._orig_mod.", weights),
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.5), "dirpath": PosixPath("x")}},
        "hyper_parameters": make("omegaconf.dictconfig.DictConfig", _content={"lr": 1e-3}),
    }


def dino(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """A student and its teacher under two wrappers."""
    return {
        "student": _prefixed("module.backbone.", weights),
        "teacher": _prefixed("backbone.", average),
        "args": argparse.Namespace(),
    }


def semi_supervised(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """A student and its teacher in one state dict."""
    return {"state_dict": {**_prefixed("student.", weights), **_prefixed("teacher.", average)}}


def super_resolution(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """BasicSR's."""
    return {"params": weights, "params_ema": average}


def fully_sharded(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """FSDP, which wraps the model and modules in it."""
    inner = {key.replace("stage3.", "stage3._fsdp_wrapped_module."): value for key, value in weights.items()}
    return {"model_state_dict": _prefixed("_fsdp_wrapped_module.", inner)}


def averaged(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """torch's AveragedModel beside the model."""
    return {"model": weights, "model_ema": {"n_averaged": torch.tensor(4), **_prefixed("module.", average)}}


def detector(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """A detector's backbone beside its neck."""
    backbone = {key: value for key, value in weights.items() if not key.startswith("head.")}
    return {"state_dict": {**_prefixed("img_backbone.", backbone), "img_neck.conv.weight": torch.zeros(3)}}


def encoder(make: Callable[..., Any], weights: Weights, average: Weights) -> Any:
    """An encoder that any decoder may follow."""
    backbone = {key: value for key, value in weights.items() if not key.startswith("head.")}
    return {"net": {**_prefixed("encoder.", backbone), "decoder.0.weight": torch.zeros(3)}}


WITHOUT_AVERAGE = (authors_classification, authors_segmentation, lightning, fully_sharded, detector, encoder)
WITH_AVERAGE = (mmengine, timm, dino, semi_supervised, super_resolution, averaged)


def write_form(form: Callable[..., Any], path: Path, weights: Weights, average: Weights, **options: Any) -> None:
    """Write weights (and their average) as one of the programs above does."""
    with other_packages() as make:
        torch.save(form(make, weights, average), path, **options)


def write_mmpose(path: Path, config: HRFormerConfig) -> None:
    """A pose network as mmpose saves it, which does not say its variant."""
    save_checkpoint(create_model(config), path, "mmpose")
    torch.save({"state_dict": torch.load(path, weights_only=True)["state_dict"]}, path)
