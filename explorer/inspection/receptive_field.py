"""Theoretical receptive field: exactly the pixels that can reach a position, from the structure alone.

Every layer of HRFormer reads, along each axis, one contiguous run of positions: a 3x3 convolution the neighbours, a
window its tokens, an interpolation one or two positions. A set of positions is therefore carried backwards through a
layer axis by axis. Along a single path through the branches the set stays (rows) x (columns), but different paths meet
in different rectangles, and a union of rectangles need not be one: the sets are boolean maps. What acts on one position
alone (norms in inference, 1x1 convolutions, activations, residuals) reads what it writes and does not appear.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from explorer.cost.complexity import estimate_complexity
from explorer.inspection.axis_reads import (
    Mask,
    bilinear_reads,
    convolution_reads,
    nearest_reads,
    read_by,
    window_reads,
)
from hrformer import HRFormerConfig
from hrformer.config import NUM_STAGES
from hrformer.geometry import (
    Size,
    area,
    branch_sizes,
    stem_sizes,
)
from hrformer.widths import STAGE1_CHANNELS

#: Window sizes of the axis that sets area against MACs.
WINDOW_SIZE_AXIS = tuple(range(3, 22))


@dataclass(frozen=True, kw_only=True)
class MapPosition:
    """One position of one branch map, after the fusion of a module (in stage 1, after its bottlenecks).

    Attributes:
        stage: 1 to 4.
        module: Index of the module in its stage.
        branch: Index of the branch, highest resolution first.
        row: Row of the branch map.
        column: Column of the branch map.
    """

    stage: int
    module: int
    branch: int
    row: int
    column: int

    @property
    def pixel(self) -> tuple[int, int]:
        """(row, column) of the input pixel that the strided convolutions centre this position on."""
        stride = 4 * 2**self.branch
        return self.row * stride, self.column * stride


@dataclass(frozen=True, eq=False)
class ModuleReads:
    """What the receptive field holds of the maps that enter a module, in the positions of each branch.

    Attributes:
        stage: 2 to 4.
        module: Index of the module in its stage.
        masks: One boolean map (H_i, W_i) per branch of the stage; all false where the branch is not read.
    """

    stage: int
    module: int
    masks: tuple[Mask, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of each branch map that is read, 0 to 1."""
        return tuple(float(mask.mean()) for mask in self.masks)


@dataclass(frozen=True, eq=False)
class TheoreticalField:
    """The input pixels that can influence a position.

    Attributes:
        position: The position.
        pixels: Boolean map (H, W) of the input.
        reads: What is read of the branch maps on the way, from the position's own module back to the first of stage 2.
    """

    position: MapPosition
    pixels: Mask
    reads: tuple[ModuleReads, ...]

    @property
    def area_px(self) -> int:
        """Pixels of the field."""
        return int(self.pixels.sum())

    @property
    def area_share(self) -> float:
        """Share of the picture, 0 to 1."""
        return self.area_px / self.pixels.size

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """Bounding box (top, left, bottom, right) in pixels, bottom and right included."""
        rows, columns = (np.flatnonzero(self.pixels.any(axis)) for axis in (1, 0))
        return int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1])

    @property
    def sides_px(self) -> tuple[int, int]:
        """Height and width of the bounding box."""
        top, left, bottom, right = self.box
        return bottom - top + 1, right - left + 1

    @property
    def reach_px(self) -> tuple[int, int, int, int]:
        """Pixels of the box above, left of, below and right of the position's own pixel: unequal where not centred."""
        (row, column), (top, left, bottom, right) = self.position.pixel, self.box
        return row - top, column - left, bottom - row, right - column

    @property
    def is_rectangle(self) -> bool:
        """Whether the field fills its bounding box."""
        return self.area_px == area(self.sides_px)


def theoretical_field(config: HRFormerConfig, position: MapPosition) -> TheoreticalField:
    """The exact receptive field of a position for pictures of the configured size; a few milliseconds.

    Interpolation weights that are zero by exact arithmetic do not count, even where floating point rounds them to
    1e-16 (bilinear alignment of some odd sizes).

    Raises:
        ValueError: If the variant has no such position.
    """
    check_position(config, position)
    masks = [np.zeros(size, np.bool_) for size in branch_sizes(config.img_size)[: position.stage]]
    masks[position.branch][position.row, position.column] = True
    reads = []
    last_module = position.module
    for stage in range(position.stage, 1, -1):
        for module in range(last_module, -1, -1):
            masks = _before_module(config, stage, masks)
            reads.append(ModuleReads(stage, module, tuple(masks)))
        masks = _before_transition(config, stage, masks)
        last_module = config.num_modules[stage - 2] - 1
    bottlenecks = (last_module + 1) * config.num_blocks[0]
    return TheoreticalField(position, _before_stem(config, masks[0], bottlenecks), tuple(reads))


def compare_window_sizes(
    config: HRFormerConfig, position: MapPosition, sizes: Iterable[int] = WINDOW_SIZE_AXIS
) -> pd.DataFrame:
    """What a larger window buys and costs: the field of a position and the MACs, with each size in all branches.

    Returns:
        One row per size with the columns window_size, field_area_px, field_share (0 to 1), field_height_px,
        field_width_px and macs (of the whole network at the configured picture size).

    Raises:
        ValueError: If the variant has no such position or a size is not legal.
    """
    rows = []
    for size in sizes:
        variant = replace(config, window_sizes=(size, size, size, size))
        field = theoretical_field(variant, position)
        macs = estimate_complexity(variant).macs
        rows.append((size, field.area_px, field.area_share, *field.sides_px, macs))
    columns = ["window_size", "field_area_px", "field_share", "field_height_px", "field_width_px", "macs"]
    return pd.DataFrame(rows, columns=columns)


def num_output_branches(config: HRFormerConfig, stage: int, module: int) -> int:
    """Branches that a module hands on: all of its stage's, or one after the last fusion of `fused_outputs` highest."""
    last = stage == NUM_STAGES and module == config.num_modules[stage - 1] - 1
    return 1 if last and config.fused_outputs == "highest" else stage


def central_position(config: HRFormerConfig, stage: int, module: int, branch: int) -> MapPosition:
    """The middle of a branch map; of an even side, the later of the two middles (as in arXiv 2203.06717).

    Raises:
        ValueError: If the variant has no such map.
    """
    check_position(config, MapPosition(stage=stage, module=module, branch=branch, row=0, column=0))
    height, width = branch_sizes(config.img_size)[branch]
    return MapPosition(stage=stage, module=module, branch=branch, row=height // 2, column=width // 2)


def check_position(config: HRFormerConfig, position: MapPosition) -> None:
    """Refuse a position that the variant does not have at its picture size.

    Raises:
        ValueError: One sentence naming the first index that is out of range and the legal range.
    """
    if not 1 <= position.stage <= NUM_STAGES:
        raise ValueError(f"stage = {position.stage} does not exist: use 1 to {NUM_STAGES}.")
    stage = f"stage {position.stage}"
    _check_index("module", position.module, config.num_modules[position.stage - 1], f"modules of {stage}")
    branches = num_output_branches(config, position.stage, position.module)
    _check_index("branch", position.branch, branches, f"branches after module {position.module} of {stage}")
    height, width = branch_sizes(config.img_size)[position.branch]
    _check_index("row", position.row, height, f"rows of branch {position.branch}")
    _check_index("column", position.column, width, f"columns of branch {position.branch}")


def _check_index(name: str, index: int, count: int, what: str) -> None:
    if not 0 <= index < count:
        raise ValueError(f"{name} = {index} is not among the {count} {what}: use 0 to {count - 1}.")


def _before_convolution(mask: Mask, size: Size, stride: int = 1) -> Mask:
    height, width = size
    return read_by(mask, convolution_reads(height, stride), convolution_reads(width, stride))


def _before_module(config: HRFormerConfig, stage: int, masks: Sequence[Mask]) -> list[Mask]:
    fused = _before_fusion(config, masks) if config.multi_scale_fusion else masks
    return [_before_blocks(config, stage, branch, mask) for branch, mask in enumerate(fused)]


def _before_fusion(config: HRFormerConfig, masks: Sequence[Mask]) -> list[Mask]:
    sizes = branch_sizes(config.img_size)
    branches = range(len(masks))
    return [
        np.logical_or.reduce([_before_summand(config, sizes, source, target, masks[target]) for target in branches])
        for source in branches
    ]


def _before_summand(config: HRFormerConfig, sizes: Sequence[Size], source: int, target: int, mask: Mask) -> Mask:
    """From the target's map back to the source's, through one summand of `hrformer.fusion.FusionRow`."""
    for finer in range(target - 1, source - 1, -1):
        mask = _before_convolution(mask, sizes[finer], stride=2)
    if source <= target:
        return mask
    factor = 2 ** (source - target)
    height, width = sizes[source]
    enlarged = (height * factor, width * factor)
    nearest = config.fusion_upsample == "nearest"
    if enlarged != sizes[target]:
        rows, columns = (
            bilinear_reads(before, after, align_corners=nearest)
            for before, after in zip(enlarged, sizes[target], strict=True)
        )
        mask = read_by(mask, rows, columns)
    if nearest:
        return read_by(mask, nearest_reads(height, factor), nearest_reads(width, factor))
    rows, columns = (bilinear_reads(side, side * factor, align_corners=False) for side in (height, width))
    return read_by(mask, rows, columns)


def _before_blocks(config: HRFormerConfig, stage: int, branch: int, mask: Mask) -> Mask:
    size = mask.shape[0], mask.shape[1]
    rows, columns = (window_reads(side, config.window_sizes[branch]) for side in size)
    for _ in range(config.num_blocks[stage - 1]):
        if config.dw_conv and config.dw_kernel_size > 1:
            mask = _before_convolution(mask, size)
        mask = read_by(mask, rows, columns)
    return mask


def _before_transition(config: HRFormerConfig, stage: int, masks: Sequence[Mask]) -> list[Mask]:
    """From the branches of a stage back to those of the stage before, one fewer."""
    *kept, opened = masks
    source_size = kept[-1].shape[0], kept[-1].shape[1]
    if stage == 2 and config.channels[0] != STAGE1_CHANNELS:
        kept[0] = _before_convolution(kept[0], source_size)
    kept[-1] = kept[-1] | _before_convolution(opened, source_size, stride=2)
    return kept


def _before_stem(config: HRFormerConfig, mask: Mask, bottlenecks: int) -> Mask:
    half, quarter = stem_sizes(config.img_size)
    for _ in range(bottlenecks):
        mask = _before_convolution(mask, quarter)
    mask = _before_convolution(mask, half, stride=2)
    return _before_convolution(mask, config.img_size, stride=2)
