"""Weights from files and into files: the authors', mmpose's and our own, read without running anything they hold."""

from hrformer.checkpoint.file import SAFETENSORS, SUFFIXES, StoredWeights, read_tensors, read_weights
from hrformer.checkpoint.loading import (
    Checkpoint,
    LoadReport,
    fitted,
    load_checkpoint,
    load_official_state_dict,
    read_checkpoint,
)
from hrformer.checkpoint.names import check_dense, normalise_keys
from hrformer.checkpoint.report import Assumption, CheckpointReport
from hrformer.checkpoint.saving import save_checkpoint
from hrformer.checkpoint.variant import infer_config

__all__ = [
    "SAFETENSORS",
    "SUFFIXES",
    "Assumption",
    "Checkpoint",
    "CheckpointReport",
    "LoadReport",
    "StoredWeights",
    "check_dense",
    "fitted",
    "infer_config",
    "load_checkpoint",
    "load_official_state_dict",
    "normalise_keys",
    "read_checkpoint",
    "read_tensors",
    "read_weights",
    "save_checkpoint",
]
