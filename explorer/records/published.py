"""Figures that others published, each with its source, marked so that they are never taken for measured ones."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pandas as pd

from explorer import places

FOLDER = places.PUBLISHED

#: What the column `origin` says here; the store's own tables say "measured".
PUBLISHED = "published"

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


def load_published(name: str, folder: Path = FOLDER) -> pd.DataFrame:
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


def _types(name: str) -> defaultdict[str, str]:
    numbers = {column: "Int64" if column in _WHOLE else "float64" for column in _NUMBERS[name]}
    return defaultdict(lambda: "string", numbers)
