"""What models are called: by papers, on pages, and by family."""

from __future__ import annotations

import re

PAPER_NAMES = {"tiny": "HRFormer-T", "small": "HRFormer-S", "base": "HRFormer-B"}
FAMILIES = ("HRFormer", "HRNet", "DeiT", "Swin", "ViT")
OTHER_FAMILY = "other"
_HEADS = {"pose": "pose", "ocr": "segmentation"}
_SIZES = {"tiny": "T", "small": "S", "base": "B"}


def display_name(model_name: str) -> str:
    """How papers call a model; a name that no paper uses stays as it is."""
    if match := re.fullmatch(r"hrformer_(tiny|small|base)(?:_(pose|segmentation))?", model_name):
        return f"HRFormer-{_SIZES[match[1]]}" + (f" ({match[2]})" if match[2] else "")
    if match := re.fullmatch(r"hrnet_w(\d+)(?:_(pose|ocr))?", model_name):
        return f"HRNet-W{match[1]}" + (f" ({_HEADS[match[2]]})" if match[2] else "")
    if match := re.fullmatch(r"deit_(tiny|small|base)_patch16_224", model_name):
        return f"DeiT-{'Ti' if match[1] == 'tiny' else _SIZES[match[1]]}"
    if match := re.fullmatch(r"swin_(tiny|small|base)_(patch4_window7_224|pose)", model_name):
        return f"Swin-{_SIZES[match[1]]}" + (" (pose)" if match[2] == "pose" else "")
    return model_name


def engine_label(engine: str, compile_mode: str) -> str:
    """How tables and charts call what runs a model, with the compiler's mode where it is not the usual one."""
    return engine if compile_mode in ("eager", "default") else f"{engine}, {compile_mode}"


def model_label(name: str, engine: str, compile_mode: str) -> str:
    """A model with what runs it, unless that is eager."""
    label = engine_label(engine, compile_mode)
    return name if label == "eager" else f"{name} · {label}"


def family_of(model_name: str) -> str:
    """The architecture that a name speaks of, one of `FAMILIES`, or "other"."""
    words = re.split(r"[^a-z]+", model_name.lower())
    return next((family for family in FAMILIES if family.lower() in words), OTHER_FAMILY)
