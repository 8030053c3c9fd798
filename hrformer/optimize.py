"""A trained HRFormer rewritten for fast inference: the same function value, in fewer and faster operations.

The model in `hrformer.model` stays the only definition. `optimize_for_inference` takes a copy and exchanges modules in
place; every forward pass that joins them is the readable one. The rewrites, and why each is exact:

1. Batch norms are folded into the convolution before them. In evaluation a batch norm is x -> a*x + b per channel, and
   a*(W*x + c) + b is the convolution with the weight a*W and the bias a*c + b.
2. The query's projection carries the factor 1/sqrt(head_dim), since (s*q)k = s*(qk); query, key and value come out of
   one product (`FusedWindowAttention`): rows of a stacked matrix do not interact.
3. The relative position bias is gathered once: it depends on the weights alone.
4. Windows are merged before the output projection: a projection acts on each token by itself, so it commutes with the
   reordering, and the tokens of the padding need not be projected at all.
5. On a CPU, convolutions and projections go through oneDNN with weights in its own blocked layout, and compute the
   activation that follows while their output is in cache (`PackedConv2d`, `PackedLinear`). Same sum, other order.
6. Fusions add in place, into maps that nothing else reads (`InPlaceFusionRow`).
7. Stage 1 and the blocks of a branch take few images at a time, so that their wide maps stay in cache and in memory
   that the last piece has just freed (`Piecewise`), and so does the whole network (`PackedHRFormer`): images of a
   batch do not interact.

`docs/performance.md` says what each is worth and what was tried besides.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hrformer.attention import WindowAttention, join_heads, window_partition, window_reverse
from hrformer.block import FeedForward
from hrformer.fusion import FusionRow, HighResolutionModule
from hrformer.layers import Bottleneck
from hrformer.model import HRFormer
from hrformer.widths import STAGE1_CHANNELS
from hrformer.windows import WindowGrid

torch.fx.wrap("window_partition")
torch.fx.wrap("window_reverse")

#: The map that packed weights are laid out for; other sizes work too.
PACKED_FOR_BATCH = 8
PACKED_FOR_SIDE = 28
PACKED_FOR_TOKENS = PACKED_FOR_BATCH * PACKED_FOR_SIDE**2
#: The FFN's hidden map, or stage 1's output, of the images that go through it together. Measured better than 8 MB.
PIECE_BYTES = 4_000_000
#: Images of a batch that are in memory together: as fast as eight at a time; two at a time take 7 to 16 % longer.
IMAGES_AT_ONCE = 4


def optimize_for_inference(model: HRFormer, *, packed: bool | None = None, fused_qkv: bool = True) -> HRFormer:
    """A copy of the model for inference, with the same function value; the model itself stays as it is.

    Args:
        model: Any variant, on any device, in training or evaluation mode; its evaluation mode is what is kept.
        packed: Whether weights take oneDNN's blocked layout. By default where that runs: float32 on a CPU. The packed
            model stays on the CPU and cannot be exported or compiled; pass False for one that can.
        fused_qkv: Whether query, key and value come out of one product. Engines that copy to take it apart do better
            without.

    Returns:
        A model in evaluation mode without gradients. Its keys are its own: save the model it came from.

    Raises:
        ValueError: If `packed` is asked for where oneDNN does not run the model.
    """
    weight = model.conv1.weight
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    can_pack = has_onednn and weight.device.type == "cpu" and weight.dtype == torch.float32
    if packed and not can_pack:
        raise ValueError(
            f"Packed weights need float32 on a CPU with oneDNN, this model is {weight.dtype} on {weight.device}: "
            "use packed=False."
        )
    optimised = copy.deepcopy(model).eval().requires_grad_(False)
    _fold_batch_norms(optimised)
    _replace_modules(optimised, WindowAttention, FusedWindowAttention if fused_qkv else InferenceWindowAttention)
    _replace_modules(optimised, FusionRow, InPlaceFusionRow)
    if packed is None:
        packed = can_pack
    if packed:
        activations = _absorb_activations(optimised)
        _replace_modules(optimised, nn.Conv2d, lambda conv: _packed(conv, activations.pop(conv, "none")))
        _replace_modules(optimised, nn.Linear, PackedLinear)
        _cut_in_pieces(optimised)
        optimised = PackedHRFormer(optimised)
    return optimised


class InferenceWindowAttention(nn.Module):
    """`WindowAttention` in evaluation, with the scale in the query's weights and a gathered bias.

    Args:
        attention: The attention whose function it computes; its projections are taken over and changed.
    """

    bias: Tensor | None

    def __init__(self, attention: WindowAttention) -> None:
        super().__init__()
        self.num_heads = attention.num_heads
        self.window_size = attention.window_size
        self.q_proj = attention.q_proj
        for parameter in self.q_proj.parameters():
            parameter.mul_(attention.scale)
        self.k_proj = attention.k_proj
        self.v_proj = attention.v_proj
        self.out_proj = attention.out_proj
        self.register_buffer("bias", attention.bias(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        grid = WindowGrid(x.shape[1], x.shape[2], self.window_size)
        query, key, value = (
            # (B*windows, K*K, C) -> (B*windows, K*K, heads, head_dim) -> (B*windows, heads, K*K, head_dim)
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # type: ignore[no-untyped-call]
            for part in self.project(window_partition(x, grid))
        )
        x = F.scaled_dot_product_attention(query, key, value, attn_mask=self.bias, scale=1.0)
        out: Tensor = self.out_proj(window_reverse(join_heads(x), grid))
        return out

    def project(self, windows: Tensor) -> Sequence[Tensor]:
        """Query, key and value: (B*windows, K*K, C) -> 3 x (B*windows, K*K, C)."""
        return self.q_proj(windows), self.k_proj(windows), self.v_proj(windows)


class FusedWindowAttention(InferenceWindowAttention):
    """`InferenceWindowAttention` with one product for query, key and value.

    Args:
        attention: The attention whose function it computes.
    """

    def __init__(self, attention: WindowAttention) -> None:
        super().__init__(attention)
        projections = (self.q_proj, self.k_proj, self.v_proj)
        self.dim = self.q_proj.out_features
        self.qkv_proj = copy.deepcopy(self.q_proj)
        self.qkv_proj.out_features *= 3
        for name in ("weight", "bias"):
            rows = torch.cat([projection.get_parameter(name) for projection in projections])
            self.qkv_proj.register_parameter(name, nn.Parameter(rows, requires_grad=False))
        del self.q_proj, self.k_proj, self.v_proj

    def project(self, windows: Tensor) -> Sequence[Tensor]:
        """Query, key and value: (B*windows, K*K, C) -> 3 x (B*windows, K*K, C)."""
        qkv: Tensor = self.qkv_proj(windows)
        # `chunk` would do, but for `torch.fx`, which cannot take apart what it has not computed.
        return [qkv.narrow(-1, part * self.dim, self.dim) for part in range(3)]


class InPlaceFusionRow(FusionRow):
    """`FusionRow` that adds into the summands it has just made.

    Args:
        row: The row whose function it computes.
    """

    def __init__(self, row: FusionRow) -> None:
        nn.ModuleList.__init__(self, row)
        self.target = row.target
        self.upsample = row.upsample

    def forward(self, branches: Sequence[Tensor]) -> Tensor:
        """All branches -> the fused map of the target."""
        fused = self.summand(0, branches)
        for source in range(1, len(branches)):
            summand = self.summand(source, branches)
            # The target's own summand is its map itself, which the other rows still read: it is never added into.
            fused = fused.add_(summand) if source == self.target else summand.add_(fused)
        return F.relu_(fused)


class PackedHRFormer(HRFormer):
    """An HRFormer that takes `IMAGES_AT_ONCE` images at a time, so that its maps' memory does not grow with the batch.

    That holds for its output; `forward_features` gives the maps of all images and takes them together.

    Args:
        model: What it takes its modules from.
    """

    def __init__(self, model: HRFormer) -> None:
        nn.Module.__init__(self)
        self.config = model.config
        self.training = model.training
        for name, module in model.named_children():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> the task's output, as `HRFormer` gives it.

        Raises:
            ValueError: If `torch.fx` traces it, which cannot follow pieces of a batch whose size it does not know.
        """
        if isinstance(x, torch.fx.Proxy):
            raise ValueError("The packed form cannot be traced: use optimize_for_inference(model, packed=False).")
        return _in_pieces(super().forward, x, IMAGES_AT_ONCE)


class Piecewise(nn.Module):
    """Blocks that keep a map's size, on as many images at a time as keep one map within `PIECE_BYTES`, at least one.

    Args:
        blocks: The blocks.
        channels: Of the map that counts: hidden ones of the FFN, or those that stage 1 gives.
    """

    def __init__(self, blocks: nn.Module, channels: int) -> None:
        super().__init__()
        self.blocks = blocks
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W), in channels-last memory."""
        image_bytes = self.channels * x.shape[2] * x.shape[3] * x.element_size()
        return _in_pieces(self.blocks, x, max(1, PIECE_BYTES // image_bytes))


class PackedModule(nn.Module, ABC):
    """A layer with its weight in oneDNN's blocked layout, which is unpacked to be copied or pickled."""

    weight: Tensor

    @abstractmethod
    def pack(self, weight: Tensor) -> Tensor:
        """A weight in the blocked layout."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "weight": self.weight.to_dense()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.weight = self.pack(self.weight)


class PackedLinear(PackedModule):
    """A linear layer with its weight in oneDNN's blocked layout, and the activation after it; for a CPU only.

    Args:
        layer: The linear layer or 1x1 convolution whose function it computes.
        activation: What follows it: "none", "relu" or "gelu" (the exact one).
    """

    def __init__(self, layer: nn.Linear | nn.Conv2d, activation: str = "none") -> None:
        super().__init__()
        self.activation = activation
        self.bias = layer.bias
        matrix = layer.weight.detach().flatten(1)  # (out, in) of a linear layer, (out, in, 1, 1) of a convolution
        self.weight = self.pack(matrix)

    def pack(self, weight: Tensor) -> Tensor:
        """(out, in) in the blocked layout."""
        packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, PACKED_FOR_TOKENS)
        return packed

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, self.activation, [], "none")
        return out


class PackedPointwiseConv2d(PackedLinear):
    """A 1x1 convolution as the product over channels that it is, without a layout copy on channels-last maps.

    The blocked layout of a product fits maps of every size. That of a convolution depends on the map, and the wrong
    one is put right in every call: that took two thirds of the time.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H, W), in channels-last memory."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class PackedConv2d(PackedModule):
    """A convolution with its weight in oneDNN's blocked layout, and the activation after it; inference on a CPU only.

    Args:
        conv: The convolution whose function it computes, padded with zeros.
        activation: What follows it: "none", "relu" or "gelu" (the exact one).
    """

    def __init__(self, conv: nn.Conv2d, activation: str) -> None:
        super().__init__()
        self.geometry = (conv.padding, conv.stride, conv.dilation, conv.groups)
        self.in_channels = conv.in_channels
        self.activation = activation
        self.bias = conv.bias
        self.weight = self.pack(conv.weight.detach())

    def pack(self, weight: Tensor) -> Tensor:
        """(out, in / groups, K, K) in the blocked layout."""
        map_size = (PACKED_FOR_BATCH, self.in_channels, PACKED_FOR_SIDE, PACKED_FOR_SIDE)
        packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(weight, *self.geometry, map_size)
        return packed

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H', W')."""
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, *self.geometry, self.activation, [], "none"
        )
        return out


def _fold_batch_norms(model: nn.Module) -> None:
    """Fold each batch norm into the convolution registered right before it; every one in HRFormer follows one."""
    leaves = [(name, module) for name, module in model.named_modules() if not any(module.children())]
    for (_, conv), (norm_name, norm) in pairwise(leaves):
        if isinstance(norm, nn.BatchNorm2d):
            # In double precision, since a float32 product would round twice.
            folded = fuse_conv_bn_eval(copy.deepcopy(conv).double(), norm.double())
            # Into the memory it has: a new place leaves a hole, and holes make forward passes touch more memory.
            conv.weight.copy_(folded.weight)
            conv.bias = nn.Parameter(folded.bias.to(conv.weight.dtype), requires_grad=False)
            model.set_submodule(norm_name, nn.Identity())


def _cut_in_pieces(model: HRFormer) -> None:
    """Let stage 1 and every branch of every module take few images at a time."""
    for module in model.modules():
        if isinstance(module, HighResolutionModule):
            hidden = model.config.hidden_channels
            module.branches = nn.ModuleList(
                Piecewise(blocks, width) for blocks, width in zip(module.branches, hidden, strict=False)
            )
    model.set_submodule("layer1", Piecewise(model.layer1, STAGE1_CHANNELS))


def _in_pieces(function: Callable[[Tensor], Tensor], x: Tensor, images: int) -> Tensor:
    """A function of images that do not interact, on few of them at a time: (B, ...) -> (B, ...)."""
    first, *others = torch.split(x, images)
    out = function(first)
    if not others:
        return out
    # Filled piece by piece: joining kept pieces would hold every map twice.
    layout = torch.channels_last if out.ndim == 4 else torch.contiguous_format
    joined = torch.empty(len(x), *out.shape[1:], dtype=out.dtype, device=out.device, memory_format=layout)
    end = len(first)
    joined[:end] = out
    for piece in others:
        start, end = end, end + len(piece)
        joined[start:end] = function(piece)
    return joined


def _packed(conv: nn.Conv2d, activation: str) -> nn.Module:
    pointwise = conv.kernel_size == (1, 1) and conv.stride == (1, 1) and conv.groups == 1
    return PackedPointwiseConv2d(conv, activation) if pointwise else PackedConv2d(conv, activation)


def _replace_modules(model: nn.Module, kind: type[nn.Module], replacement: Callable[[Any], nn.Module]) -> None:
    """Put `replacement(module)` in the place of each module of a kind."""
    # By name, so that each module is freed as soon as it is replaced.
    for name in [name for name, module in model.named_modules() if isinstance(module, kind)]:
        model.set_submodule(name, replacement(model.get_submodule(name)))


def _absorb_activations(model: nn.Module) -> dict[nn.Module, str]:
    """The activation after each convolution, by convolution; the modules that computed it become identities."""
    activations: dict[nn.Module, str] = {}
    for module in list(model.modules()):
        if isinstance(module, FeedForward):
            activations |= {conv: "gelu" for conv in (module.fc1, module.dw3x3, module.fc2) if conv is not None}
            module.set_submodule("act", nn.Identity())
        elif isinstance(module, Bottleneck | HRFormer):
            activations |= {module.conv1: "relu", module.conv2: "relu"}
            module.set_submodule("relu", nn.Identity())
        elif isinstance(module, nn.Sequential):
            for (_, _, step), (owner, name, following) in pairwise(_steps(module)):
                if isinstance(step, nn.Conv2d) and isinstance(following, nn.ReLU):
                    activations[step] = "relu"
                    owner.set_submodule(name, nn.Identity())
    return activations


def _steps(sequence: nn.Sequential) -> Iterator[tuple[nn.Sequential, str, nn.Module]]:
    """What a chain does, with nested chains flattened and identities left out: (owner, name in it, module)."""
    for name, module in sequence.named_children():
        if isinstance(module, nn.Sequential):
            yield from _steps(module)
        elif not isinstance(module, nn.Identity):
            yield sequence, name, module
