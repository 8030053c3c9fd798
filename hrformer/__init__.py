"""HRFormer, the High-Resolution Transformer for dense prediction (arXiv 2110.09408), as a library on torch alone."""

from hrformer.checkpoint import LoadReport, load_checkpoint, load_official_state_dict
from hrformer.config import PRESETS, TASKS, HRFormerConfig, preset
from hrformer.model import HRFormer, create_model
from hrformer.optimize import optimize_for_inference

__all__ = [
    "PRESETS",
    "TASKS",
    "HRFormer",
    "HRFormerConfig",
    "LoadReport",
    "create_model",
    "load_checkpoint",
    "load_official_state_dict",
    "optimize_for_inference",
    "preset",
]
