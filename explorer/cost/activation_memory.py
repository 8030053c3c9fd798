"""Peak activation memory of an inference forward, from the lifetimes of its tensors.

The estimate walks through the forward pass of `hrformer` and adds, at each moment that can be the worst one, the
tensors that are alive there: what the callers still hold, and the operator's inputs and outputs. Attention is the fused
one, which never stores its probabilities. Weights, the input image and the libraries' own workspaces (such as
oneDNN's re-ordered convolution weights) are not counted. All figures are elements for one image; half precision halves
the bytes, not the elements.
"""

from __future__ import annotations

from collections.abc import Iterator

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


def peak_activation_elements(config: HRFormerConfig) -> int:
    """Elements alive at the worst moment of an inference forward of one image."""
    return max(_moments(config))


def _moments(config: HRFormerConfig) -> Iterator[int]:
    half, quarter = (area(size) for size in stem_sizes(config.img_size))
    image = config.in_chans * area(config.img_size)
    yield image + 2 * STEM_CHANNELS * half  # a channels-last copy of the image, a convolution and its norm
    yield 2 * STEM_CHANNELS * quarter + STEM_CHANNELS * half
    yield STEM_CHANNELS * quarter + _bottleneck(STEM_CHANNELS) * quarter  # the stem's output is held throughout
    maps = _map_elements(config)
    yield STAGE1_CHANNELS * quarter + 2 * maps[0]
    yield STAGE1_CHANNELS * quarter + maps[0] + 2 * maps[1]
    for stage in range(1, NUM_STAGES):
        yield from _stage(config, stage, maps[: stage + 1])
    yield from _head(config, maps)


def _map_elements(config: HRFormerConfig) -> list[int]:
    sizes = branch_sizes(config.img_size)
    return [channels * area(size) for channels, size in zip(config.channels, sizes, strict=True)]


def _bottleneck(width: int) -> int:
    """Per position, its input not counted: residual, last convolution and its norm, and the map before them."""
    return 3 * width * BOTTLENECK_EXPANSION + width


def _stage(config: HRFormerConfig, stage: int, maps: list[int]) -> Iterator[int]:
    yield sum(maps) + maps[-1]  # the transition's convolution and norm
    # The stage's input is held to its end, and so is the input of the running module.
    inputs = sum(maps) * (2 if config.num_modules[stage] > 1 else 1)
    for branch, elements in enumerate(maps):
        finished = sum(maps[:branch])
        block_input = elements if config.num_blocks[stage] > 1 else 0
        yield inputs + finished + block_input + _block(config, branch, elements)
    if not config.multi_scale_fusion:
        yield inputs + 2 * sum(maps)  # each branch and its ReLU
        return
    for target, elements in enumerate(maps):
        yield inputs + sum(maps) + sum(maps[:target]) + 3 * elements  # running sum, summand, new sum
        if target > 0:
            first_step = 2 * config.channels[0] * area(branch_sizes(config.img_size)[1])
            yield inputs + sum(maps) + sum(maps[:target]) + first_step


def _block(config: HRFormerConfig, branch: int, elements: int) -> int:
    """Worst moment inside a block, its input not counted."""
    grid = WindowGrid(*branch_sizes(config.img_size)[branch], config.window_sizes[branch])
    windows = grid.tokens * config.channels[branch]
    bias = config.relative_position_bias * config.num_heads[branch] * grid.size**4
    # Normed map, query, key and value; then the bias being put in order, or the output beside it.
    attention = elements + 3 * windows + max(2 * bias, bias + windows)
    hidden = config.hidden_channels[branch] * elements // config.channels[branch]
    # Residual and normed map; then input, convolution and norm of the widest layer, or the last convolution and norm.
    ffn = 2 * elements + max((3 if config.dw_conv else 2) * hidden, hidden + 2 * elements)
    return max(attention, ffn)


def _head(config: HRFormerConfig, maps: list[int]) -> Iterator[int]:
    if config.task == "classification":
        return _classification_head(config, sum(maps))
    if config.task == "segmentation":
        heads = {"ocr": _segmentation_head, "fcn": _plain_segmentation_head}
        return heads[config.segmentation_head](config, sum(maps))
    heat_maps = config.num_classes * area(branch_sizes(config.img_size)[0])
    return iter([heat_maps + (maps[0] if config.fused_outputs == "highest" else sum(maps))])


def _classification_head(config: HRFormerConfig, features: int) -> Iterator[int]:
    areas = [area(size) for size in branch_sizes(config.img_size)]
    aggregated = 0
    for branch in range(NUM_BRANCHES):
        width = CLASSIFICATION_WIDTHS[branch]
        yield features + aggregated + _bottleneck(width) * areas[branch]
        aggregated = width * BOTTLENECK_EXPANSION * areas[branch]
    yield features + aggregated + 2 * CLASSIFICATION_FEATURES * areas[-1]


def _plain_segmentation_head(config: HRFormerConfig, features: int) -> Iterator[int]:
    positions = area(branch_sizes(config.img_size)[0])
    total = sum(config.channels)
    logits = config.num_classes * positions
    yield features + (2 * total - config.channels[0]) * positions  # upsampled branches and their concatenation
    yield features + 3 * total * positions  # concatenation, convolution and norm
    yield features + total * positions + logits
    yield features + logits + config.num_classes * area(config.img_size)


def _segmentation_head(config: HRFormerConfig, features: int) -> Iterator[int]:
    positions = area(branch_sizes(config.img_size)[0])
    total = sum(config.channels)
    logits = config.num_classes * positions
    yield features + (2 * total - config.channels[0]) * positions  # upsampled branches and their concatenation
    concatenated = features + total * positions
    yield concatenated + logits + 2 * OCR_CHANNELS * positions  # 3x3 convolution and norm
    pixels = concatenated + logits + OCR_CHANNELS * positions
    yield pixels + 4 * logits + OCR_KEY_CHANNELS * positions  # similarity to the regions: product, scaled, softmax
    yield pixels + (2 * OCR_CHANNELS + 2 * OCR_CHANNELS) * positions  # joined context, convolution and norm
    yield features + logits + config.num_classes * area(config.img_size)
