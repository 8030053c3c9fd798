"""Which stage, branch and kind of work a module belongs to, and which kind of operator does it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from torch import nn

from hrformer.block import FeedForward, HRFormerBlock
from hrformer.model import HRFormer

#: Kinds of operators; for networks other than HRFormer also the kinds of work. What an operator is called in aten
#: decides, the first match wins.
_OPERATORS = (
    ("attention products", re.compile(r"scaled_dot_product|softmax|bmm|flash_attention|efficient_attention")),
    ("norm", re.compile(r"norm|moments")),
    ("convolution", re.compile(r"conv|cudnn|nnpack")),
    ("resize and pool", re.compile(r"upsample|pool|interpolate|mean")),
    ("linear", re.compile(r"linear|addmm|\bmm\b|matmul")),
    # What ReLU calls is a clamp.
    ("activation", re.compile(r"gelu|relu|silu|hardswish|sigmoid|tanh|clamp")),
    (
        "copy and layout",
        re.compile(
            r"copy|clone|contiguous|cat|stack|pad|roll|fill|zero|ones|empty|index|view|shape|flatten|permute|transpose"
            r"|expand|squeeze|select|slice|split|chunk|unbind|narrow|resize|as_strided|alias|detach|resolve|unfold|flip"
            r"|\bt\b|\bto\b"
        ),
    ),
    ("element-wise", re.compile(r"add|mul|div|sub|sum|dropout")),
)
OTHER = "other"
#: Dense baselines hold their network under this name.
_BACKBONE = "backbone."

#: Parts of a network in HRNet's names, which HRFormer and timm's HRNet share: pattern, stage; groups: stage, branch.
_STEM = re.compile(r"^(conv1|bn1|act1|conv2|bn2|act2|relu)\b")
_STAGE1 = re.compile(r"^layer1\b")
_TRANSITION = re.compile(r"^transition(\d)\.(\d)")
_BRANCH = re.compile(r"^stage(\d)\.\d+\.branches\.(\d)")
_FUSION = re.compile(r"^stage(\d)\.\d+\.fuse_layers\.(\d)")
_STAGE = re.compile(r"^stage(\d)\b")
_HEAD = re.compile(r"^(head|incre_modules|downsamp_modules|final_layer|global_pool|head_drop|classifier)\b")
_NUMBERED_STAGE = re.compile(r"^(layers|stages)[._](\d+)")

#: Work inside an HRFormer block by the module that does it, as `explorer.cost.complexity.block_costs` groups it.
_BLOCK_KINDS = (
    (re.compile(r"\.attn\.(q|k|v|out)_proj\b"), "attention projections"),
    (re.compile(r"\.attn\b"), "attention products"),
    (re.compile(r"\.mlp\.(dw3x3|norm2)\b"), "FFN 3x3 depth-wise"),
    (re.compile(r"\.(mlp|norm2)\b"), "FFN 1x1"),
    (re.compile(r"\.norm1\b"), "attention projections"),
)
#: Modules whose own work counts with the child that ran last: residual sums, and activations between layers.
_CHILDREN_IN_ORDER: dict[type[nn.Module], tuple[str, ...]] = {
    HRFormerBlock: ("norm1", "attn", "norm2", "mlp"),
    FeedForward: ("fc1", "norm1", "dw3x3", "norm2", "fc2", "norm3"),
}


@dataclass(frozen=True)
class Part:
    """A place in a network.

    Attributes:
        stage: Such as "stem", "stage 3", "head"; for networks without HRNet's stages the name of the top module.
        branch: Index of the branch, highest resolution first; None for what belongs to none.
        kind: One of `explorer.cost.complexity.KINDS`; None where the operators tell the kinds.
    """

    stage: str
    branch: int | None = None
    kind: str | None = None

    @property
    def label(self) -> str:
        """As it is called in a trace, which holds ASCII only."""
        branch = "" if self.branch is None else f" / branch {self.branch}"
        return f"{self.stage}{branch}" + ("" if self.kind is None else f" / {self.kind}")


def part_of(path: str, *, is_hrformer: bool) -> Part:
    """The part that a module belongs to.

    Args:
        path: The module's qualified name, "" for the network itself.
        is_hrformer: Whether the kinds of work are HRFormer's.
    """
    path = path.removeprefix(_BACKBONE)
    part = _hrnet_part(path) or _plain_part(path)
    return Part(part.stage, part.branch, _kind(path, part)) if is_hrformer else part


def ranges(model: nn.Module) -> Iterator[tuple[nn.Module, nn.Module | None, Part]]:
    """Modules and the parts that they work for.

    Every module that is called is there, not only those at which another part begins: some networks run a container
    past its hooks, by its `forward`.

    Yields:
        The module; the parent until whose end (or until the next sibling's start) the part lasts, None where it ends
        with the module; and the part.
    """
    is_hrformer = isinstance(model, HRFormer)
    called = {path: module for path, module in model.named_modules() if type(module).forward is not nn.Module.forward}
    for path, module in called.items():
        outer_path = nearest_ancestor(path, called)
        outer, part = called[outer_path], part_of(path, is_hrformer=is_hrformer)
        in_order = _CHILDREN_IN_ORDER.get(type(outer), ())
        if in_order:
            if path.rpartition(".")[2] in in_order:
                yield module, outer, part
        else:
            yield module, None, part


def nearest_ancestor(path: str, called: Container[str]) -> str:
    """The innermost called module around one; modules that only hold others, such as lists, are never called."""
    while path := path.rpartition(".")[0]:
        if path in called:
            break
    return path


def operator_kind(name: str) -> str:
    """Kind of an operator by its name in aten, such as "aten::addmm"."""
    return next((kind for kind, pattern in _OPERATORS if pattern.search(name)), OTHER)


def _hrnet_part(path: str) -> Part | None:
    for pattern, offset in ((_BRANCH, 0), (_FUSION, 0), (_TRANSITION, 1)):
        match = pattern.match(path)
        if match:
            return Part(f"stage {int(match[1]) + offset}", int(match[2]))
    if _STEM.match(path):
        return Part("stem")
    if _STAGE1.match(path):
        return Part("stage 1")
    if _HEAD.match(path):
        return Part("head")
    stage = _STAGE.match(path)
    return Part(f"stage {stage[1]}") if stage else None


def _plain_part(path: str) -> Part:
    numbered = _NUMBERED_STAGE.match(path)
    if numbered:
        return Part(f"{numbered[1]} {numbered[2]}")
    return Part(path.partition(".")[0] or OTHER)


def _kind(path: str, part: Part) -> str:
    if _FUSION.match(path):
        return "fusion"
    if _TRANSITION.match(path):
        return "transition"
    if part.stage in ("stem", "stage 1"):
        return "stem and stage 1"
    if _BRANCH.match(path):
        return next((kind for pattern, kind in _BLOCK_KINDS if pattern.search(path)), OTHER)
    return "head" if part.stage == "head" else OTHER
