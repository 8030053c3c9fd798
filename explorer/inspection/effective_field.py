"""Effective receptive field: how strongly each pixel of real pictures moves a position, by gradients through Captum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from captum.attr import NeuronGradient
from numpy.typing import NDArray
from torch import Tensor, nn

from explorer.inspection.finite import explain_non_finite
from explorer.inspection.partial_forward import exclusive, high_resolution_module, module_inputs
from explorer.inspection.receptive_field import MapPosition, check_position
from explorer.sharing.seeding import seeded
from hrformer import HRFormer, create_model

#: Thresholds t of the published summary (arXiv 2203.06717).
CONTRIBUTION_SHARES = (0.2, 0.3, 0.5, 0.99)

Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """How much each input pixel contributes to a position.

    Attributes:
        position: The position; its channels are summed.
        contribution: Absolute gradient (H, W), summed over the input's channels, mean over the pictures.
        published_scores: Score matrix A (H, W) of arXiv 2203.06717: the gradient's positive part, summed over the
            channels, mean over the pictures (as in the authors' code), then log10(1 + x) rescaled to at most 1.
        pictures: Pictures averaged; fewer than given where the computation was stopped.
    """

    position: MapPosition
    contribution: Scores
    published_scores: Scores
    pictures: int


@dataclass(frozen=True)
class ContributionSquare:
    """The smallest square around a position that holds more than a share of all contribution.

    Attributes:
        share: The threshold t, 0 to 1.
        side_px: Side of the square, odd, in pixels; what lies outside the picture counts.
        area_share: High-contribution area ratio r: the square's part inside the picture against the picture, 0 to 1.
    """

    share: float
    side_px: int
    area_share: float


def effective_field(
    model: HRFormer,
    images: Tensor,
    position: MapPosition,
    *,
    should_stop: Callable[[], bool] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> EffectiveField:
    """Gradient of one position, summed over its channels, back to the input, averaged over pictures.

    One forward and backward pass per picture, forward only as far as the position. Captum hooks a private module behind
    the model's own, and the model is held exclusively for one picture at a time.

    Args:
        model: A model in eval mode.
        images: Normalised pictures (N, in_chans, H, W).
        position: Where in the branch maps of that picture size.
        should_stop: Asked between pictures; the average of those done so far is then returned.
        on_progress: Told (pictures done, pictures in all) after each picture.

    Raises:
        ValueError: If the model is in training mode, there is no picture or no such position, or a gradient is not
            finite.
    """
    return _effective_fields([model], images, position, should_stop, on_progress)[0]


def effective_field_pair(
    with_dw_conv: HRFormer,
    without_dw_conv: HRFormer,
    images: Tensor,
    position: MapPosition,
    *,
    should_stop: Callable[[], bool] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[EffectiveField, EffectiveField]:
    """Effective fields of two models, such as those of `dw_conv_pair`, over the same pictures even when stopped.

    Arguments and errors as in `effective_field`.
    """
    first, second = _effective_fields([with_dw_conv, without_dw_conv], images, position, should_stop, on_progress)
    return first, second


def contribution_squares(
    scores: Scores, centre: tuple[int, int], shares: Sequence[float] = CONTRIBUTION_SHARES
) -> tuple[ContributionSquare, ...]:
    """Sides and area ratios of the squares around a pixel that hold given shares of all scores.

    The definition of arXiv 2203.06717 (smallest centred rectangle whose scores sum to more than t of the total), with
    the square around any pixel. The paper takes `EffectiveField.published_scores`, whose logarithm flattens gradients
    of the order of 1 and above; on `contribution` the shares are those of the gradient itself.

    Args:
        scores: Non-negative (H, W).
        centre: (row, column) of the pixel in the middle.
        shares: Thresholds t, above 0 and below 1.

    Raises:
        ValueError: If a share is out of range, the centre lies outside, or there is no positive score.
    """
    height, width = scores.shape
    row, column = centre
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"Pixel ({row}, {column}) lies outside the picture of {height} x {width} pixels.")
    if not all(0 < share < 1 for share in shares):
        raise ValueError(f"shares = {tuple(shares)} is not legal: use numbers above 0 and below 1, such as 0.5.")
    if not scores.sum() > 0:
        raise ValueError("No pixel contributes to this position, so that no square holds a share: try other weights.")
    distance = np.maximum(abs(np.arange(height) - row)[:, None], abs(np.arange(width) - column))  # (H, W)
    held = np.bincount(distance.ravel(), weights=scores.ravel()).cumsum()
    pixels = np.bincount(distance.ravel()).cumsum()
    squares = []
    for share in shares:
        radius = int(np.searchsorted(held, share * held[-1], side="right"))
        squares.append(ContributionSquare(share, 2 * radius + 1, float(pixels[radius] / scores.size)))
    return tuple(squares)


def dw_conv_pair(model: HRFormer, *, seed: int = 0) -> tuple[HRFormer, HRFormer]:
    """The model and its twin whose FFNs lack (or gain) the depth-wise convolution: (with, without), both for inference.

    The twin shares the memory of every weight that exists in both: changing one changes the other. Where the model
    lacks the convolution, that of the twin is random, the same for the same seed.

    Raises:
        ValueError: If the model is in training mode.
    """
    _check_eval(model)
    config = replace(model.config, dw_conv=not model.config.dw_conv)
    reference = next(model.parameters())
    with seeded(seed):
        twin = create_model(config).to(reference).eval()
    own = twin.state_dict().keys()
    shared = {key: value for key, value in model.state_dict().items() if key in own}
    twin.load_state_dict(shared, strict=False, assign=True)
    return (model, twin) if model.config.dw_conv else (twin, model)


class _PositionMap(nn.Module):
    """Pictures -> the map that holds a position, through a private module for Captum to hook."""

    def __init__(self, model: HRFormer, position: MapPosition) -> None:
        super().__init__()
        self.model = model
        self.position = position
        self.output = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """(B, in_chans, H, W) -> (B, C, H_i, W_i)."""
        position = self.position
        if position.stage == 1:
            bottlenecks = (position.module + 1) * self.model.config.num_blocks[0]
            x = self.model.layer1[:bottlenecks](self.model.forward_stem(images))
        else:
            module = high_resolution_module(self.model, position.stage, position.module)
            branches = module_inputs(self.model, images, position.stage, position.module)
            branches = [blocks(branch) for blocks, branch in zip(module.branches, branches, strict=True)]
            x = module.fuse_layers[position.branch](branches)
        output: Tensor = self.output(x)
        return output


def _effective_fields(
    models: Sequence[HRFormer],
    images: Tensor,
    position: MapPosition,
    should_stop: Callable[[], bool] | None,
    on_progress: Callable[[int, int], None] | None,
) -> list[EffectiveField]:
    _check_inputs(models, images, position)
    size = images.shape[-2:]
    absolute = np.zeros((len(models), *size))
    positive = np.zeros_like(absolute)
    done = 0
    for image in images.detach():
        for index, model in enumerate(models):
            gradient = _position_gradient(model, image.unsqueeze(0), position)
            absolute[index] += gradient.abs().sum((0, 1)).double().cpu().numpy()
            positive[index] += gradient.clamp(min=0).sum((0, 1)).double().cpu().numpy()
        done += 1
        if on_progress is not None:
            on_progress(done, len(images))
        if should_stop is not None and should_stop():
            break
    return [
        EffectiveField(position, total / done, _published_scores(raised / done), done)
        for total, raised in zip(absolute, positive, strict=True)
    ]


def _position_gradient(model: HRFormer, image: Tensor, position: MapPosition) -> Tensor:
    """(1, in_chans, H, W) -> gradient of the same shape."""
    network = _PositionMap(model, position)
    channels_of_position = (slice(None), position.row, position.column)  # Captum sums over the slice
    inputs = image.clone().requires_grad_()
    with exclusive(model):
        gradient: Tensor = NeuronGradient(network, network.output).attribute(inputs, channels_of_position)
    if not torch.isfinite(gradient).all():
        raise ValueError(explain_non_finite(model, image) or "The gradient overflows: use weights of smaller norm.")
    return gradient.detach()


def _published_scores(mean_positive_gradient: Scores) -> Scores:
    logarithm = np.log10(mean_positive_gradient + 1)
    scores: Scores = logarithm / max(logarithm.max(), np.finfo(np.float64).tiny)
    return scores


def _check_inputs(models: Sequence[HRFormer], images: Tensor, position: MapPosition) -> None:
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(
            f"Pictures of shape {tuple(images.shape)} do not fit: use (pictures, channels, height, width)."
        )
    height, width = images.shape[-2:]
    for model in models:
        _check_eval(model)
        check_position(replace(model.config, img_size=(height, width)), position)


def _check_eval(model: HRFormer) -> None:
    if model.training:
        raise ValueError("The model is in training mode, where batch norm mixes pictures: call model.eval() first.")
