"""The names of weights: the authors' and mmpose's, what wrappers put before them, and ours; whose they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from hrformer.checkpoint.sets import weight_sets
from hrformer.wording import shown

Family = Literal["hrformer", "authors", "mmpose"]
FAMILIES: tuple[str, ...] = get_args(Family)
FAMILY_NAMES: dict[Family, str] = {"hrformer": "this library's", "authors": "the authors'", "mmpose": "mmpose's"}

#: What torch.compile, FSDP and activation checkpointing put before the names of whatever they wrap.
_WRAPPED = re.compile(r"(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_PREFIXES = re.compile(
    r"^((module|model|backbone|img_backbone|encoder|net|student|teacher|ema|model_ema|ema_model)\.)+"
)
#: The names of others on the left, ours on the right; all other names are the same.
_RENAMES = (
    (re.compile(r"\.attn\.attn\."), ".attn."),
    (re.compile(r"\.attn\.proj\."), ".attn.out_proj."),
    (re.compile(r"\.ffn\."), ".mlp."),
    (re.compile(r"^keypoint_head\.final_layer\."), "head.final_layer."),
    (
        re.compile(
            r"^(incre_modules|downsamp_modules|final_layer|classifier|conv3x3|ocr_distri_head|cls_head|aux_head"
            r"|last_layer)\."
        ),
        r"head.\1.",
    ),
)
_FUSED = re.compile(r"\.attn\.qkv\.")
_PROJECTIONS = (".attn.q_proj.", ".attn.k_proj.", ".attn.v_proj.")
#: Buffers that follow from the configuration, and how many updates an average has seen.
_DERIVED = ("relative_position_index", "n_averaged")
_AVERAGED_STEPS = "steps"
#: The first names of an HRFormer's modules; what begins otherwise is another network's.
_OWN = re.compile(r"^(conv[12]|bn[12]|layer1|transition[123]|stage[234]|head)\.")

_MMPOSE = re.compile(r"\.attn\.(attn\.)?(qkv|proj)\.|stage\d\.\d+\.branches\.\d+\.\d+\.ffn\.")
_MMPOSE_HEAD = re.compile(r"^(module\.)?head\.final_layer\.")
_BACKBONE = re.compile(r"^(module\.)?backbone\.")
_FOREIGN = re.compile(r"\.attn\.attn\.|relative_position_index$|(^|\.)keypoint_head\.")
_NEVER_MMPOSE = re.compile(r"(^|\.)(cls_head|aux_head|last_layer|classifier|incre_modules)\.")
_FIRST_BLOCK = re.compile(r"stage2\.0\.branches\.0\.0\.(\w+)\.")


@dataclass(frozen=True)
class Origin:
    """Whose weights they are, as far as their names tell.

    Attributes:
        family: The code that they are of.
        evidence: How the names tell, as the end of a sentence.
    """

    family: Family
    evidence: str


def origin_of(keys: Iterable[str]) -> Origin:
    """Which code weights are of, by their keys as the file has them, in its order.

    A file of mmpose whose keys were renamed by hand keeps mmpose's order, in which a block's norm stands before its
    attention; the authors' files have them the other way round. Where the order was lost (safetensors sorts), or all
    names are ours, it cannot be told from the others.
    """
    keys = [_WRAPPED.sub("", key) for key in keys]
    if any(map(_MMPOSE.search, keys)):
        return Origin("mmpose", "its keys are mmpose's")
    if any(map(_MMPOSE_HEAD.match, keys)) and any(map(_BACKBONE.match, keys)):
        return Origin("mmpose", "its backbone and its head are named as in mmpose 1.x")
    if not any(map(_FOREIGN.search, keys)):
        return Origin("hrformer", "its keys are this library's")
    first = next((match[1] for key in keys if (match := _FIRST_BLOCK.search(key))), "attn")
    if first == "attn" or any(map(_NEVER_MMPOSE.search, keys)):
        return Origin("authors", "its keys are the authors'")
    return Origin("mmpose", "its keys are in mmpose's order, renamed")


def normalise_keys(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Unwrap a state dict and give its keys our names; derived buffers and entries that are no tensors fall away.

    Of several sets of weights the averaged one is taken. mmpose's fused `qkv` becomes three projections.

    Raises:
        ValueError: If two keys are one of ours.
    """
    weights: dict[str, Tensor] = {}
    taken: dict[str, str] = {}
    for key, value in weight_sets(state_dict)[0].weights.items():
        if not isinstance(key, str) or not isinstance(value, Tensor) or key.endswith(_DERIVED):
            continue
        for own, part in _own_entries(key, value):
            if own in taken:
                raise ValueError(f"{shown(key)} and {shown(taken[own])} are both {shown(own)}: keep one of them.")
            taken[own], weights[own] = key, part
    return weights


def _own_entries(key: str, value: Tensor) -> Sequence[tuple[str, Tensor]]:
    own = own_key(key)
    if own == _AVERAGED_STEPS:
        return ()
    if _FUSED.search(own) and value.ndim and value.shape[0] % len(_PROJECTIONS) == 0:
        parts = value.chunk(len(_PROJECTIONS))
        return [(_FUSED.sub(name, own), part) for name, part in zip(_PROJECTIONS, parts, strict=True)]
    return ((own, value),)


def own_key(key: str) -> str:
    """Our name of an entry, whatever it is called in a file."""
    key = _PREFIXES.sub("", _WRAPPED.sub("", key))
    for pattern, replacement in _RENAMES:
        key = pattern.sub(replacement, key)
    return key


def is_own(key: str) -> bool:
    """Whether a key, named as ours, is of an HRFormer's modules."""
    return _OWN.match(key) is not None


def check_dense(weights: Mapping[str, Tensor]) -> None:
    """Refuse tensors that no layer's weights can be.

    Raises:
        ValueError: If there is one, naming it.
    """
    for key, value in weights.items():
        if value.layout != torch.strided or value.is_meta or value.is_quantized or value.is_complex():
            raise ValueError(f"{shown(key)} is not a dense tensor of real numbers: save model.state_dict() as it is.")
