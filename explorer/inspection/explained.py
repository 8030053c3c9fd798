"""What an attribution explains: one number of a model's output, which the picture as it is fixes.

It is an output (a class or a key point) somewhere: where the class wins, at one pixel, in a box, or at the peak of a
key point's heat map. The pixels stay the same while a method changes the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.inspection.partial_forward import check_picture, exclusive
from hrformer import HRFormer


@dataclass(frozen=True, eq=False)
class Score:
    """The number that is explained, as a function of a model's output.

    Attributes:
        target: The class or key point.
        pixels: Weight of each pixel of the output, (H, W), 1 in all; None where a picture has one logit a class.
    """

    target: int
    pixels: Tensor | None

    def __call__(self, output: Tensor) -> Tensor:
        """(B, outputs) or (B, outputs, H, W) -> (B,)."""
        values = output[:, self.target]
        return values if self.pixels is None else (values * self.pixels).sum((1, 2))


class Where(Protocol):
    """Where an output is read.

    Attributes:
        tasks: The tasks whose models have outputs there.
        noun: What it is, in a sentence.
    """

    tasks: ClassVar[tuple[str, ...]]
    noun: ClassVar[str]

    def pixels(self, output: Tensor, target: int) -> Tensor:
        """Which pixels count, (H, W), of a model's output, (outputs, H, W).

        Raises:
            ValueError: If it lies outside.
        """


@dataclass(frozen=True)
class Won:
    """The pixels that the class wins, or all where it wins none; the picture where it has one logit a class."""

    tasks: ClassVar[tuple[str, ...]] = ("classification", "segmentation")
    noun: ClassVar[str] = "a class"

    def pixels(self, output: Tensor, target: int) -> Tensor:
        """(outputs, H, W) -> (H, W)."""
        won = output.argmax(0) == target
        return won if won.any() else torch.ones_like(won)


#: What is read until somebody chooses a place.
WON = Won()


@dataclass(frozen=True)
class Pixel:
    """One pixel.

    Attributes:
        row: From the top, from 0.
        column: From the left, from 0.
    """

    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)
    noun: ClassVar[str] = "a pixel"
    row: int
    column: int

    def pixels(self, output: Tensor, target: int) -> Tensor:
        """(outputs, H, W) -> (H, W)."""
        return Region(self.row, self.column, 1, 1).pixels(output, target)


@dataclass(frozen=True)
class Region:
    """A box.

    Attributes:
        top: Its first row, from 0.
        left: Its first column, from 0.
        height: Rows.
        width: Columns.
    """

    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)
    noun: ClassVar[str] = "a box"
    top: int
    left: int
    height: int
    width: int

    def lies_in(self, size: tuple[int, int]) -> bool:
        """Whether it holds a pixel and none outside a picture of (height, width)."""
        sides = (self.top, self.height, size[0]), (self.left, self.width, size[1])
        return all(first >= 0 and length >= 1 and first + length <= side for first, length, side in sides)

    def pixels(self, output: Tensor, target: int) -> Tensor:
        """(outputs, H, W) -> (H, W)."""
        height, width = output.shape[1:]
        if not self.lies_in((height, width)):
            raise ValueError(
                f"{self.height} x {self.width} pixels from row {self.top}, column {self.left} do not lie in the "
                f"picture: use rows 0 to {height - 1}, columns 0 to {width - 1}, and at least one pixel."
            )
        inside = torch.zeros(height, width, dtype=torch.bool, device=output.device)
        inside[self.top : self.top + self.height, self.left : self.left + self.width] = True
        return inside


@dataclass(frozen=True)
class Peak:
    """Where a key point's heat map is highest, the first such place."""

    tasks: ClassVar[tuple[str, ...]] = ("pose",)
    noun: ClassVar[str] = "a heat map's peak"

    def pixels(self, output: Tensor, target: int) -> Tensor:
        """(outputs, H, W) -> (H, W)."""
        heat_map = output[target]
        highest = torch.zeros_like(heat_map, dtype=torch.bool)
        highest.view(-1)[heat_map.argmax()] = True
        return highest


@dataclass(frozen=True)
class Explained:
    """An output somewhere.

    Attributes:
        target: The class or key point.
        where: Where it is read.
    """

    target: int
    where: Where = WON

    def score(self, model: HRFormer, x: Tensor) -> Score:
        """The number as a function of any picture's output, fixed by this picture.

        Args:
            model: In evaluation mode.
            x: One picture, (1, in_chans, H, W).

        Raises:
            ValueError: If the model is in training mode or has no such output there, or `x` is not one picture.
        """
        _check(model, x, self.where)
        outputs = model.config.num_classes
        if not 0 <= self.target < outputs:
            noun = "key point" if model.config.task == "pose" else "class"
            raise ValueError(f"There is no {noun} {self.target}: use 0 to {outputs - 1}.")
        if model.config.task == "classification":
            return Score(self.target, None)
        return _score_in(_output(model, x), self)


@dataclass(frozen=True, eq=False)
class ClassScores:
    """What a picture scores in every class or key point.

    Attributes:
        values: The number that `Score` gives each, (outputs,).
        shares: Part of the pixels there that each class wins, (classes,), 0 to 1; None where a single value is read.
        peaks: Where each heat map is highest, as shares of the picture's height and width, (key points, 2); None but
            of heat maps.
    """

    values: NDArray[np.float32]
    shares: NDArray[np.float32] | None = None
    peaks: NDArray[np.float64] | None = None

    @property
    def order(self) -> list[int]:
        """The outputs, those that win most pixels or have the largest values first."""
        keys = (-self.values,) if self.shares is None else (-self.values, -self.shares)
        order: list[int] = np.lexsort(keys).tolist()  # the last key counts most
        return order


def class_scores(model: HRFormer, x: Tensor, where: Where = WON) -> ClassScores:
    """What a picture scores in every class or key point, and how many of the pixels there each class wins.

    Args:
        model: In evaluation mode.
        x: One picture, (1, in_chans, H, W).
        where: Where the outputs are read.

    Raises:
        ValueError: If the model is in training mode or has no outputs there, or `x` is not one picture.
    """
    _check(model, x, where)
    output = _output(model, x)
    outputs = range(output.shape[1])
    if output.ndim == 2:
        return ClassScores(output[0].numpy())
    scores = [_score_in(output, Explained(target, where)) for target in outputs]
    values = torch.cat([score(output) for score in scores]).numpy()
    if isinstance(where, Peak):
        cells = np.divmod(output[0].flatten(1).argmax(1).numpy(), output.shape[3])
        return ClassScores(values, peaks=(np.stack(cells, 1) + 0.5) / output.shape[2:])
    if isinstance(where, Pixel):
        return ClassScores(values)
    winners = output[0].argmax(0)
    counted = winners[where.pixels(output[0], 0)] if isinstance(where, Region) else winners.flatten()
    wins = torch.bincount(counted, minlength=output.shape[1])
    return ClassScores(values, (wins / wins.sum()).numpy())


def _score_in(output: Tensor, explained: Explained) -> Score:
    """(1, outputs, H, W) -> the mean of the output over the pixels that count."""
    weights = explained.where.pixels(output[0], explained.target).to(output)
    return Score(explained.target, weights / weights.sum())


def _output(model: HRFormer, x: Tensor) -> Tensor:
    with exclusive(model), torch.no_grad():
        output: Tensor = model(x)
    return output


def _check(model: HRFormer, x: Tensor, where: Where) -> None:
    if model.config.task not in where.tasks:
        raise ValueError(
            f"A {model.config.task} model has no score of {where.noun}: use a {' or '.join(where.tasks)} variant."
        )
    check_picture(model, x)
