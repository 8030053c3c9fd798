"""The maps of every branch of one module, before and after its fusion, and ways to see a map as a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import LayerActivation
from numpy.typing import NDArray
from torch import Tensor

from explorer.inspection.partial_forward import exclusive, high_resolution_module
from hrformer import HRFormer

Map = NDArray[np.float32]


@dataclass(frozen=True)
class ModuleMaps:
    """What one module makes of one picture, highest resolution first.

    Attributes:
        before: Each branch after the module's blocks: (C_i, H_i, W_i).
        after: Each fused branch: (C_i, H_i, W_i); only the first where the module fuses to the highest resolution only.
    """

    before: tuple[Map, ...]
    after: tuple[Map, ...]


def collect_module_maps(model: HRFormer, x: Tensor, stage: int, module: int) -> ModuleMaps:
    """Run one picture through the backbone and keep the maps of one module, by Captum's `LayerActivation`.

    Args:
        model: The model, in evaluation mode.
        x: One picture, (1, in_chans, H, W).
        stage: 2, 3 or 4.
        module: Index of the module in its stage.

    Raises:
        ValueError: If the model has no such module.
    """
    parts = high_resolution_module(model, stage, module)
    layers = [*parts.branches, *parts.fuse_layers]
    with exclusive(model), torch.no_grad():
        collected = LayerActivation(model.forward_features, layers).attribute(x)
    maps = [_to_numpy(tensor) for tensor in collected]
    branches = len(parts.branches)
    return ModuleMaps(tuple(maps[:branches]), tuple(maps[branches:]))


def _to_numpy(activation: Tensor | tuple[Tensor, ...]) -> Map:
    tensor = activation[0] if isinstance(activation, tuple) else activation
    feature_map: Map = tensor[0].float().cpu().contiguous().numpy()  # (1, C, H, W) -> (C, H, W)
    return feature_map


def channel_mean(feature_map: Map) -> Map:
    """Mean over channels: (C, H, W) -> (H, W)."""
    return np.asarray(feature_map.mean(0))


def fusion_changes(maps: ModuleMaps) -> list[float]:
    """How far the fusion moves each branch's map: norm of the difference over the norm before; NaN where that is 0."""
    pairs = zip(maps.before, maps.after, strict=False)  # of a pose network's last module one map is fused
    norms = [(float(np.linalg.norm(after - before)), float(np.linalg.norm(before))) for before, after in pairs]
    return [moved / norm if norm else math.nan for moved, norm in norms]


def strongest_channels(feature_map: Map, count: int) -> NDArray[np.int64]:
    """Indices of the channels with the largest root mean square over positions, strongest first."""
    energy = np.square(feature_map).mean((1, 2))
    return np.argsort(-energy, kind="stable")[:count]


def principal_components(feature_map: Map) -> NDArray[np.uint8]:
    """The first three principal components over positions as colour: (C, H, W) -> (H, W, 3).

    Each component is stretched from its 1st to its 99th percentile; its sign makes the largest loading positive, so
    that the colours do not flip from one call to the next. Maps with fewer than three channels leave blue (and green)
    at half.
    """
    channels, height, width = feature_map.shape
    positions = feature_map.reshape(channels, -1).T.astype(np.float64)  # (H*W, C)
    centred = positions - positions.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)  # ascending eigenvalues
    axes = vectors[:, ::-1][:, :3]  # (C, <=3)
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    scores = centred @ axes
    low, high = np.percentile(scores, (1, 99), axis=0)
    stretched = np.clip((scores - low) / np.maximum(high - low, 1e-12), 0, 1)
    colours = np.full((height * width, 3), 0.5)
    colours[:, : stretched.shape[1]] = stretched
    return (colours * 255).round().astype(np.uint8).reshape(height, width, 3)
