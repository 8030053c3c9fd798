"""Which pixels speak for an output: Integrated Gradients, Grad-CAM and Occlusion, by Captum.

What is explained is one number a picture (`explorer.inspection.explained`). Every forward takes the model's lock for
itself, so that a long computation lets other users' views through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion
from torch import Tensor, nn

from explorer.inspection.explained import Explained, Score
from explorer.inspection.partial_forward import Stopped, exclusive
from hrformer import HRFormer, HRFormerConfig
from hrformer.config import NUM_BRANCHES

#: Pictures that Integrated Gradients and Occlusion put through the network at once.
POINTS_PER_FORWARD = 4
SQUARES_PER_FORWARD = 8

OnProgress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much each pixel speaks for an output.

    Attributes:
        values: (H, W). Integrated Gradients: summed over channels, its total is the score's change from the baseline.
            Occlusion: how far the score falls when the pixel is covered. Grad-CAM: zero or above, without a unit.
        convergence_delta: Integrated Gradients only: what its total exceeds the score's true change by.
    """

    values: Tensor
    convergence_delta: float | None = None


@dataclass
class _WatchedForward:
    """The score as Captum calls for it: exclusive, counted, and ended by `Stopped` when that is asked for."""

    model: HRFormer
    score: Score
    forward: Callable[[Tensor], Tensor]
    images: int
    on_progress: OnProgress | None
    should_stop: ShouldStop | None
    done: int = field(default=0, init=False)

    def __call__(self, x: Tensor) -> Tensor:
        if self.should_stop is not None and self.should_stop():
            raise Stopped
        with exclusive(self.model):
            scores = self.score(self.forward(x))
        self.done += len(x)
        if self.on_progress is not None:
            self.on_progress(self.done, self.images)
        return scores


def branches_of_head(config: HRFormerConfig) -> tuple[int, ...]:
    """The branches that a variant's head reads: a pose head reads the highest resolution alone."""
    return (0,) if config.task == "pose" else tuple(range(NUM_BRANCHES))


def share_of_half(values: Tensor) -> float:
    """The smallest part of a map, 0 to 1, that holds half of what is positive in it; NaN where nothing is.

    Args:
        values: (H, W).
    """
    positive = values.clamp(min=0).flatten().double().sort(descending=True).values
    if not positive[0] > 0:
        return math.nan
    needed = int(torch.searchsorted(positive.cumsum(0), positive.sum() / 2)) + 1
    return needed / len(positive)


def integrated_gradients(
    model: HRFormer,
    x: Tensor,
    explained: Explained,
    *,
    steps: int = 32,
    batch_size: int = POINTS_PER_FORWARD,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Attribution:
    """Gradient along the straight way from the mean colour (zero after normalising) to the picture (1703.01365).

    Args:
        model: In evaluation mode.
        x: One picture, (1, in_chans, H, W).
        explained: The output.
        steps: Points on the way (Gauss-Legendre); more make the convergence delta smaller.
        batch_size: Points per forward; between two the computation can be stopped.
        on_progress: Told (images done, images in all) after every forward.
        should_stop: Asked before every forward.

    Raises:
        ValueError: If the model is in training mode or has no such output, or `x` is not one picture.
        Stopped: If `should_stop` said so.
    """
    score = explained.score(model, x)
    both_ends = 2  # for the convergence delta
    forward = _WatchedForward(model, score, model, steps + both_ends, on_progress, should_stop)
    values, delta = IntegratedGradients(forward).attribute(
        x,
        baselines=torch.zeros_like(x),
        n_steps=steps,
        internal_batch_size=batch_size,
        return_convergence_delta=True,
    )
    return Attribution(_to_map(values.sum(1)), float(delta))


def grad_cam(
    model: HRFormer,
    x: Tensor,
    explained: Explained,
    branch: int,
    *,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Attribution:
    """Grad-CAM (arXiv 1610.02391) on a branch's map as it enters the head, enlarged to the picture.

    There all four branches are at their last: what a branch says after that, it says through the head alone.

    Args:
        model: In evaluation mode.
        x: One picture, (1, in_chans, H, W).
        explained: The output.
        branch: Index of the branch, highest resolution first; one of `branches_of_head`.
        on_progress: Told (images done, images in all) after every forward.
        should_stop: Asked before the forward.

    Raises:
        ValueError: If the model is in training mode or has no such output, its head reads no such branch, or `x` is
            not one picture.
        Stopped: If `should_stop` said so.
    """
    score = explained.score(model, x)
    read = branches_of_head(model.config)
    if branch not in read:
        last = f" to {read[-1]}" if len(read) > 1 else ""
        raise ValueError(f"The head reads no branch {branch}: use 0 (the highest resolution){last}.")
    tap = nn.Identity()  # Captum hooks this layer of ours; the shared model stays free of hooks

    def forward(images: Tensor) -> Tensor:
        features = model.forward_features(images)
        features[branch] = tap(features[branch])
        output: Tensor = model.head(features, images.shape[-2:])
        return output

    watched = _WatchedForward(model, score, forward, 1, on_progress, should_stop)
    weighted = LayerGradCam(watched, tap).attribute(x, relu_attributions=True)
    enlarged = LayerAttribution.interpolate(weighted, tuple(x.shape[-2:]), "bilinear")  # (1, 1, H, W)
    return Attribution(_to_map(enlarged.squeeze(1)))


def occlusion(
    model: HRFormer,
    x: Tensor,
    explained: Explained,
    *,
    window_px: int = 32,
    stride_px: int = 16,
    batch_size: int = SQUARES_PER_FORWARD,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Attribution:
    """How far the score falls when a square is covered with the mean colour (arXiv 1311.2901), moved over the picture.

    Args:
        model: In evaluation mode.
        x: One picture, (1, in_chans, H, W).
        explained: The output.
        window_px: Side of the square, in pixels.
        stride_px: Steps in which it moves, at most its side; where squares overlap their mean counts.
        batch_size: Squares per forward; between two the computation can be stopped.
        on_progress: Told (images done, images in all) after every forward.
        should_stop: Asked before every forward.

    Raises:
        ValueError: If the model is in training mode or has no such output, `x` is not one picture, or the square does
            not fit.
        Stopped: If `should_stop` said so.
    """
    score = explained.score(model, x)
    _check_square(x, window_px, stride_px)
    channels, height, width = x.shape[1:]
    squares = math.prod(math.ceil((side - window_px) / stride_px) + 1 for side in (height, width))
    untouched = 1
    forward = _WatchedForward(model, score, model, squares + untouched, on_progress, should_stop)
    values = Occlusion(forward).attribute(
        x,
        sliding_window_shapes=(channels, window_px, window_px),
        strides=(channels, stride_px, stride_px),
        baselines=0,
        perturbations_per_eval=batch_size,
    )
    return Attribution(_to_map(values.mean(1)))  # all channels are covered together and hold the same value


def _to_map(values: Tensor) -> Tensor:
    """(1, H, W) -> (H, W), detached, on the CPU."""
    return values.squeeze(0).detach().cpu()


def _check_square(x: Tensor, window_px: int, stride_px: int) -> None:
    side = min(x.shape[-2:])
    if not 1 <= window_px <= side:
        raise ValueError(f"A square of {window_px} pixels does not fit: use 1 to {side}, the picture's shorter side.")
    if not 1 <= stride_px <= window_px:
        raise ValueError(f"Steps of {stride_px} pixels leave gaps or stand still: use 1 to {window_px}, the square.")
