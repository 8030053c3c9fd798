"""Networks that HRFormer's papers compare with on dense tasks: timm's backbones under the heads of this explorer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import timm
import torch
from torch import Tensor, nn

from explorer.models.catalogue import Dense, Head
from hrformer import preset
from hrformer.heads import PoseHead, SegmentationHead

Size = tuple[int, int]

IN_CHANS = 3
_POSE = preset("base", "pose")
_SEGMENTATION = preset("base", "segmentation")
#: Features and number of the up-sampling layers in "Simple Baselines for Human Pose Estimation" (arXiv 1804.06208).
_UPSAMPLED_CHANNELS = 256
_UPSAMPLINGS = 3


class DenseNetwork(nn.Module):
    """A backbone of several branches and a head on them.

    Args:
        backbone: Images to branch maps, highest resolution first.
        head: Takes (branch maps, image size).
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, 3, H, W) -> the head's output."""
        output: Tensor = self.head(self.backbone(x), x.shape[-2:])
        return output


class UpsampledPoseHead(nn.Module):
    """Three transposed convolutions from 1/32 to 1/4 and a heat map per key point (arXiv 1804.06208)."""

    def __init__(self, in_chans: int, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(_UPSAMPLINGS):
            layers += [
                nn.ConvTranspose2d(in_chans, _UPSAMPLED_CHANNELS, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(_UPSAMPLED_CHANNELS),
                nn.ReLU(inplace=True),
            ]
            in_chans = _UPSAMPLED_CHANNELS
        self.layers = nn.Sequential(*layers, nn.Conv2d(in_chans, num_classes, 1))

    def forward(self, features: list[Tensor], size: torch.Size) -> Tensor:
        """[(B, H/32, W/32, C)], timm's order of axes for Swin -> heat maps (B, num_classes, H/4, W/4)."""
        heat_maps: Tensor = self.layers(features[0].permute(0, 3, 1, 2))
        return heat_maps


def _hrnet_pose(backbone_name: str, img_size: Size) -> nn.Module:
    """HRNet as in its pose code: the last fusion has the highest resolution only; timm's has all four."""
    backbone = _hrnet_features(backbone_name)
    last = backbone.stage4[-1]
    last.fuse_layers = last.fuse_layers[:1]
    return DenseNetwork(backbone, PoseHead(backbone.feature_info.channels(), _POSE.num_classes))


def _hrnet_ocr(backbone_name: str, img_size: Size) -> nn.Module:
    """HRNet under OCR as in the authors' code: there its auxiliary head keeps the branches' width (720 for W48)."""
    backbone = _hrnet_features(backbone_name)
    channels = backbone.feature_info.channels()
    return DenseNetwork(backbone, SegmentationHead(channels, _SEGMENTATION.num_classes, sum(channels)))


def _swin_pose(backbone_name: str, img_size: Size) -> nn.Module:
    backbone: Any = timm.create_model(backbone_name, features_only=True, out_indices=(3,), img_size=img_size)
    return DenseNetwork(backbone, UpsampledPoseHead(backbone.feature_info.channels()[0], _POSE.num_classes))


def _hrnet_features(backbone_name: str) -> Any:
    """The four branches, without the stem's map and without the widening for classification."""
    return timm.create_model(backbone_name, features_only=True, feature_location="", out_indices=(1, 2, 3, 4))


#: By head, from timm's name of the backbone and the image size to the network, with random weights.
_ASSEMBLE: dict[Head, Callable[[str, Size], nn.Module]] = {
    "pose": _hrnet_pose,
    "OCR": _hrnet_ocr,
    "upsampled pose": _swin_pose,
}


def build_dense(dense: Dense, img_size: Size) -> nn.Module:
    """The network for images of (height, width) pixels; HRNet takes any, Swin the size it was built for."""
    return _ASSEMBLE[dense.head](dense.backbone, img_size)
