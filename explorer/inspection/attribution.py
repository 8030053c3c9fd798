"""Which pixels speak for a class: Integrated Gradients, Grad-CAM and Occlusion, by Captum.

What is explained is one number a picture: the logit of a class or, where every pixel has logits of its own, their mean
over the pixels that the class wins in the picture as it is. Every forward takes the model's lock for itself, so that a
long computation lets other users' views through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion
from numpy.typing import NDArray
from torch import Tensor, nn

from explorer.inspection.partial_forward import Stopped, check_picture, exclusive
from hrformer import HRFormer
from hrformer.config import NUM_BRANCHES

#: Tasks whose models know classes.
TASKS_WITH_CLASSES = ("classification", "segmentation")
#: Pictures that Integrated Gradients and Occlusion put through the network at once.
POINTS_PER_FORWARD = 4
SQUARES_PER_FORWARD = 8

OnProgress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class Score:
    """The number that is explained, as a function of a model's output.

    Attributes:
        target: The class.
        pixels: Weight of each pixel of the output, (H, W), 1 in all; None where a picture has one logit a class.
    """

    target: int
    pixels: Tensor | None

    def __call__(self, output: Tensor) -> Tensor:
        """(B, classes) or (B, classes, H, W) -> (B,)."""
        logits = output[:, self.target]
        return logits if self.pixels is None else (logits * self.pixels).sum((1, 2))


@dataclass(frozen=True, eq=False)
class ClassScores:
    """What a picture scores in every class.

    Attributes:
        values: The number that `Score` gives each class, (classes,).
        shares: Part of the pixels that each class wins, (classes,), 0 to 1; None where a picture has one logit a class.
    """

    values: NDArray[np.float32]
    shares: NDArray[np.float32] | None

    @property
    def order(self) -> list[int]:
        """The classes, those that win most pixels or have the largest logits first."""
        keys = (-self.values,) if self.shares is None else (-self.values, -self.shares)
        order: list[int] = np.lexsort(keys).tolist()  # the last key counts most
        return order


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much each pixel speaks for a class.

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


def class_scores(model: HRFormer, x: Tensor) -> ClassScores:
    """What a picture scores in every class, and how many pixels each class wins.

    Args:
        model: A classification or segmentation model, in evaluation mode.
        x: One picture, (1, in_chans, H, W).

    Raises:
        ValueError: If the model knows no classes or is in training mode, or `x` is not one picture.
    """
    _check_picture(model, x)
    output = _output(model, x)
    scores = torch.cat([_score_in(output, target)(output) for target in range(output.shape[1])]).numpy()
    if output.ndim == 2:
        return ClassScores(scores, None)
    wins = torch.bincount(output.argmax(1).flatten(), minlength=output.shape[1])
    return ClassScores(scores, (wins / wins.sum()).numpy())


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
    target: int,
    *,
    steps: int = 32,
    batch_size: int = POINTS_PER_FORWARD,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Attribution:
    """Gradient along the straight way from the mean colour (zero after normalising) to the picture (1703.01365).

    Args:
        model: A classification or segmentation model, in evaluation mode.
        x: One picture, (1, in_chans, H, W).
        target: The class.
        steps: Points on the way (Gauss-Legendre); more make the convergence delta smaller.
        batch_size: Points per forward; between two the computation can be stopped.
        on_progress: Told (images done, images in all) after every forward.
        should_stop: Asked before every forward.

    Raises:
        ValueError: If the model knows no classes, is in training mode or has no such class, or `x` is not one
            picture.
        Stopped: If `should_stop` said so.
    """
    score = _explained(model, x, target)
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
    target: int,
    branch: int,
    *,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Attribution:
    """Grad-CAM (arXiv 1610.02391) on a branch's map as it enters the head, enlarged to the picture.

    There all four branches are at their last: what a branch says after that, it says through the head alone.

    Args:
        model: A classification or segmentation model, in evaluation mode.
        x: One picture, (1, in_chans, H, W).
        target: The class.
        branch: Index of the branch, highest resolution first.
        on_progress: Told (images done, images in all) after every forward.
        should_stop: Asked before the forward.

    Raises:
        ValueError: If the model knows no classes, is in training mode, or has no such class or branch, or `x` is not
            one picture.
        Stopped: If `should_stop` said so.
    """
    score = _explained(model, x, target)
    if not 0 <= branch < NUM_BRANCHES:
        raise ValueError(f"There is no branch {branch}: use 0 (the highest resolution) to {NUM_BRANCHES - 1}.")
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
    target: int,
    *,
    window_px: int = 32,
    stride_px: int = 16,
    batch_size: int = SQUARES_PER_FORWARD,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Attribution:
    """How far the score falls when a square is covered with the mean colour (arXiv 1311.2901), moved over the picture.

    Args:
        model: A classification or segmentation model, in evaluation mode.
        x: One picture, (1, in_chans, H, W).
        target: The class.
        window_px: Side of the square, in pixels.
        stride_px: Steps in which it moves, at most its side; where squares overlap their mean counts.
        batch_size: Squares per forward; between two the computation can be stopped.
        on_progress: Told (images done, images in all) after every forward.
        should_stop: Asked before every forward.

    Raises:
        ValueError: If the model knows no classes, is in training mode, or has no such class, `x` is not one picture,
            or the square does not fit.
        Stopped: If `should_stop` said so.
    """
    score = _explained(model, x, target)
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


def _explained(model: HRFormer, x: Tensor, target: int) -> Score:
    """The score of a class that the picture as it is fixes, for all pictures that a method makes of it."""
    _check_picture(model, x)
    classes = model.config.num_classes
    if not 0 <= target < classes:
        raise ValueError(f"There is no class {target}: use 0 to {classes - 1}.")
    if model.config.task == "classification":
        return Score(target, None)
    return _score_in(_output(model, x), target)


def _score_in(output: Tensor, target: int) -> Score:
    """The class's logit; of many pixels' logits the mean where the class wins, or everywhere where it wins nowhere."""
    if output.ndim == 2:
        return Score(target, None)
    won = output[0].argmax(0) == target
    where = (won if won.any() else torch.ones_like(won)).to(output)  # (H, W)
    return Score(target, where / where.sum())


def _output(model: HRFormer, x: Tensor) -> Tensor:
    with exclusive(model), torch.no_grad():
        output: Tensor = model(x)
    return output


def _check_picture(model: HRFormer, x: Tensor) -> None:
    if model.config.task not in TASKS_WITH_CLASSES:
        raise ValueError(
            f"Attribution explains the score of a class, and a {model.config.task} model has none: use a "
            "classification or segmentation variant."
        )
    check_picture(model, x)


def _check_square(x: Tensor, window_px: int, stride_px: int) -> None:
    side = min(x.shape[-2:])
    if not 1 <= window_px <= side:
        raise ValueError(f"A square of {window_px} pixels does not fit: use 1 to {side}, the picture's shorter side.")
    if not 1 <= stride_px <= window_px:
        raise ValueError(f"Steps of {stride_px} pixels leave gaps or stand still: use 1 to {window_px}, the square.")
