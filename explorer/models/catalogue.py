"""Which networks there are: one row for each that the explorer knows by name.

Whatever is to be known of a network is looked up here: the names that people type and read, its family, what it is
built from, and its row among the published accuracies. Any other model of timm's can be measured as well, under timm's
name. Nothing here builds a network, so that neither torch nor timm is needed to name one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from hrformer import HRFormerConfig, preset

Head = Literal["pose", "OCR", "upsampled pose"]

#: What belongs to none of `FAMILIES`.
OTHER_FAMILY = "other"


@dataclass(frozen=True)
class Dense:
    """A network for dense tasks that HRFormer's papers compare with: one of timm's under a head of this explorer.

    Attributes:
        backbone: timm's name.
        head: "pose", "OCR" or "upsampled pose"; `explorer.models.dense_baselines` says what these are.
    """

    backbone: str
    head: Head


@dataclass(frozen=True)
class Network:
    """A network with a name of its own: an HRFormer preset, a dense baseline, or one of timm's.

    Attributes:
        name: By which it is chosen and measured; timm's own where it is neither a preset nor a dense baseline.
        display_name: What papers call it.
        family: Its architecture.
        task: "classification", "pose" or "segmentation".
        preset: Of HRFormer: "tiny", "small" or "base"; None for all others.
        dense: What a dense baseline is put together from; None for all others.
        published: What `results/published/classification.csv` calls it; None where it has no row there.
    """

    name: str
    display_name: str
    family: str
    task: str = "classification"
    preset: str | None = None
    dense: Dense | None = None
    published: str | None = None

    @property
    def config(self) -> HRFormerConfig | None:
        """The variant that a preset stands for; None for all others."""
        return None if self.preset is None else preset(self.preset, self.task)


#: Three transposed convolutions behind a backbone that ends at 1/32 (arXiv 1804.06208).
_DECONV: Head = "upsampled pose"

#: By family, smallest first, dense networks last: the order in which they are offered.
NETWORKS = (
    Network("hrformer_tiny", "HRFormer-T", "HRFormer", preset="tiny", published="HRFormer-T"),
    Network("hrformer_small", "HRFormer-S", "HRFormer", preset="small", published="HRFormer-S"),
    Network("hrformer_base", "HRFormer-B", "HRFormer", preset="base", published="HRFormer-B"),
    Network("hrformer_tiny_pose", "HRFormer-T (pose)", "HRFormer", "pose", preset="tiny"),
    Network("hrformer_small_pose", "HRFormer-S (pose)", "HRFormer", "pose", preset="small"),
    Network("hrformer_base_pose", "HRFormer-B (pose)", "HRFormer", "pose", preset="base"),
    Network("hrformer_tiny_segmentation", "HRFormer-T (segmentation)", "HRFormer", "segmentation", preset="tiny"),
    Network("hrformer_small_segmentation", "HRFormer-S (segmentation)", "HRFormer", "segmentation", preset="small"),
    Network("hrformer_base_segmentation", "HRFormer-B (segmentation)", "HRFormer", "segmentation", preset="base"),
    Network("hrnet_w18", "HRNet-W18", "HRNet", published="HRNet-W18-C"),
    Network("hrnet_w30", "HRNet-W30", "HRNet", published="HRNet-W30-C"),
    Network("hrnet_w32", "HRNet-W32", "HRNet", published="HRNet-W32-C"),
    Network("hrnet_w40", "HRNet-W40", "HRNet", published="HRNet-W40-C"),
    Network("hrnet_w44", "HRNet-W44", "HRNet", published="HRNet-W44-C"),
    Network("hrnet_w48", "HRNet-W48", "HRNet", published="HRNet-W48-C"),
    Network("hrnet_w64", "HRNet-W64", "HRNet", published="HRNet-W64-C"),
    Network("hrnet_w32_pose", "HRNet-W32 (pose)", "HRNet", "pose", dense=Dense("hrnet_w32", "pose")),
    Network("hrnet_w48_pose", "HRNet-W48 (pose)", "HRNet", "pose", dense=Dense("hrnet_w48", "pose")),
    Network("hrnet_w32_ocr", "HRNet-W32 (segmentation)", "HRNet", "segmentation", dense=Dense("hrnet_w32", "OCR")),
    Network("hrnet_w48_ocr", "HRNet-W48 (segmentation)", "HRNet", "segmentation", dense=Dense("hrnet_w48", "OCR")),
    Network("deit_tiny_patch16_224", "DeiT-Ti", "DeiT", published="DeiT-Ti"),
    Network("deit_small_patch16_224", "DeiT-S", "DeiT", published="DeiT-S"),
    Network("deit_base_patch16_224", "DeiT-B", "DeiT", published="DeiT-B"),
    Network("swin_tiny_patch4_window7_224", "Swin-T", "Swin", published="Swin-T"),
    Network("swin_small_patch4_window7_224", "Swin-S", "Swin", published="Swin-S"),
    Network("swin_base_patch4_window7_224", "Swin-B", "Swin", published="Swin-B"),
    Network("swin_tiny_pose", "Swin-T (pose)", "Swin", "pose", dense=Dense("swin_tiny_patch4_window7_224", _DECONV)),
    Network("swin_base_pose", "Swin-B (pose)", "Swin", "pose", dense=Dense("swin_base_patch4_window7_224", _DECONV)),
    Network("vit_tiny_patch16_224", "vit_tiny_patch16_224", "ViT"),
    Network("vit_small_patch16_224", "vit_small_patch16_224", "ViT"),
    Network("vit_base_patch16_224", "vit_base_patch16_224", "ViT"),
)

BY_NAME = {network.name: network for network in NETWORKS}
BY_DISPLAY_NAME = {network.display_name: network for network in NETWORKS}
FAMILIES = tuple(dict.fromkeys(network.family for network in NETWORKS))
#: The variant of each HRFormer preset, by the name of its network.
HRFORMER_PRESETS = {network.name: network.config for network in NETWORKS if network.config is not None}
#: What the dense baselines are put together from, by their names.
DENSE_BASELINES = {network.name: network.dense for network in NETWORKS if network.dense is not None}
#: What papers call the presets.
PAPER_NAMES = {
    network.preset: network.display_name
    for network in NETWORKS
    if network.preset is not None and network.task == "classification"
}


def display_name(model_name: str) -> str:
    """How papers call a model; a name that no paper uses stays as it is."""
    network = BY_NAME.get(model_name)
    return model_name if network is None else network.display_name


def family_of(model_name: str, model_source: str = "timm") -> str:
    """The architecture of a model, one of `FAMILIES`, or "other".

    Args:
        model_name: What it was measured as; where the catalogue lacks it, its words tell.
        model_source: As of records: a variant of HRFormer is one whatever a person calls it.
    """
    if model_source == "hrformer":
        return "HRFormer"
    if model_name in BY_NAME:
        return BY_NAME[model_name].family
    words = re.split(r"[^a-z]+", model_name.lower())
    return next((family for family in FAMILIES if family.lower() in words), OTHER_FAMILY)
