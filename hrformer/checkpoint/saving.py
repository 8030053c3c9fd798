"""Networks into files, in the form of this library, of the authors' code or of mmpose."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hrformer.checkpoint.file import META, SAFETENSORS, SUFFIXES, VARIANT
from hrformer.checkpoint.names import FAMILIES, Family, check_dense
from hrformer.checkpoint.variant import agreed, family_fields
from hrformer.config import HRFormerConfig
from hrformer.model import HRFormer
from hrformer.wording import shown

_BLOCK = re.compile(r"(stage\d\.\d+\.branches\.\d+\.\d+\.)(.*)$")
_TABLE = "attn.relative_position_bias_table"
#: The order of a block's parts in the authors' files, attention first, and in mmpose's.
_AUTHORS_ORDER = (_TABLE, "attn.k_proj", "attn.v_proj", "attn.q_proj", "attn.out_proj", "norm1", "norm2", "mlp")
_MMPOSE_ORDER = ("norm1", _TABLE, "attn.q_proj", "attn.k_proj", "attn.v_proj", "attn.out_proj", "norm2", "mlp")
_HEAD = "head."
_BACKBONE = "backbone."


def save_checkpoint(model: HRFormer, path: str | Path, form: Family = "hrformer") -> None:
    """Write a network's weights and variant to a file, which is replaced only when all is written.

    Every form says its variant, so that `load_checkpoint` brings back the network as it is, whatever its switches.

    Args:
        model: As `create_model` builds it.
        path: Where to; ours ends in .safetensors, the others in .pth or the like.
        form: "hrformer" as safetensors; "authors" with the keys and wrappers that their code for the task loads;
            "mmpose" as its runner writes pose networks.

    Raises:
        ValueError: If the form cannot express the network, or the file's ending is another form's; one sentence.
        OSError: If the file cannot be written.
    """
    path = Path(path)
    if form not in FAMILIES:
        raise ValueError(f"form = {shown(form)} is not known: use one of {', '.join(FAMILIES)}.")
    if not isinstance(model, HRFormer):
        raise ValueError(f"A {type(model).__name__} is not an HRFormer: save the network that create_model built.")
    endings = (SAFETENSORS,) if form == "hrformer" else tuple(ending for ending in SUFFIXES if ending != SAFETENSORS)
    if not path.name.lower().endswith(endings):
        raise ValueError(f"{path.name} is no name for the form {form!r}: end it in {endings[0]}.")
    weights = {key: value.detach().contiguous() for key, value in model.state_dict().items()}
    check_dense(weights)
    try:
        agreed(model.config, weights)
    except ValueError as error:
        raise ValueError(f"The network is no longer the variant that it was built as. {error}") from error
    if form == "hrformer":
        _write(path, lambda file: _save_safetensors(weights, model.config, file))
    else:
        _check_expressible(model.config, form)
        saved = _in_authors_form(weights, model.config) if form == "authors" else _in_mmpose_form(weights, model.config)
        _write(path, lambda file: torch.save(saved, file))


def _save_safetensors(weights: Mapping[str, Tensor], config: HRFormerConfig, file: Path) -> None:
    try:
        from safetensors.torch import save_file
    except ModuleNotFoundError as error:
        raise ValueError("Writing .safetensors needs the package safetensors: pip install safetensors.") from error
    save_file(dict(weights), file, {"format": "pt", VARIANT: config.to_json()})


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the place and move there, so that no half a file is ever under the name."""
    unfinished = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        write(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _check_expressible(config: HRFormerConfig, form: Family) -> None:
    """Refuse a network that the other code would read as another one."""
    if form == "mmpose" and config.task != "pose":
        raise ValueError(f"mmpose has no {config.task} network of HRFormer: use form='authors' or 'hrformer'.")
    code = "mmpose" if form == "mmpose" else f"the authors' {config.task} code"
    needed = {
        **{name: family_fields(form, config.task)[name] for name in ("relative_position_bias", "fusion_upsample")},
        "dw_conv": True,
        "dw_kernel_size": 3,
        "multi_scale_fusion": True,
        "segmentation_head": "ocr" if config.task == "segmentation" else config.segmentation_head,
    }
    if form == "mmpose":
        del needed["relative_position_bias"]  # without the bias, mmpose's files have no tables
    for name, value in needed.items():
        if getattr(config, name) != value:
            raise ValueError(
                f"{name} = {getattr(config, name)!r} cannot be said in this form: {code} has {value!r}; "
                "use form='hrformer'."
            )


def _in_authors_form(weights: Mapping[str, Tensor], config: HRFormerConfig) -> dict[str, Any]:
    """`model` with bare keys for classification, else `state_dict` with the backbone's keys under `backbone.`."""
    bare = config.task == "classification"
    named = {}
    for key, value in _with_indices(_ordered(weights, _AUTHORS_ORDER)):
        if key.startswith(_HEAD):
            named[key.replace(_HEAD, "keypoint_head." if config.task == "pose" else "", 1)] = value
        else:
            named[("" if bare else _BACKBONE) + key.replace(".attn.", ".attn.attn.")] = value
    return {META: {VARIANT: config.to_json()}, "model" if bare else "state_dict": named}


def _in_mmpose_form(weights: Mapping[str, Tensor], config: HRFormerConfig) -> dict[str, Any]:
    named: dict[str, Tensor] = {}
    ordered = _ordered(weights, _MMPOSE_ORDER)
    for key, value in _with_indices(ordered):
        if key.startswith(_HEAD):
            named[key] = value
        elif ".attn.k_proj." in key or ".attn.v_proj." in key:
            continue
        elif ".attn.q_proj." in key:
            parts = [ordered[key.replace("q_proj", name)] for name in ("q_proj", "k_proj", "v_proj")]
            named[_mmpose_key(key.replace("q_proj", "qkv"))] = torch.cat(parts)
        elif "relative_position" not in key or config.relative_position_bias:
            named[_mmpose_key(key)] = value
    return {META: {VARIANT: config.to_json()}, "state_dict": named}


def _mmpose_key(key: str) -> str:
    key = key.replace(".attn.", ".attn.attn.").replace(".attn.out_proj.", ".attn.proj.").replace(".mlp.", ".ffn.")
    return _BACKBONE + key


def _ordered(weights: Mapping[str, Tensor], parts: tuple[str, ...]) -> dict[str, Tensor]:
    """The same weights with the parts of each block in another order."""
    blocks: dict[str, list[str]] = {}
    for key in weights:
        match = _BLOCK.match(key)
        blocks.setdefault(match[1] if match else key, []).append(key)
    return {
        key: weights[key]
        for prefix, keys in blocks.items()
        for key in sorted(keys, key=lambda key: _place(key.removeprefix(prefix), parts))
    }


def _place(part: str, parts: tuple[str, ...]) -> int:
    return next((place for place, name in enumerate(parts) if part.startswith(name)), 0)


def _with_indices(weights: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """With the index of each table behind it, which both other codes save."""
    for key, value in weights.items():
        yield key, value
        if key.endswith(_TABLE):
            window_size = (round(value.shape[0] ** 0.5) + 1) // 2
            yield key.replace("bias_table", "index"), _position_index(window_size)


def _position_index(size: int) -> Tensor:
    """Row of the bias table for each (query, key) pair of a window: (K*K, K*K), as in Swin (arXiv 2103.14030)."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    rows, columns = rows.flatten(), columns.flatten()
    row_offset = rows[:, None] - rows[None, :] + size - 1
    column_offset = columns[:, None] - columns[None, :] + size - 1
    return row_offset * (2 * size - 1) + column_offset
