"""A network without some of its parts: a copy that shares every tensor that stays as it is.

Models are shared by the sessions of a server, so that nothing here changes one, or puts a hook on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from itertools import chain
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.ablation.parts import Kind, Part, is_part_of
from explorer.inspection.partial_forward import exclusive, high_resolution_module
from hrformer import HRFormer
from hrformer.attention import WindowAttention, window_partition, window_reverse
from hrformer.block import HRFormerBlock
from hrformer.fusion import FusionRow, PassingRow
from hrformer.windows import WindowGrid


class EvenAttention(nn.Module):
    """Window attention replaced by its mean value: each position gets the mean of the values of its window.

    As in the attention, zeros pad the map after the norm and take part, with the bias of the projection as their value.

    Args:
        attention: What is replaced; its value and output projections stay.
    """

    def __init__(self, attention: WindowAttention) -> None:
        super().__init__()
        self.window_size = attention.window_size
        self.v_proj = attention.v_proj
        self.out_proj = attention.out_proj

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        grid = WindowGrid(x.shape[1], x.shape[2], self.window_size)
        values = self.v_proj(window_partition(x, grid))  # (windows, K*K, C)
        means = self.out_proj(values.mean(1, keepdim=True))
        return window_reverse(means.expand_as(values), grid)


class RowWithout(nn.Module):
    """A fusion's target that lacks some of its summands; with none left it is zeros.

    Args:
        row: The whole sum.
        left_out: Sources that are not added.
    """

    def __init__(self, row: FusionRow | PassingRow, left_out: frozenset[int]) -> None:
        super().__init__()
        self.row = row
        self.target = row.target
        self.left_out = left_out

    def forward(self, branches: list[Tensor]) -> Tensor:
        """All branches -> the fused map of the target."""
        kept = [self.row.summand(source, branches) for source in range(len(branches)) if source not in self.left_out]
        fused = torch.zeros_like(branches[self.target]) if not kept else kept[0]
        for summand in kept[1:]:
            fused = fused + summand
        return F.relu(fused)  # not in place: the only summand may be a branch's own map, which other targets read


def without(model: HRFormer, parts: Collection[Part]) -> HRFormer:
    """The network without some of its parts; the model itself stays as it is.

    Args:
        model: Any variant, with whatever weights.
        parts: What is taken out, as `explorer.ablation.parts.REMAINDERS` says; what lies within another part of these
            goes with it.

    Returns:
        A network of the same kind that shares all weights that stay.

    Raises:
        ValueError: If the variant has no such part.
    """
    for part in parts:
        if not is_part_of(model.config, part):
            raise ValueError(f"This variant has no part {part.text}: use one that `parts_of` lists.")
    with exclusive(model):  # so that no hook of another session comes along
        network = sharing_copy(model)
    # What lies inside goes first: nothing is found inside a block that is gone.
    for kind, take_out in _TAKE_OUT.items():
        for part in sorted(part for part in parts if part.kind == kind):
            take_out(network, part)
    return network


def sharing_copy(model: HRFormer) -> HRFormer:
    """New modules around the same parameters and buffers."""
    tensors = chain(model.parameters(), model.buffers())
    return deepcopy(model, {id(tensor): tensor for tensor in tensors})


def _take_head(network: HRFormer, part: Part) -> None:
    attention = _block(network, part).attn
    channels = attention.out_proj.in_features // attention.num_heads
    weight = attention.out_proj.weight.detach().clone()
    weight[:, part["head"] * channels : (part["head"] + 1) * channels] = 0
    attention.out_proj.weight = nn.Parameter(weight)


def _take_attention(network: HRFormer, part: Part) -> None:
    block = _block(network, part)
    block.attn = cast("WindowAttention", EvenAttention(block.attn))


def _take_dw_conv(network: HRFormer, part: Part) -> None:
    convolution = cast("nn.Conv2d", _block(network, part).mlp.dw3x3)
    row, column = (side // 2 for side in convolution.kernel_size)
    kernel = torch.zeros_like(convolution.weight)
    kernel[:, :, row, column] = convolution.weight.detach()[:, :, row, column]
    convolution.weight = nn.Parameter(kernel)


def _take_block(network: HRFormer, part: Part) -> None:
    if part["stage"] == 1:
        network.layer1[part["module"] * network.config.num_blocks[0] + part["block"]] = nn.Identity()
        return
    _blocks(network, part)[part["block"]] = nn.Identity()


def _take_arrow(network: HRFormer, part: Part) -> None:
    _leave_out(network, part["stage"], part["module"], part["target"], {part["source"]})


def _take_branch(network: HRFormer, part: Part) -> None:
    """Every arrow from the branch and to it: so its map is zeros where later branches and the head read it, too."""
    branch = part["branch"]
    for stage in range(max(2, branch + 1), len(network.config.num_modules) + 1):
        for module in range(network.config.num_modules[stage - 1]):
            made = high_resolution_module(network, stage, module)
            made.branches[branch] = nn.Sequential()
            for target in range(len(made.fuse_layers)):
                _leave_out(network, stage, module, target, set(range(stage)) if target == branch else {branch})


def _leave_out(network: HRFormer, stage: int, module: int, target: int, sources: set[int]) -> None:
    rows = high_resolution_module(network, stage, module).fuse_layers
    row = rows[target]
    if isinstance(row, RowWithout):
        rows[target] = RowWithout(row.row, row.left_out | sources)
    else:
        rows[target] = RowWithout(cast("FusionRow | PassingRow", row), frozenset(sources))


_TAKE_OUT: Mapping[Kind, Callable[[HRFormer, Part], None]] = {
    "head": _take_head,
    "attention": _take_attention,
    "dw_conv": _take_dw_conv,
    "block": _take_block,
    "arrow": _take_arrow,
    "branch": _take_branch,
}


def _blocks(network: HRFormer, part: Part) -> nn.Sequential:
    module = high_resolution_module(network, part["stage"], part["module"])
    return cast("nn.Sequential", module.branches[part["branch"]])


def _block(network: HRFormer, part: Part) -> HRFormerBlock:
    return cast("HRFormerBlock", _blocks(network, part)[part["block"]])
