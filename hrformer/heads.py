"""The heads: classification, pose (key points), segmentation with object-contextual representations or without."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from hrformer.config import HRFormerConfig
from hrformer.free_sizes import flattened, unflattened
from hrformer.fusion import resize
from hrformer.layers import Bottleneck, conv_bn
from hrformer.widths import CLASSIFICATION_FEATURES, CLASSIFICATION_WIDTHS, OCR_CHANNELS, OCR_KEY_CHANNELS

for _name in ("flattened", "resize", "unflattened"):
    torch.fx.wrap(_name)


class ClassificationHead(nn.Module):
    """Branches to 128/256/512/1024 channels, aggregated down the resolutions, 2048 features, pooled, classified."""

    def __init__(self, channels: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.incre_modules = nn.ModuleList(
            nn.Sequential(Bottleneck(in_chans, width, depth_wise=True))
            for in_chans, width in zip(channels, CLASSIFICATION_WIDTHS, strict=True)
        )
        widths = [width * Bottleneck.expansion for width in CLASSIFICATION_WIDTHS]
        self.downsamp_modules = nn.ModuleList(
            nn.Sequential(
                *conv_bn(fine, fine, 3, stride=2, groups=fine, bias=True),
                *conv_bn(fine, coarse, 1, bias=True),
                nn.ReLU(inplace=True),
            )
            for fine, coarse in pairwise(widths)
        )
        self.final_layer = nn.Sequential(
            *conv_bn(widths[-1], CLASSIFICATION_FEATURES, 1, bias=True), nn.ReLU(inplace=True)
        )
        self.classifier = nn.Linear(CLASSIFICATION_FEATURES, num_classes) if num_classes else nn.Identity()

    def forward(self, features: list[Tensor], size: Sequence[int]) -> Tensor:
        """Four branch maps -> logits (B, num_classes), or features (B, 2048); the input's size plays no part."""
        logits: Tensor = self.classifier(self.aggregate(features).mean((2, 3)))
        return logits

    def aggregate(self, features: list[Tensor]) -> Tensor:
        """Four branch maps -> their sum down the resolutions, (B, 2048, H/32, W/32)."""
        x = self.incre_modules[0](features[0])
        for downsample, widen, branch in zip(self.downsamp_modules, self.incre_modules[1:], features[1:], strict=True):
            x = widen(branch) + downsample(x)
        aggregated: Tensor = self.final_layer(x)
        return aggregated


class PoseHead(nn.Module):
    """One 1x1 convolution from the highest resolution to a heat map per key point."""

    def __init__(self, channels: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.final_layer = nn.Conv2d(channels[0], num_classes, 1)

    def forward(self, features: list[Tensor], size: Sequence[int]) -> Tensor:
        """Branch maps -> (B, num_classes, H/4, W/4) heat maps; the input's size plays no part."""
        heat_maps: Tensor = self.final_layer(features[0])
        return heat_maps


def conv_bn_relu(in_chans: int, out_chans: int, kernel_size: int) -> list[nn.Module]:
    """Convolution with bias, then norm and ReLU nested as in the authors' code (openseg), so that its keys fit."""
    conv, norm = conv_bn(in_chans, out_chans, kernel_size, bias=True)
    return [conv, nn.Sequential(norm, nn.ReLU(inplace=True))]


class ObjectContextBlock(nn.Module):
    """Attention from each pixel to the class regions (OCR, arXiv 1909.11065)."""

    def __init__(self, channels: int, key_channels: int) -> None:
        super().__init__()
        self.key_channels = key_channels
        self.f_pixel = self._two_convs(channels, key_channels)
        self.f_object = self._two_convs(channels, key_channels)
        self.f_down = nn.Sequential(*conv_bn_relu(channels, key_channels, 1))
        self.f_up = nn.Sequential(*conv_bn_relu(key_channels, channels, 1))

    @staticmethod
    def _two_convs(channels: int, key_channels: int) -> nn.Sequential:
        return nn.Sequential(*conv_bn_relu(channels, key_channels, 1), *conv_bn_relu(key_channels, key_channels, 1))

    def forward(self, pixels: Tensor, regions: Tensor) -> Tensor:
        """Pixels (B, C, H, W) and regions (B, C, classes, 1) -> context (B, C, H, W)."""
        query = flattened(self.f_pixel(pixels)).transpose(1, 2)  # (B, H*W, key)
        key = self.f_object(regions).flatten(2)  # (B, key, classes)
        value = self.f_down(regions).flatten(2).transpose(1, 2)  # (B, classes, key)
        similarity = torch.softmax(query @ key * self.key_channels**-0.5, dim=-1)  # (B, H*W, classes)
        context = (similarity @ value).transpose(1, 2)  # (B, key, H*W)
        spread: Tensor = self.f_up(unflattened(context, pixels.shape[-2:]))
        return spread


class ObjectContextDistribution(nn.Module):
    """Joins each pixel with its object context: 2 x 512 -> 512 channels."""

    def __init__(self, channels: int, key_channels: int) -> None:
        super().__init__()
        self.object_context_block = ObjectContextBlock(channels, key_channels)
        self.conv_bn_dropout = nn.Sequential(*conv_bn_relu(2 * channels, channels, 1), nn.Dropout2d(0.05))

    def forward(self, pixels: Tensor, regions: Tensor) -> Tensor:
        """Pixels (B, C, H, W) and regions (B, C, classes, 1) -> (B, C, H, W)."""
        joined: Tensor = self.conv_bn_dropout(torch.cat([self.object_context_block(pixels, regions), pixels], 1))
        return joined


class SegmentationHead(nn.Module):
    """All branches at 1/4 concatenated, then OCR (seg/lib/models/nets/hrt.py, the V2 head).

    Args:
        channels: Of each branch, highest resolution first.
        num_classes: Of the logits.
        auxiliary_channels: Between the two convolutions of the auxiliary head.
    """

    def __init__(self, channels: Sequence[int], num_classes: int, auxiliary_channels: int = OCR_CHANNELS) -> None:
        super().__init__()
        total = sum(channels)
        self.conv3x3 = nn.Sequential(*conv_bn_relu(total, OCR_CHANNELS, 3))
        self.aux_head = nn.Sequential(
            *conv_bn_relu(total, auxiliary_channels, 3), nn.Conv2d(auxiliary_channels, num_classes, 1)
        )
        self.ocr_distri_head = ObjectContextDistribution(OCR_CHANNELS, OCR_KEY_CHANNELS)
        self.cls_head = nn.Conv2d(OCR_CHANNELS, num_classes, 1)

    def forward(self, features: list[Tensor], size: Sequence[int]) -> Tensor:
        """Four branch maps -> (B, num_classes, *size) logits."""
        return resize(self.logits(features)[0], size, "bilinear", align_corners=True)

    def logits(self, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits and the auxiliary logits that define OCR's regions, both (B, num_classes, H/4, W/4)."""
        x = join_branches(features)
        auxiliary = self.aux_head(x)
        pixels = self.conv3x3(x)
        logits = self.cls_head(self.ocr_distri_head(pixels, gather_regions(pixels, auxiliary)))
        return logits, auxiliary


class PlainSegmentationHead(nn.Module):
    """All branches at 1/4 concatenated, then two 1x1 convolutions: HRNetV2's head (HRNet-Semantic-Segmentation)."""

    def __init__(self, channels: Sequence[int], num_classes: int) -> None:
        super().__init__()
        total = sum(channels)
        self.last_layer = nn.Sequential(
            *conv_bn(total, total, 1, bias=True), nn.ReLU(inplace=True), nn.Conv2d(total, num_classes, 1)
        )

    def forward(self, features: list[Tensor], size: Sequence[int]) -> Tensor:
        """Four branch maps -> (B, num_classes, *size) logits."""
        return resize(self.last_layer(join_branches(features)), size, "bilinear", align_corners=True)


def join_branches(features: list[Tensor]) -> Tensor:
    """Branch maps brought to the highest resolution and concatenated: (B, sum of C_i, H/4, W/4)."""
    target = features[0].shape[-2:]
    return torch.cat([resize(branch, target, "bilinear", align_corners=True) for branch in features], 1)


def gather_regions(pixels: Tensor, auxiliary: Tensor) -> Tensor:
    """Mean of the pixels of each class, weighted by its soft region: (B, C, H, W) -> (B, C, classes, 1)."""
    weights = F.softmax(flattened(auxiliary), dim=2)  # (B, classes, H*W)
    regions = weights @ flattened(pixels).transpose(1, 2)  # (B, classes, C)
    return regions.transpose(1, 2).unsqueeze(3)


def build_head(config: HRFormerConfig) -> nn.Module:
    """The head of the configuration's task; each takes (features, input size)."""
    segmentation = SegmentationHead if config.segmentation_head == "ocr" else PlainSegmentationHead
    heads = {"classification": ClassificationHead, "pose": PoseHead, "segmentation": segmentation}
    head: nn.Module = heads[config.task](config.channels, config.num_classes)
    return head
