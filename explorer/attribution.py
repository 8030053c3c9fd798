"""Which pixels speak for a class: Integrated Gradients, Grad-CAM and Occlusion of a classification model, by Captum.

Every forward takes the model's lock for itself, so that a long computation lets other users' views through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion
from torch import Tensor, nn

from explorer.partial_forward import Stopped, check_picture, exclusive
from hrformer import HRFormer
from hrformer.config import NUM_BRANCHES

#: Pictures that Integrated Gradients and Occlusion put through the network at once.
POINTS_PER_FORWARD = 4
SQUARES_PER_FORWARD = 8

OnProgress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much each pixel speaks for a class.

    Attributes:
        values: (H, W). Integrated Gradients: summed over channels, its total is the logit's change from the baseline.
            Occlusion: how far the logit falls when the pixel is covered. Grad-CAM: zero or above, without a unit.
        convergence_delta: Integrated Gradients only: what its total exceeds the logit's true change by.
    """

    values: Tensor
    convergence_delta: float | None = None


@dataclass
class _WatchedForward:
    """A forward function as Captum calls it: exclusive, counted, and ended by `Stopped` when that is asked for."""

    model: HRFormer
    forward: Callable[[Tensor], Tensor]
    images: int
    on_progress: OnProgress | None
    should_stop: ShouldStop | None
    done: int = field(default=0, init=False)

    def __call__(self, x: Tensor) -> Tensor:
        if self.should_stop is not None and self.should_stop():
            raise Stopped
        with exclusive(self.model):
            logits = self.forward(x)
        self.done += len(x)
        if self.on_progress is not None:
            self.on_progress(self.done, self.images)
        return logits


def integrated_gradients(
    model: HRFormer,
    x: Tensor,
    target: int,
    *,
    steps: int = 32,
    batch_size: int = POINTS_PER_FORWARD,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Attribution:
    """Gradient along the straight way from the mean colour (zero after normalising) to the picture (1703.01365).

    Args:
        model: A classification model, in evaluation mode.
        x: One picture, (1, in_chans, H, W).
        target: The class.
        steps: Points on the way (Gauss-Legendre); more make the convergence delta smaller.
        batch_size: Points per forward; between two the computation can be stopped.
        on_progress: Told (images done, images in all) after every forward.
        should_stop: Asked before every forward.

    Raises:
        ValueError: If the model does not classify, is in training mode or has no such class, or `x` is not one
            picture.
        Stopped: If `should_stop` said so.
    """
    _check(model, x, target)
    both_ends = 2  # for the convergence delta
    forward = _WatchedForward(model, model, steps + both_ends, on_progress, should_stop)
    values, delta = IntegratedGradients(forward).attribute(
        x,
        baselines=torch.zeros_like(x),
        target=target,
        n_steps=steps,
        internal_batch_size=batch_size,
        return_convergence_delta=True,
    )
    return Attribution(_to_map(values.sum(1)), float(delta))


def grad_cam(
    model: HRFormer,
    x: Tensor,
    target: int,
    branch: int,
    *,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Attribution:
    """Grad-CAM (arXiv 1610.02391) on a branch's map as it enters the classification head, enlarged to the picture.

    There all four branches are at their last: what a branch says after that, it says through the head alone.

    Args:
        model: A classification model, in evaluation mode.
        x: One picture, (1, in_chans, H, W).
        target: The class.
        branch: Index of the branch, highest resolution first.
        on_progress: Told (images done, images in all) after every forward.
        should_stop: Asked before the forward.

    Raises:
        ValueError: If the model does not classify, is in training mode, or has no such class or branch, or `x` is not
            one picture.
        Stopped: If `should_stop` said so.
    """
    _check(model, x, target)
    if not 0 <= branch < NUM_BRANCHES:
        raise ValueError(f"There is no branch {branch}: use 0 (the highest resolution) to {NUM_BRANCHES - 1}.")
    tap = nn.Identity()  # Captum hooks this layer of ours; the shared model stays free of hooks

    def forward(images: Tensor) -> Tensor:
        features = model.forward_features(images)
        features[branch] = tap(features[branch])
        logits: Tensor = model.head(features, images.shape[-2:])
        return logits

    watched = _WatchedForward(model, forward, 1, on_progress, should_stop)
    weighted = LayerGradCam(watched, tap).attribute(x, target=target, relu_attributions=True)
    enlarged = LayerAttribution.interpolate(weighted, tuple(x.shape[-2:]), "bilinear")  # (1, 1, H, W)
    return Attribution(_to_map(enlarged.squeeze(1)))


def occlusion(
    model: HRFormer,
    x: Tensor,
    target: int,
    *,
    window_px: int = 32,
    stride_px: int = 16,
    batch_size: int = SQUARES_PER_FORWARD,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Attribution:
    """How far the logit falls when a square is covered with the mean colour (arXiv 1311.2901), moved over the picture.

    Args:
        model: A classification model, in evaluation mode.
        x: One picture, (1, in_chans, H, W).
        target: The class.
        window_px: Side of the square, in pixels.
        stride_px: Steps in which it moves, at most its side; where squares overlap their mean counts.
        batch_size: Squares per forward; between two the computation can be stopped.
        on_progress: Told (images done, images in all) after every forward.
        should_stop: Asked before every forward.

    Raises:
        ValueError: If the model does not classify, is in training mode, or has no such class, `x` is not one picture,
            or the square does not fit.
        Stopped: If `should_stop` said so.
    """
    _check(model, x, target)
    _check_square(x, window_px, stride_px)
    channels, height, width = x.shape[1:]
    squares = math.prod(math.ceil((side - window_px) / stride_px) + 1 for side in (height, width))
    untouched = 1
    forward = _WatchedForward(model, model, squares + untouched, on_progress, should_stop)
    values = Occlusion(forward).attribute(
        x,
        sliding_window_shapes=(channels, window_px, window_px),
        strides=(channels, stride_px, stride_px),
        baselines=0,
        target=target,
        perturbations_per_eval=batch_size,
    )
    return Attribution(_to_map(values.mean(1)))  # all channels are covered together and hold the same value


def _to_map(values: Tensor) -> Tensor:
    """(1, H, W) -> (H, W), detached, on the CPU."""
    return values.squeeze(0).detach().cpu()


def _check(model: HRFormer, x: Tensor, target: int) -> None:
    config = model.config
    if config.task != "classification":
        raise ValueError(
            f"Attribution explains the score of a class, and a {config.task} model has none: use a classification "
            "variant."
        )
    check_picture(model, x)
    if not 0 <= target < config.num_classes:
        raise ValueError(f"There is no class {target}: use 0 to {config.num_classes - 1}.")


def _check_square(x: Tensor, window_px: int, stride_px: int) -> None:
    side = min(x.shape[-2:])
    if not 1 <= window_px <= side:
        raise ValueError(f"A square of {window_px} pixels does not fit: use 1 to {side}, the picture's shorter side.")
    if not 1 <= stride_px <= window_px:
        raise ValueError(f"Steps of {stride_px} pixels leave gaps or stand still: use 1 to {window_px}, the square.")
