"""What the outputs of a network are called: classes and key points only where it has learned any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from timm.data.imagenet_info import ImageNetInfo

from explorer.prediction.class_sets import CITYSCAPES
from explorer.prediction.coco import JOINTS
from explorer.ui.sources import WeightsSource

_IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class OutputNames:
    """The names of a network's outputs, by their number.

    Attributes:
        weights: The model and where its weights come from.
    """

    weights: WeightsSource

    @property
    def noun(self) -> str:
        """What an output is."""
        if self.weights.are_random:
            return "Output"
        return "Key point" if self.weights.model.config.task == "pose" else "Class"

    @property
    def background(self) -> int | None:
        """The class of what is no thing, where there is one."""
        names = self.weights.class_names or ()
        return names.index("background") if "background" in names else None

    def all(self) -> list[str]:
        """Every output's."""
        return [self[number] for number in range(self.weights.model.config.num_classes)]

    def __getitem__(self, number: int) -> str:
        known = self._known()
        if known is not None and self.weights.model.config.task != "classification":
            return known[number]
        return f"{self.noun.lower()} {number}" + (f", {known[number]}" if known is not None else "")

    def _known(self) -> tuple[str, ...] | None:
        """Names that the weights, or the task and the number of outputs, tell; nothing is told of random weights."""
        config = self.weights.model.config
        if self.weights.are_random:
            return None
        if self.weights.class_names is not None:
            return self.weights.class_names
        sets: dict[tuple[str, int], Callable[[], tuple[str, ...]]] = {
            ("classification", _IMAGENET_CLASSES): _imagenet,
            ("segmentation", len(CITYSCAPES)): lambda: tuple(CITYSCAPES),
            ("pose", len(JOINTS)): lambda: JOINTS,
        }
        names = sets.get((config.task, config.num_classes))
        return None if names is None else names()


@cache
def _imagenet() -> tuple[str, ...]:
    """The first name of every class of ImageNet-1k."""
    info = ImageNetInfo()
    return tuple(info.index_to_description(number).split(",")[0] for number in range(_IMAGENET_CLASSES))
