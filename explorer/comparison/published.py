"""Figures that others published, each with its source, marked so that they are never taken for measured ones."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pandas as pd

from explorer import places

#: What the column `origin` says here; the store's own tables say "measured".
PUBLISHED = "published"

_IMAGE_SIZE = r"^(\d+)(?:x(\d+))?$"

#: The columns of each file that hold numbers; all others are text. The README beside the files says what they are.
_WHOLE = ("img_size", "batch_size", "batch", "head_dim", "iterations")
_NUMBERS = {
    "classification": ("params_m", "gflops", "activations_m", "top1", "top5", "img_size", "crop_pct"),
    "pose": (
        *("params_m", "gflops", "AP", "AP50", "AP75", "AP_M", "AP_L", "AR", "AR50", "AR_M", "AR_L"),
        "fps_a100_bs64",
    ),
    "segmentation": (
        *("iterations", "params_m", "gflops", "mIoU", "mIoU_flip", "mIoU_ms", "train_mem_gb", "infer_fps"),
    ),
    "ablation": ("value", "baseline_value"),
    "architecture": ("head_dim",),
    "implementation_differences": (),
    "inference_benchmarks": (
        *("img_size", "batch_size", "samples_per_sec", "step_time_ms", "gmacs", "macts", "param_count_m"),
    ),
    "inference_benchmarks_hrformer": ("params_m", "samples_per_sec", "batch", "mem_gb"),
}
_SOURCE_NAMES = {"source_file": "source"}


def load_published(name: str, folder: Path = places.PUBLISHED) -> pd.DataFrame:
    """One file of published figures with typed columns.

    Args:
        name: The file's name without ending: "classification", "pose", "segmentation", "ablation", "architecture",
            "implementation_differences", "inference_benchmarks" or "inference_benchmarks_hrformer".
        folder: Where the files lie.

    Returns:
        The file's columns in order, with `source` (never empty) and `origin` ("published") last.

    Raises:
        ValueError: If the name is unknown, the file is missing or cannot be read, or a row has no source.
    """
    if name not in _NUMBERS:
        raise ValueError(f"{name!r} is not a table of published figures: use one of {', '.join(_NUMBERS)}.")
    path = folder / f"{name}.csv"
    try:
        table = pd.read_csv(path, dtype=_types(name)).rename(columns=_SOURCE_NAMES)
    except FileNotFoundError:
        raise ValueError(f"The published figures {path.name} are missing in {folder}: restore the folder.") from None
    except ValueError as error:
        raise ValueError(f"The published figures {path.name} cannot be read: {error}.") from error
    if "source" not in table or table["source"].isna().any():
        raise ValueError(f"A row of the published figures {path.name} names no source: every figure needs one.")
    return table.assign(source=table.pop("source"), origin=PUBLISHED)


def published_speeds(folder: Path = places.PUBLISHED) -> pd.DataFrame:
    """All published speeds in the vocabulary of measured records, for their own marked series in charts.

    Returns:
        Columns as in `Record` (`model_name`, `kind`, `device`, `device_name`, `precision`, `memory_format`,
        `compile_mode`, `batch_size`, `img_height`, `img_width`, `throughput_img_s`, `params_m`), and `task`,
        `latency_ms_mean` (per batch; their tables hold means), `fvcore_macs_g` (as timm's tables count), `source`,
        `origin`. What a source does not say is NA. The training crop of the Cityscapes figures is not their input,
        whose size therefore is NA.
    """
    return pd.concat([_timm_speeds(folder), _paper_speeds(folder)], ignore_index=True)


def _types(name: str) -> defaultdict[str, str]:
    numbers = {column: "Int64" if column in _WHOLE else "float64" for column in _NUMBERS[name]}
    return defaultdict(lambda: "string", numbers)


def _timm_speeds(folder: Path) -> pd.DataFrame:
    table = load_published("inference_benchmarks", folder)
    return pd.DataFrame(
        {
            "model_name": table["model"],
            "task": "classification",
            "kind": table["mode"].map({"infer": "inference", "train": "training_step"}),
            "device": table["device_kind"].map({"gpu": "cuda", "cpu": "cpu"}),
            "device_name": table["device"],
            "precision": table["precision"],
            "memory_format": table["memory_layout"].map({"nchw": "contiguous", "nhwc": "channels_last"}),
            "compile_mode": table["compiled"],
            "batch_size": table["batch_size"],
            "img_height": table["img_size"],
            "img_width": table["img_size"],
            "throughput_img_s": table["samples_per_sec"],
            "latency_ms_mean": table["step_time_ms"],
            "params_m": table["param_count_m"],
            "fvcore_macs_g": table["gmacs"],
            "source": table["source"],
            "origin": table["origin"],
        }
    )


def _paper_speeds(folder: Path) -> pd.DataFrame:
    table = load_published("inference_benchmarks_hrformer", folder)
    size = table["input"].str.extract(_IMAGE_SIZE)
    height = size[0].astype("Int64")
    stated = ~table["device"].str.startswith("not stated")
    return pd.DataFrame(
        {
            "model_name": table["model"],
            "task": table["task"],
            "kind": "inference",
            "device": table["device"].map({"1x A100": "cuda"}),
            "device_name": table["device"].where(stated),
            "batch_size": table["batch"],
            "img_height": height,
            "img_width": size[1].astype("Int64").fillna(height),
            "throughput_img_s": table["samples_per_sec"],
            "params_m": table["params_m"],
            "source": table["source"],
            "origin": table["origin"],
        }
    )
