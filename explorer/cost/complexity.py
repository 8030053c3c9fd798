"""Parameters, MACs and published-convention FLOPs of any variant, in closed form: no weight is allocated.

Every block of a branch within a stage costs the same, so the network is a short table of rows, each with its number of
repetitions. The counts are those of `hrformer` itself: they equal `torch.utils.flop_counter` on the meta device.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

from explorer.cost import operator_counts as ops
from explorer.cost.activation_memory import peak_activation_elements
from explorer.cost.operator_counts import OperatorCounts, total
from explorer.units import MIB
from hrformer import HRFormerConfig
from hrformer.config import NUM_BRANCHES, NUM_STAGES
from hrformer.geometry import area, branch_sizes, stem_sizes
from hrformer.widths import (
    BOTTLENECK_EXPANSION,
    CLASSIFICATION_FEATURES,
    CLASSIFICATION_WIDTHS,
    OCR_CHANNELS,
    OCR_KEY_CHANNELS,
    STAGE1_CHANNELS,
    STEM_CHANNELS,
)
from hrformer.windows import WindowGrid

STAGES = ("stem", "stage 1", "stage 2", "stage 3", "stage 4", "head")
#: Kinds of work in the order of the network; the first four make up a transformer block. The depth-wise kind keeps its
#: published name where `dw_kernel_size` is 1.
KINDS = (
    "attention projections",
    "attention products",
    "FFN 1x1",
    "FFN 3x3 depth-wise",
    "fusion",
    "transition",
    "stem and stage 1",
    "head",
)
ATTENTION_KINDS = KINDS[:2]
BLOCK_KINDS = KINDS[:4]

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class CostRow:
    """Work of one kind in one place, all repetitions together.

    Attributes:
        stage: One of `STAGES`.
        branch: Index of the branch, highest resolution first; None for stem, stage 1 and head.
        kind: One of `KINDS`.
        counts: Parameters and work.
    """

    stage: str
    branch: int | None
    kind: str
    counts: OperatorCounts


@dataclass(frozen=True)
class Complexity:
    """Cost of one image of the configured size.

    Attributes:
        rows: The whole cost, one row per stage, branch and kind.
        peak_activation_elements: Elements alive at the worst moment of an inference forward; how it is estimated
            stands in `explorer.cost.activation_memory`.
        wasted_attention_macs: Attention MACs spent on window padding, by (stage, branch).
    """

    rows: tuple[CostRow, ...]
    peak_activation_elements: int
    wasted_attention_macs: dict[tuple[str, int], int]

    @cached_property
    def counts(self) -> OperatorCounts:
        """Everything together."""
        return total(row.counts for row in self.rows)

    @property
    def params(self) -> int:
        """Learned parameters."""
        return self.counts.params

    @property
    def macs(self) -> int:
        """Multiply-adds of convolutions, linear layers and matrix products."""
        return self.counts.macs

    @property
    def flops(self) -> int:
        """FLOPs as 2 x MACs."""
        return 2 * self.macs

    @property
    def flops_published(self) -> int:
        """FLOPs in the convention of the paper's tables."""
        return self.counts.flops_published

    @property
    def peak_activation_mib(self) -> float:
        """Peak activation memory of an inference forward in fp32, MiB, weights not counted."""
        return self.peak_activation_elements * 4 / MIB

    @property
    def peak_activation_half_mib(self) -> float:
        """The same in fp16 or bf16, MiB."""
        return self.peak_activation_elements * 2 / MIB

    @property
    def weights_mib(self) -> float:
        """Weights in fp32, MiB."""
        return self.params * 4 / MIB

    @property
    def wasted_attention_share(self) -> float:
        """Share of all attention MACs that goes into window padding, 0 to 1."""
        attention = sum(row.counts.macs for row in self.rows if row.kind in ATTENTION_KINDS)
        return sum(self.wasted_attention_macs.values()) / attention

    def by_stage(self) -> dict[str, OperatorCounts]:
        """Cost of the stem, of each stage and of the head."""
        return self._group(lambda row: row.stage)

    def by_branch(self) -> dict[int | None, OperatorCounts]:
        """Cost of each branch; None holds stem, stage 1 and head."""
        return self._group(lambda row: row.branch)

    def by_kind(self) -> dict[str, OperatorCounts]:
        """Cost of each kind of work."""
        return self._group(lambda row: row.kind)

    def by_operator(self) -> dict[str, int]:
        """Published-convention FLOPs by operator, as in the authors' counter."""
        return self.counts.by_operator()

    def _group(self, key: Callable[[CostRow], Key]) -> dict[Key, OperatorCounts]:
        groups: dict[Key, OperatorCounts] = {}
        for row in self.rows:
            groups[key(row)] = groups.get(key(row), OperatorCounts()) + row.counts
        return groups


@lru_cache(maxsize=256)
def estimate_complexity(config: HRFormerConfig) -> Complexity:
    """Cost of a variant at its `img_size`, for one image; about a millisecond, whatever the size of the network."""
    wasted = {
        (f"stage {stage + 1}", branch): _blocks(config, stage)
        * ops.wasted_attention_macs(config.channels[branch], window_grid(config, branch))
        for stage in range(1, NUM_STAGES)
        for branch in range(stage + 1)
    }
    return Complexity(tuple(_rows(config)), peak_activation_elements(config), wasted)


def window_grid(config: HRFormerConfig, branch: int) -> WindowGrid:
    """The attention windows of a branch at the configured image size."""
    height, width = branch_sizes(config.img_size)[branch]
    return WindowGrid(height, width, config.window_sizes[branch])


def block_costs(config: HRFormerConfig, branch: int) -> dict[str, OperatorCounts]:
    """Cost of one block of a branch by kind; the layer norms count with what they precede."""
    channels, hidden = config.channels[branch], config.hidden_channels[branch]
    size, grid = branch_sizes(config.img_size)[branch], window_grid(config, branch)
    residual = ops.addition(channels, size)
    costs = {
        "attention projections": ops.layer_norm(channels) + ops.attention_projections(channels, grid),
        "attention products": ops.attention_products(
            channels, config.num_heads[branch], grid, add_bias=config.relative_position_bias
        )
        + residual,
        "FFN 1x1": ops.layer_norm(channels) + ops.ffn_pointwise(channels, hidden, size) + residual,
    }
    if config.dw_conv:
        costs["FFN 3x3 depth-wise"] = ops.ffn_depth_wise(hidden, config.dw_kernel_size, size)
    return costs


def _blocks(config: HRFormerConfig, stage: int) -> int:
    return config.num_modules[stage] * config.num_blocks[stage]


def _rows(config: HRFormerConfig) -> Iterator[CostRow]:
    yield from _stem_rows(config)
    for stage in range(1, NUM_STAGES):
        name = f"stage {stage + 1}"
        yield from _transition_rows(config, stage)
        for branch in range(stage + 1):
            for kind, counts in block_costs(config, branch).items():
                yield CostRow(name, branch, kind, counts * _blocks(config, stage))
        yield from _fusion_rows(config, stage)
    yield CostRow("head", None, "head", _head(config))


def _stem_rows(config: HRFormerConfig) -> Iterator[CostRow]:
    half, quarter = stem_sizes(config.img_size)
    stem = ops.conv_bn_relu(config.in_chans, STEM_CHANNELS, 3, half) + ops.conv_bn_relu(
        STEM_CHANNELS, STEM_CHANNELS, 3, quarter
    )
    yield CostRow("stem", None, "stem and stage 1", stem)
    first = ops.bottleneck(STEM_CHANNELS, STEM_CHANNELS, quarter)
    later = ops.bottleneck(STAGE1_CHANNELS, STEM_CHANNELS, quarter)
    yield CostRow("stage 1", None, "stem and stage 1", first + later * (_blocks(config, 0) - 1))


def _transition_rows(config: HRFormerConfig, stage: int) -> Iterator[CostRow]:
    """The transition in front of a stage; its work counts with the stage and the branch that it makes."""
    sizes = branch_sizes(config.img_size)
    before = config.channels[:stage] if stage > 1 else (STAGE1_CHANNELS,)
    name = f"stage {stage + 1}"
    for branch, (source, target) in enumerate(zip(before, config.channels, strict=False)):
        if source != target:
            yield CostRow(name, branch, "transition", ops.conv_bn_relu(source, target, 3, sizes[branch]))
    yield CostRow(name, stage, "transition", ops.conv_bn_relu(before[-1], config.channels[stage], 3, sizes[stage]))


def _fusion_rows(config: HRFormerConfig, stage: int) -> Iterator[CostRow]:
    branches = stage + 1
    sizes = branch_sizes(config.img_size)[:branches]
    for target in range(branches):
        last_dropped = stage == NUM_STAGES - 1 and config.fused_outputs == "highest" and target > 0
        repetitions = config.num_modules[stage] - last_dropped
        if config.multi_scale_fusion:
            row = ops.fusion_row(config.channels[:branches], sizes, target)
        else:
            row = ops.relu(config.channels[target], sizes[target])
        yield CostRow(f"stage {stage + 1}", target, "fusion", row * repetitions)


def _head(config: HRFormerConfig) -> OperatorCounts:
    segmentation = {"ocr": _segmentation_head, "fcn": _plain_segmentation_head}[config.segmentation_head]
    heads = {"classification": _classification_head, "pose": _pose_head, "segmentation": segmentation}
    return heads[config.task](config)


def _classification_head(config: HRFormerConfig) -> OperatorCounts:
    sizes = branch_sizes(config.img_size)
    outs = [width * BOTTLENECK_EXPANSION for width in CLASSIFICATION_WIDTHS]
    counts = total(
        ops.bottleneck(config.channels[branch], CLASSIFICATION_WIDTHS[branch], sizes[branch], depth_wise=True)
        for branch in range(NUM_BRANCHES)
    )
    for branch in range(1, NUM_BRANCHES):
        fine, coarse, size = outs[branch - 1], outs[branch], sizes[branch]
        counts += ops.conv_bn(fine, fine, 3, size, groups=fine, bias=True)
        counts += ops.conv_bn_relu(fine, coarse, 1, size, bias=True) + ops.addition(coarse, size)
    counts += ops.conv_bn_relu(outs[-1], CLASSIFICATION_FEATURES, 1, sizes[-1], bias=True)
    # The published totals count dropout as 5/4 of all linear outputs: right inside the blocks (the FFN drops 5C values
    # where attention's four projections make 4C), a surplus of 5/4 per class here, kept to match them to the last FLOP.
    surplus = OperatorCounts(dropout=5 * config.num_classes // 4)
    return counts + ops.linear(CLASSIFICATION_FEATURES, config.num_classes, 1) + surplus


def _pose_head(config: HRFormerConfig) -> OperatorCounts:
    return ops.conv(config.channels[0], config.num_classes, 1, branch_sizes(config.img_size)[0])


def _plain_segmentation_head(config: HRFormerConfig) -> OperatorCounts:
    size = branch_sizes(config.img_size)[0]
    total_channels = sum(config.channels)
    joined = ops.conv_bn_relu(total_channels, total_channels, 1, size, bias=True)
    return joined + ops.conv(total_channels, config.num_classes, 1, size)


def _segmentation_head(config: HRFormerConfig) -> OperatorCounts:
    size = branch_sizes(config.img_size)[0]
    regions = (config.num_classes, 1)
    pairs = area(size) * config.num_classes
    wide, key = OCR_CHANNELS, OCR_KEY_CHANNELS
    convolutions = total(
        (
            ops.conv_bn_relu(sum(config.channels), wide, 3, size, bias=True) * 2,  # pixels, auxiliary
            ops.conv(wide, config.num_classes, 1, size) * 2,  # auxiliary logits, logits
            ops.conv_bn_relu(wide, key, 1, size, bias=True) + ops.conv_bn_relu(key, key, 1, size, bias=True),
            ops.conv_bn_relu(wide, key, 1, regions, bias=True) * 2 + ops.conv_bn_relu(key, key, 1, regions, bias=True),
            ops.conv_bn_relu(key, wide, 1, size, bias=True),
            ops.conv_bn_relu(2 * wide, wide, 1, size, bias=True),
        )
    )
    products = OperatorCounts(
        matmul=pairs * (wide + 2 * key),  # gathered regions, similarity, context
        mul=pairs,
        softmax=2 * ops.SOFTMAX_FLOPS * pairs,
    )
    return convolutions + products
