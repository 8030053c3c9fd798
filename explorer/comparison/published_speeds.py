"""Speeds that others published, in the vocabulary of measured records."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from explorer.records.published import FOLDER, load_published

_IMAGE_SIZE = r"^(\d+)(?:x(\d+))?$"


def published_speeds(folder: Path = FOLDER) -> pd.DataFrame:
    """All published speeds in the vocabulary of measured records, for their own marked series in charts.

    Returns:
        Columns as in `Record` (`model_name`, `kind`, `device`, `device_name`, `precision`, `memory_format`,
        `compile_mode`, `batch_size`, `img_height`, `img_width`, `throughput_img_s`, `params_m`), and `task`,
        `latency_ms_mean` (per batch; their tables hold means), `fvcore_macs_g` (as timm's tables count), `source`,
        `origin`. What a source does not say is NA. The training crop of the Cityscapes figures is not their input,
        whose size therefore is NA.
    """
    return pd.concat([_timm_speeds(folder), _paper_speeds(folder)], ignore_index=True)


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
