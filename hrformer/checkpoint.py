"""Weights from files: the authors' checkpoints and our own, read without running anything they hold."""

from __future__ import annotations

import math
import re
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from mmap import ACCESS_COPY, mmap
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from hrformer.config import NUM_BRANCHES, NUM_STAGES, HRFormerConfig, published_task_fields
from hrformer.model import HRFormer, create_model
from hrformer.pickled_state import StoredTensor, UnreadableError
from hrformer.torch_file import TorchFile
from hrformer.wording import listed, shown

SAFETENSORS = ".safetensors"
#: Endings of checkpoints, in either case.
SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".pth.tar", SAFETENSORS)
#: Wrappers that training code puts around the backbone's keys; averaged weights count where there are no others.
_CONTAINERS = (
    *("state_dict", "model", "model_state", "model_state_dict"),
    *("state_dict_ema", "model_ema", "ema", "ema_state_dict"),
)
_PREFIXES = re.compile(r"^((module|model|backbone)\.)+")
#: What torch.compile puts before the keys of whatever it compiled.
_COMPILED = "_orig_mod."
#: The authors' names on the left, ours on the right; all other names are the same.
_RENAMES = (
    (re.compile(r"\.attn\.attn\."), ".attn."),
    (re.compile(r"^keypoint_head\.final_layer\."), "head.final_layer."),
    (
        re.compile(
            r"^(incre_modules|downsamp_modules|final_layer|classifier|conv3x3|ocr_distri_head|cls_head|aux_head"
            r"|last_layer)\."
        ),
        r"head.\1.",
    ),
)
#: What only the plain segmentation head has.
_FCN_OUTPUT = "head.last_layer.3.weight"
#: Buffers that follow from the configuration, and how many updates an average has seen.
_DERIVED = ("relative_position_index", "n_averaged")
#: Digits of a module's or block's index; longer ones are no indices.
_INDEX_DIGITS = 9
#: HRFormer-B takes 150 KB.
_MAX_SAFETENSORS_HEADER_BYTES = 4 * 2**20
#: What torch and safetensors raise on a damaged file, beside their own errors.
_DAMAGED = (
    RuntimeError,
    EOFError,
    OSError,
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    ArithmeticError,
    MemoryError,
    AssertionError,
    struct.error,
    zipfile.BadZipFile,
)


@dataclass(frozen=True)
class LoadReport:
    """What a state dict did not fit, by key.

    Attributes:
        missing: Keys of the model that the state dict lacks.
        unexpected: Keys of the state dict that the model lacks.
        mismatched: Keys in both whose shapes differ, each with "shape in file vs. shape in model".
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]

    def __str__(self) -> str:
        parts = [
            f"{len(keys)} {label} ({listed(keys)})"
            for label, keys in (
                ("missing", self.missing),
                ("unexpected", self.unexpected),
                ("of another shape", self.mismatched),
            )
            if keys
        ]
        return "; ".join(parts) or "all keys fit"


def load_official_state_dict(model: HRFormer, state_dict: Mapping[str, Any], strict: bool = True) -> LoadReport:
    """Load weights under the authors' keys (or ours) into a model; nothing is loaded when they do not fit.

    Args:
        model: The model to fill.
        state_dict: Keys of the authors' classification, pose or segmentation code, bare or wrapped in `model`,
            `state_dict`, `module.` or `backbone.`.
        strict: Whether every key must fit. Otherwise the head may be missing or of another shape (it then keeps its
            values) and unexpected keys are left out; the backbone must always be complete.

    Returns:
        The keys that did not fit (empty when strict).

    Raises:
        ValueError: If the weights do not fit, naming the keys.
    """
    weights = normalise_keys(state_dict)
    check_dense(weights)
    own = model.state_dict()
    mismatched = {
        key: f"{key}: {_shape(weights[key])} vs. {_shape(own[key])}"
        for key in own
        if key in weights and weights[key].shape != own[key].shape
    }
    missing = [key for key in own if key not in weights and not key.endswith("num_batches_tracked")]
    report = LoadReport(tuple(missing), tuple(key for key in weights if key not in own), tuple(mismatched.values()))
    blocking = (
        report
        if strict
        else LoadReport(
            tuple(key for key in missing if not key.startswith("head.")),
            (),
            tuple(text for key, text in mismatched.items() if not key.startswith("head.")),
        )
    )
    if blocking.missing or blocking.unexpected or blocking.mismatched:
        raise ValueError(f"The weights do not fit this model: {blocking}.")
    model.load_state_dict({key: weights[key] for key in own if key in weights and key not in mismatched}, strict=False)
    return report


def load_checkpoint(path: str | Path, config: HRFormerConfig | None = None) -> HRFormer:
    """Build a model from a `.pth` or `.safetensors` file; its configuration is read off the tensors' shapes.

    Shapes do not tell the image size, the drop path rate and the fields in which the tasks' published code differs:
    these take the task's published values (also `fused_outputs` where nothing is fused, so that fusions have no keys).
    A file without a head becomes a pose model when its last fusion has one row, else a classification model, with a
    fresh head.

    Args:
        path: The file. Of a `.pth` only the weights are read: nothing in it is run.
        config: The configuration, where it is known; the weights must then fit it.

    Raises:
        ValueError: If the file is damaged or holds no HRFormer.
        FileNotFoundError: If there is no such file.
    """
    weights = normalise_keys(read_tensors(path))
    inferred = config is None
    model = create_model(infer_config(weights) if config is None else config)
    load_official_state_dict(model, weights, strict=not inferred or any(key.startswith("head.") for key in weights))
    return model


def read_tensors(path: str | Path) -> Mapping[str, Tensor]:
    """The tensors of a checkpoint's state dict, wrappers taken off; what else the file holds is skipped, never run.

    They are views of the file, which must stay as it is as long as they are used.

    Raises:
        ValueError: If the file type is unknown, or the file is damaged or holds no state dict.
        FileNotFoundError: If there is no such file.
    """
    path = Path(path)
    if not path.name.lower().endswith(SUFFIXES):
        raise ValueError(f"{path.name} is not a checkpoint: use a .pth or .safetensors file.")
    if path.suffix.lower() == SAFETENSORS:
        return _read_safetensors(path)
    try:
        with path.open("rb") as opened:
            file = TorchFile(mmap(opened.fileno(), 0, access=ACCESS_COPY))
        state_dict = _unwrapped(file.value) if isinstance(file.value, Mapping) else {}
        tensors = file.tensors(state_dict)
    except FileNotFoundError:
        raise
    except UnreadableError as error:
        raise ValueError(f"{path.name} is not a readable checkpoint: {error}.") from error
    except _DAMAGED as error:
        raise ValueError(f"{path.name} is not a readable checkpoint: it is damaged or of another format.") from error
    if not tensors:
        raise ValueError(f"{path.name} holds no state dict: save model.state_dict().")
    return tensors


def _read_safetensors(path: Path) -> Mapping[str, Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise ValueError("Reading .safetensors needs the package safetensors: pip install safetensors.") from error
    try:
        with path.open("rb") as file:
            if int.from_bytes(file.read(8), "little") > _MAX_SAFETENSORS_HEADER_BYTES:
                raise ValueError("Its header is too large for a checkpoint.")
        return cast("Mapping[str, Tensor]", load_file(path))
    except FileNotFoundError:
        raise
    except (SafetensorError, *_DAMAGED) as error:
        raise ValueError(f"{path.name} is not a readable .safetensors file: it is damaged or cut off.") from error


def normalise_keys(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Unwrap a state dict and give its keys our names; derived buffers and entries that are no tensors fall away."""
    return {
        _own_key(key): value
        for key, value in _unwrapped(state_dict).items()
        if isinstance(key, str) and isinstance(value, Tensor) and not key.endswith(_DERIVED)
    }


def _unwrapped(state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(len(_CONTAINERS)):
        state_dict = next((state_dict[key] for key in _CONTAINERS if _may_hold(state_dict.get(key))), state_dict)
    return state_dict


def _may_hold(value: object) -> bool:
    """Whether weights may lie in it or below; a configuration under the same key has neither tensors nor wrappers."""
    kinds = (Tensor, StoredTensor, Mapping)
    return isinstance(value, Mapping) and any(isinstance(inner, kinds) for inner in value.values())


def check_dense(weights: Mapping[str, Tensor]) -> None:
    """Refuse tensors that no layer's weights can be.

    Raises:
        ValueError: If there is one, naming it.
    """
    for key, value in weights.items():
        if value.layout != torch.strided or value.is_meta or value.is_quantized or value.is_complex():
            raise ValueError(f"{shown(key)} is not a dense tensor of real numbers: save model.state_dict() as it is.")


def _own_key(key: str) -> str:
    key = _PREFIXES.sub("", key.replace(_COMPILED, ""))
    for pattern, replacement in _RENAMES:
        key = pattern.sub(replacement, key)
    return key


def infer_config(weights: Mapping[str, Tensor]) -> HRFormerConfig:
    """Read the variant off the shapes of its tensors (keys as `normalise_keys` gives them).

    Raises:
        ValueError: If these are not the weights of an HRFormer.
    """
    try:
        return _infer_config(weights)
    except KeyError as error:
        first = listed(list(weights)[:1]) or "no tensor at all"
        raise ValueError(
            f"These are not the weights of an HRFormer: expected keys such as {error.args[0]}, found {first}."
        ) from error
    except (IndexError, ZeroDivisionError) as error:
        raise ValueError(
            "These are not the weights of an HRFormer: their shapes are not those of its layers."
        ) from error


def _infer_config(weights: Mapping[str, Tensor]) -> HRFormerConfig:
    modules = [_count(weights, rf"stage{stage + 1}\.(\d+)\.") for stage in range(1, NUM_STAGES)]
    blocks = [_count(weights, rf"stage{stage + 1}\.0\.branches\.0\.(\d+)\.") for stage in range(1, NUM_STAGES)]
    _check_depth(weights, modules, blocks)
    last_blocks = [f"stage4.0.branches.{branch}.0." for branch in range(NUM_BRANCHES)]
    tables = [weights[f"{block}attn.relative_position_bias_table"] for block in last_blocks]
    channels = [weights[f"{block}attn.q_proj.weight"].shape[0] for block in last_blocks]
    hidden = [weights[f"{block}mlp.fc1.weight"].shape[0] for block in last_blocks]
    fuses = any(".fuse_layers." in key for key in weights)
    highest_only = fuses and not any(key.startswith(f"stage4.{modules[-1] - 1}.fuse_layers.1.") for key in weights)
    task = _infer_task(weights, highest_only)
    depth_wise = weights.get(f"{last_blocks[0]}mlp.dw3x3.weight")
    values = {
        **published_task_fields(task),
        "task": task,
        "num_modules": (1, *modules),
        "num_blocks": (_count(weights, r"layer1\.(\d+)\."), *blocks),
        "channels": tuple(channels),
        "num_heads": tuple(table.shape[1] for table in tables),
        "mlp_ratios": tuple(inner / outer for inner, outer in zip(hidden, channels, strict=True)),
        "window_sizes": tuple((math.isqrt(table.shape[0]) + 1) // 2 for table in tables),
        "in_chans": weights["conv1.weight"].shape[1],
        "dw_conv": depth_wise is not None,
        "multi_scale_fusion": fuses,
        "segmentation_head": "fcn" if _FCN_OUTPUT in weights else "ocr",
    }
    if depth_wise is not None:
        values["dw_kernel_size"] = depth_wise.shape[-1]
    if fuses:
        values["fused_outputs"] = "highest" if highest_only else "all"
    segmentation = "head.last_layer.3" if _FCN_OUTPUT in weights else "head.cls_head"
    output = {"classification": "head.classifier", "pose": "head.final_layer", "segmentation": segmentation}[task]
    if f"{output}.weight" in weights:
        values["num_classes"] = weights[f"{output}.weight"].shape[0]
    return HRFormerConfig(**values)


def _check_depth(weights: Mapping[str, Tensor], modules: Sequence[int], blocks: Sequence[int]) -> None:
    """Each block has more than one tensor: a few keys with large numbers cannot ask for thousands of blocks."""
    claimed = sum(count * depth for count, depth in zip(modules, blocks, strict=True))
    if claimed > len(weights):
        raise ValueError(
            f"These are not the weights of an HRFormer: keys for {shown(claimed)} blocks, but {len(weights)} tensors."
        )


def _infer_task(weights: Mapping[str, Tensor], highest_only: bool) -> str:
    if "head.cls_head.weight" in weights or _FCN_OUTPUT in weights:
        return "segmentation"
    if "head.classifier.weight" in weights:
        return "classification"
    return "pose" if highest_only or "head.final_layer.weight" in weights else "classification"


def _count(weights: Mapping[str, Tensor], pattern: str) -> int:
    """One more than the largest index that the pattern finds at the start of a key."""
    found = [int(match[1]) for key in weights if (match := re.match(pattern, key)) and len(match[1]) <= _INDEX_DIGITS]
    if not found:
        raise KeyError(pattern.replace("\\", "").replace("(d+)", "0") + "…")
    return max(found) + 1


def _shape(tensor: Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "scalar"
