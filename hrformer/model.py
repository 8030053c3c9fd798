"""HRFormer: convolutional stem and stage 1, then stages 2 to 4 with 2, 3 and 4 parallel branches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.fx
from torch import Tensor, nn

from hrformer.block import HRFormerBlock
from hrformer.config import NUM_STAGES, PRESETS, HRFormerConfig, preset
from hrformer.fusion import FusionRow, HighResolutionModule, PassingRow, Transition
from hrformer.heads import build_head
from hrformer.layers import Bottleneck, conv_bn
from hrformer.widths import STAGE1_CHANNELS, STEM_CHANNELS
from hrformer.wording import shown

torch.fx.wrap("check_images")


def check_images(x: Tensor, in_chans: int) -> None:
    """Refuse what is no batch of images.

    Raises:
        ValueError: If the shape is not (B, in_chans, H, W).
    """
    if x.ndim != 4 or x.shape[1] != in_chans:
        raise ValueError(f"Images of shape {tuple(x.shape)} do not fit: use (batch, {in_chans}, height, width).")


class HRFormer(nn.Module):
    """The High-Resolution Transformer (arXiv 2110.09408), with the module names of the authors' code.

    Args:
        config: The variant.
    """

    def __init__(self, config: HRFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1, self.bn1 = conv_bn(config.in_chans, STEM_CHANNELS, 3, stride=2)
        self.conv2, self.bn2 = conv_bn(STEM_CHANNELS, STEM_CHANNELS, 3, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _stage1(config)
        drop_path_rates = _drop_path_rates(config)
        for stage in range(1, NUM_STAGES):
            before = config.channels[:stage] if stage > 1 else (STAGE1_CHANNELS,)
            self.add_module(f"transition{stage}", Transition(before, config.channels[: stage + 1]))
            self.add_module(f"stage{stage + 1}", _stage(config, stage, drop_path_rates))
        self.head = build_head(config)
        self.apply(init_linear)

    def forward_features(self, x: Tensor) -> list[Tensor]:
        """Images (B, in_chans, H, W) -> branch maps (B, C_i, H/2^(i+2), W/2^(i+2)), highest resolution first.

        Raises:
            ValueError: If the images do not have `in_chans` channels.
        """
        check_images(x, self.config.in_chans)
        return self.forward_stages(self.forward_stem(x))

    def forward_stages(self, x: Tensor) -> list[Tensor]:
        """The stem's map (B, 64, H/4, W/4) -> branch maps, highest resolution first."""
        branches = [self.layer1(x)]
        del x  # a name would hold the map in memory through all stages
        for stage in range(1, NUM_STAGES):
            branches = self.get_submodule(f"transition{stage}")(branches)
            branches = self.forward_stage(stage, branches)
        return branches

    def forward_stage(self, stage: int, branches: list[Tensor]) -> list[Tensor]:
        """Stage 2, 3 or 4 (`stage` 1, 2, 3) after its transition: n maps -> n maps."""
        fused: list[Tensor] = self.get_submodule(f"stage{stage + 1}")(branches)
        return fused

    def forward_stem(self, x: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> (B, 64, H/4, W/4)."""
        x = self.relu(self.bn2(self.conv2(self.forward_half(x))))
        return x

    def forward_half(self, x: Tensor) -> Tensor:
        """The stem's first convolution: images (B, in_chans, H, W) -> (B, 64, H/2, W/2)."""
        # Channels-last from here on lets attention, FFN and fusion hand maps on without layout copies: 10 % faster.
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.relu(self.bn1(self.conv1(x)))
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, in_chans, H, W) -> the task's output.

        Returns:
            Logits (B, num_classes) for classification, or features (B, 2048) where there are no classes; heat maps
            (B, num_classes, H/4, W/4) for pose; logits (B, num_classes, H, W) for segmentation.
        """
        output: Tensor = self.head(self.forward_features(x), x.shape[-2:])
        return output


def create_model(config: HRFormerConfig | str, task: str = "classification", **overrides: Any) -> HRFormer:
    """Build a variant with fresh random weights, in training mode.

    Args:
        config: The variant; or the name of a preset, "tiny", "small" or "base".
        task: Of the preset. A variant has its own.
        **overrides: Fields of the preset to replace.

    Raises:
        ValueError: If there is no such preset, or what is asked for is not legal.
    """
    if isinstance(config, str):
        return HRFormer(preset(config, task, **overrides))
    if not isinstance(config, HRFormerConfig):
        raise ValueError(f"{shown(config)} is no variant: use an HRFormerConfig or one of {', '.join(PRESETS)}.")
    if overrides or task != "classification":
        raise ValueError("A variant says all of itself: use dataclasses.replace(config, …) to change its fields.")
    return HRFormer(config)


def _stage1(config: HRFormerConfig) -> nn.Sequential:
    depth = config.num_modules[0] * config.num_blocks[0]
    in_chans = [STEM_CHANNELS] + [STAGE1_CHANNELS] * (depth - 1)
    return nn.Sequential(*(Bottleneck(channels, STEM_CHANNELS) for channels in in_chans))


def _stage(config: HRFormerConfig, stage: int, drop_path_rates: Iterator[float]) -> nn.Sequential:
    branches = stage + 1
    modules = []
    for index in range(config.num_modules[stage]):
        last = stage == NUM_STAGES - 1 and index == config.num_modules[stage] - 1
        targets = 1 if last and config.fused_outputs == "highest" else branches
        rates = [next(drop_path_rates) for _ in range(config.num_blocks[stage])]
        blocks = [[_block(config, branch, rate) for rate in rates] for branch in range(branches)]
        rows = [_fusion_row(config, branches, target) for target in range(targets)]
        modules.append(HighResolutionModule(blocks, rows))
    return nn.Sequential(*modules)


def _fusion_row(config: HRFormerConfig, branches: int, target: int) -> FusionRow | PassingRow:
    if not config.multi_scale_fusion:
        return PassingRow(target)
    return FusionRow(config.channels[:branches], target, config.fusion_upsample)


def _block(config: HRFormerConfig, branch: int, drop_path_rate: float) -> HRFormerBlock:
    return HRFormerBlock(
        config.channels[branch],
        config.num_heads[branch],
        config.window_sizes[branch],
        config.hidden_channels[branch],
        dw_conv=config.dw_conv,
        dw_kernel_size=config.dw_kernel_size,
        add_bias=config.relative_position_bias,
        drop_path_rate=drop_path_rate,
    )


def _drop_path_rates(config: HRFormerConfig) -> Iterator[float]:
    """Rates rising linearly over the blocks of one branch through stages 2 to 4, the same for all branches."""
    depth = sum(m * b for m, b in zip(config.num_modules[1:], config.num_blocks[1:], strict=True))
    # In double precision a rate just below 1 stays below it: a block that is always dropped would divide by zero.
    return iter(torch.linspace(0, config.drop_path_rate, depth, dtype=torch.float64, device="cpu").tolist())


def init_linear(module: nn.Module) -> None:
    """Draw a linear layer's weights again; other modules stay as they are."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
