"""HRFormer, the High-Resolution Transformer for dense prediction (arXiv 2110.09408), as a library on torch alone.

A variant and its arithmetic need no torch, whose import takes seconds; what does is imported when first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from hrformer.config import PRESETS, TASKS, HRFormerConfig, preset

if TYPE_CHECKING:
    from hrformer.checkpoint import (
        Checkpoint,
        CheckpointReport,
        LoadReport,
        load_checkpoint,
        load_official_state_dict,
        read_checkpoint,
        save_checkpoint,
    )
    from hrformer.model import HRFormer, create_model
    from hrformer.optimize import optimize_for_inference
    from hrformer.published import load_published, published_weights
else:
    _LATER = {
        "Checkpoint": "checkpoint",
        "CheckpointReport": "checkpoint",
        "HRFormer": "model",
        "LoadReport": "checkpoint",
        "create_model": "model",
        "load_checkpoint": "checkpoint",
        "load_official_state_dict": "checkpoint",
        "load_published": "published",
        "optimize_for_inference": "optimize",
        "published_weights": "published",
        "read_checkpoint": "checkpoint",
        "save_checkpoint": "checkpoint",
    }

    def __getattr__(name):  # PEP 562; type checkers read the imports above
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals().setdefault(name, getattr(import_module(f"{__name__}.{_LATER[name]}"), name))

    def __dir__():
        return sorted({*globals(), *_LATER})


__all__ = [
    "PRESETS",
    "TASKS",
    "Checkpoint",
    "CheckpointReport",
    "HRFormer",
    "HRFormerConfig",
    "LoadReport",
    "create_model",
    "load_checkpoint",
    "load_official_state_dict",
    "load_published",
    "optimize_for_inference",
    "preset",
    "published_weights",
    "read_checkpoint",
    "save_checkpoint",
]
