"""Models with weights, ready to look into."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path

from explorer.capacity import check_capacity
from explorer.seeding import seeded
from hrformer import HRFormer, HRFormerConfig, create_model, load_official_state_dict
from hrformer.checkpoint import infer_config, normalise_keys, read_tensors

MAX_SEED = 2**31 - 1


def random_model(config: HRFormerConfig, seed: int) -> HRFormer:
    """The variant with random weights that the seed fixes, in evaluation mode.

    Raises:
        ValueError: If this machine cannot hold it.
    """
    check_capacity(config)
    with seeded(seed):
        return create_model(config).eval()


def model_from_upload(contents: bytes, name: str, img_size: tuple[int, int]) -> HRFormer:
    """The model in an uploaded checkpoint, in evaluation mode; nothing in the file is executed.

    Args:
        contents: The file.
        name: Its name; the ending tells the format.
        img_size: (height, width) that cost and pages shall use; a checkpoint does not tell it.

    Raises:
        ValueError: If the file is damaged, would run code, holds no HRFormer, or one too large for this machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _safe_name(name))
        path.write_bytes(contents)
        weights = normalise_keys(read_tensors(path))
    config = replace(infer_config(weights), img_size=img_size)
    check_capacity(config)
    with seeded(0):  # drawn only to be replaced, but not between another model's weights
        model = create_model(config).eval()
    load_official_state_dict(model, weights, strict=any(key.startswith("head.") for key in weights))
    return model


def _safe_name(name: str) -> str:
    """A file name that every file system takes and that stays in its folder; the ending is kept."""
    return "checkpoint" if not (kept := re.sub(r"[^\w.-]", "_", Path(name).name)[-60:].lstrip(".")) else kept
