"""Weights made to fit another variant, as the published recipes do: other windows, input channels and classes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hrformer.checkpoint.names import is_own
from hrformer.config import NUM_BRANCHES, HRFormerConfig

_TABLE = re.compile(r"stage(\d)\.(\d+)\.branches\.(\d+)\.(\d+)\.attn\.relative_position_bias_table$")
_BLOCK = re.compile(r"(stage\d\.\d+\.branches\.(\d+)\.\d+\.attn\.)q_proj\.weight$")
_INPUT = "conv1.weight"
_HEAD = "head."
#: The layers whose size is the number of classes; the classification head's final layer has longer names.
_OUTPUTS = tuple(
    f"head.{layer}.{name}"
    for layer in ("classifier", "cls_head", "aux_head.2", "last_layer.3", "final_layer")
    for name in ("weight", "bias")
)


class Adapted(NamedTuple):
    """Weights and what was done to them.

    Attributes:
        weights: Those that the variant takes over.
        fresh: How the keys begin that it does not take over, so that they keep their fresh values.
        changes: What was done, in sentences.
        skipped: Entries of other networks that were left out.
    """

    weights: dict[str, Tensor]
    fresh: tuple[str, ...]
    changes: tuple[str, ...]
    skipped: tuple[str, ...]


def adapted(weights: Mapping[str, Tensor], held: HRFormerConfig, wanted: HRFormerConfig) -> Adapted:
    """Make weights of one variant fit another that differs in windows, input channels, classes, task or outputs.

    Args:
        weights: Under our names.
        held: Their variant.
        wanted: The variant that they shall fit. Where it differs otherwise, they will not fit.
    """
    skipped = tuple(key for key in weights if not is_own(key))
    own = {key: value for key, value in weights.items() if is_own(key)}
    fresh, head_change = _change_head(own, held, wanted)
    changes = [
        *_resize_windows(own, held, wanted),
        *_change_input(own, wanted.in_chans),
        *_leave_out_rows(own, held, wanted),
        *head_change,
    ]
    own |= unused_tables(own, wanted)
    return Adapted(own, fresh, tuple(changes), skipped)


def resize_bias_table(table: Tensor, window_size: int) -> Tensor:
    """Interpolate a bias table to another window, bicubically as Swin's and timm's recipes do.

    Args:
        table: ((2K-1)^2, heads).
        window_size: The new K.

    Returns:
        ((2K-1)^2, heads) of the new K.
    """
    heads = table.shape[1]
    old, new = math.isqrt(table.shape[0]), 2 * window_size - 1
    grid = table.float().T.reshape(1, heads, old, old)
    grid = F.interpolate(grid, size=(new, new), mode="bicubic", align_corners=False)
    # (1, heads, 2K-1, 2K-1) -> ((2K-1)^2, heads)
    return grid.reshape(heads, new * new).T.contiguous().to(table.dtype)


def adapt_input(weight: Tensor, in_chans: int) -> Tensor:
    """A first convolution's weight for other input channels: summed for one, else repeated and scaled, as timm does.

    Args:
        weight: (out, in, height, width).
        in_chans: The new number.
    """
    before = weight.shape[1]
    if in_chans == 1:
        return weight.sum(1, keepdim=True)
    repeated = weight.repeat(1, math.ceil(in_chans / before), 1, 1)[:, :in_chans]
    return repeated * (before / in_chans)


def _resize_windows(weights: dict[str, Tensor], held: HRFormerConfig, wanted: HRFormerConfig) -> list[str]:
    branches = [branch for branch in range(NUM_BRANCHES) if held.window_sizes[branch] != wanted.window_sizes[branch]]
    resized = False
    for key, table in weights.items():
        match = _TABLE.match(key)
        if match is None or int(match[3]) not in branches or table.ndim != 2:
            continue
        branch = int(match[3])
        if table.shape[0] == (2 * held.window_sizes[branch] - 1) ** 2:
            weights[key] = resize_bias_table(table, wanted.window_sizes[branch])
            resized = True
    if not resized:
        return []
    sizes = [", ".join(map(str, config.window_sizes)) for config in (held, wanted)]
    return [f"Interpolated the bias tables from windows of {sizes[0]} to windows of {sizes[1]}."]


def _change_input(weights: dict[str, Tensor], in_chans: int) -> list[str]:
    weight = weights.get(_INPUT)
    if weight is None or weight.ndim != 4 or weight.shape[1] in (0, in_chans):
        return []
    weights[_INPUT] = adapt_input(weight.float(), in_chans).to(weight.dtype)
    how = "Summed" if in_chans == 1 else "Repeated and scaled"
    return [f"{how} the first convolution from {weight.shape[1]} input channels to {in_chans}."]


def _leave_out_rows(weights: dict[str, Tensor], held: HRFormerConfig, wanted: HRFormerConfig) -> list[str]:
    """The last fusion's lower rows, where only the highest resolution is wanted."""
    if (held.fused_outputs, wanted.fused_outputs) != ("all", "highest"):
        return []
    lower = re.compile(rf"stage4\.{held.num_modules[-1] - 1}\.fuse_layers\.[1-9]")
    rows = [key for key in weights if lower.match(key)]
    for key in rows:
        del weights[key]
    return ["Left out the last fusion's rows of lower resolution."] if rows else []


def _change_head(
    weights: dict[str, Tensor], held: HRFormerConfig, wanted: HRFormerConfig
) -> tuple[tuple[str, ...], list[str]]:
    """What of the head is left out of the weights and stays fresh, and the sentence about it."""
    kinds = [
        (config.task, config.segmentation_head if config.task == "segmentation" else "") for config in (held, wanted)
    ]
    if not any(key.startswith(_HEAD) for key in weights):
        return (_HEAD,), [f"Made a fresh {wanted.task} head: the file holds none."]
    fresh: tuple[str, ...]
    if kinds[0] != kinds[1]:
        fresh, sentence = (_HEAD,), f"Made a fresh {wanted.task} head: the file's is another one, for {held.task}."
    elif held.num_classes != wanted.num_classes:
        fresh, sentence = (
            _OUTPUTS,
            f"Made a fresh output for {wanted.num_classes} classes: the file's has {held.num_classes}.",
        )
    else:
        return (), []
    for key in [key for key in weights if key.startswith(fresh)]:
        del weights[key]
    return fresh, [sentence]


def unused_tables(weights: Mapping[str, Tensor], config: HRFormerConfig) -> dict[str, Tensor]:
    """Tables that a network has and does not use, for weights without: zeros, which would change nothing if added."""
    if config.relative_position_bias or any(map(_TABLE.match, weights)):
        return {}
    tables = {}
    for match in filter(None, map(_BLOCK.match, weights)):
        branch = int(match[2])
        if branch < NUM_BRANCHES:
            side = 2 * config.window_sizes[branch] - 1
            zeros = torch.zeros(1, 1).expand(side**2, config.num_heads[branch])  # takes no memory
            tables[f"{match[1]}relative_position_bias_table"] = zeros
    return tables
