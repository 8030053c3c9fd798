"""What is trained and how, as values: the arms of the comparison, the small variant, the recipe, one job of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from explorer.models.trained import trained_config
from explorer.pictures.digit_points import NUM_DIGITS
from explorer.pictures.digits import CROP_MARGIN, NUM_CLASSES
from explorer.records.columns import json_id
from hrformer import HRFormerConfig

#: What each arm changes in the variant; each differs from the first in one thing.
ARMS: dict[str, dict[str, Any]] = {
    "3x3": {"dw_conv": True, "dw_kernel_size": 3},
    "none": {"dw_conv": False},
    "1x1": {"dw_conv": True, "dw_kernel_size": 1},
}
ARM_NAMES = {
    "3x3": "3x3 depth-wise convolution",
    "none": "no depth-wise convolution",
    "1x1": "1x1 control: the same norm and activation, no mixing of positions",
}
DEFAULT_SEEDS = (0, 1, 2)
#: Below this many steps the sign of a difference changes from run to run.
FEW_STEPS = 300
MAX_SEEDS = 16

#: Classes, or key points, of the tasks that the digits teach.
_OUTPUTS = {"segmentation": NUM_CLASSES, "pose": NUM_DIGITS}

#: Legal range of every number of a recipe, both ends included.
_LIMITS: dict[str, tuple[float, float]] = {
    "steps": (1, 100_000),
    "batch_size": (2, 256),
    "learning_rate": (1e-6, 1.0),
    "weight_decay": (0.0, 1.0),
    "warmup_steps": (0, 10_000),
    "clip_norm": (1e-3, 1e3),
    "background_weight": (1e-3, 1e3),
    "canvases": (8, 20_000),
    "evaluate_every": (1, 100_000),
    "validation_canvases": (1, 10_000),
    "test_canvases": (1, 10_000),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained.

    Attributes:
        steps: Updates.
        batch_size: Crops an update.
        learning_rate: Of AdamW, at its highest; it rises over the warm-up and falls to zero along a cosine.
        weight_decay: Of AdamW.
        warmup_steps: Updates over which the learning rate rises.
        clip_norm: Longest gradient.
        background_weight: Weight of background in the loss; digits, and the peaks at their centres, have 1.
        canvases: Pictures that crops are taken from, the same for every arm and seed.
        evaluate_every: Updates between two looks at the validation pictures.
        validation_canvases: Pictures of such a look.
        test_canvases: Pictures that the result is measured on.

    Raises:
        ValueError: One sentence naming the field, its value and what is legal.
    """

    steps: int = 600
    batch_size: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warmup_steps: int = 40
    clip_norm: float = 5.0
    background_weight: float = 0.3
    canvases: int = 2000
    evaluate_every: int = 50
    validation_canvases: int = 32
    test_canvases: int = 400

    def __post_init__(self) -> None:
        for item in fields(self):
            self._check(item.name, getattr(self, item.name), whole=item.type == "int")

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The inverse of `to_dict`.

        Raises:
            ValueError: If a key is unknown or a value is illegal.
        """
        known = [item.name for item in fields(cls)]
        unknown = sorted(str(key) for key in values if key not in known)
        if unknown:
            raise ValueError(f"Unknown key {', '.join(unknown[:5])}: a recipe has the keys {', '.join(known)}.")
        return cls(**values)

    @staticmethod
    def _check(name: str, value: object, *, whole: bool) -> None:
        low, high = _LIMITS[name]
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise ValueError(f"{name} = {value!r} is not a {'whole ' if whole else ''}number.")
        if not low <= value <= high:
            raise ValueError(f"{name} = {value:g} is outside {low:g} to {high:g}.")


def arm_of(variant: HRFormerConfig, arm: str) -> HRFormerConfig:
    """A variant as one arm of the comparison has it.

    Raises:
        ValueError: If there is no such arm.
    """
    if arm not in ARMS:
        raise ValueError(f"arm = {arm!r} is not known: use one of {', '.join(ARMS)}.")
    return replace(variant, **ARMS[arm])


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """One network to train.

    Attributes:
        arm: One of `ARMS`.
        seed: Fixes the first weights and the order of the data; arms of one seed see the same crops.
        variant: The network of this arm.
        recipe: How it is trained.

    Raises:
        ValueError: If the variant is not one that the task can train.
    """

    arm: str
    seed: int
    variant: HRFormerConfig
    recipe: Recipe

    def __post_init__(self) -> None:
        if self.arm not in ARMS:
            raise ValueError(f"arm = {self.arm!r} is not known: use one of {', '.join(ARMS)}.")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed = {self.seed} is outside 0 to {2**31 - 1}.")
        height, width = self.variant.img_size
        if _OUTPUTS.get(self.variant.task) != self.variant.num_classes or height != width:
            raise ValueError(
                f"This variant cannot learn digits: use task segmentation with {NUM_CLASSES} classes or task pose with "
                f"{NUM_DIGITS} key points, and a square image."
            )

    @property
    def job_id(self) -> str:
        """Short hash of everything that its result depends on."""
        return json_id(self.to_dict())

    @property
    def side(self) -> int:
        """Height and width of a crop, pixels."""
        return self.variant.img_size[0]

    @property
    def canvas_side(self) -> int:
        """Height and width of the pictures that crops are taken from, pixels."""
        return self.side + CROP_MARGIN

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "arm": self.arm,
            "seed": self.seed,
            "variant": self.variant.to_dict(),
            "recipe": self.recipe.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingJob:
        """The inverse of `to_dict`."""
        return cls(
            arm=values["arm"],
            seed=values["seed"],
            variant=HRFormerConfig.from_dict(values["variant"]),
            recipe=Recipe.from_dict(values["recipe"]),
        )


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """A whole comparison: every arm with every seed.

    Attributes:
        arms: Of `ARMS`, each once.
        seeds: Each once.
        recipe: The same for all.
        variant: The same for all but for what an arm changes.

    Raises:
        ValueError: If there is nothing to train, something twice, or too much.
    """

    arms: Sequence[str] = tuple(ARMS)
    seeds: Sequence[int] = DEFAULT_SEEDS
    recipe: Recipe = field(default_factory=Recipe)
    variant: HRFormerConfig = field(default_factory=trained_config)

    def __post_init__(self) -> None:
        if not 1 <= len(self.seeds) <= MAX_SEEDS:
            raise ValueError(f"{len(self.seeds)} seeds are not legal: use 1 to {MAX_SEEDS}.")
        for name, values in (("arm", self.arms), ("seed", self.seeds)):
            twice = next((value for value in values if list(values).count(value) > 1), None)
            if twice is not None:
                raise ValueError(f"{name} {twice} is there twice: name each once.")
        if self.variant.task != "segmentation":
            raise ValueError(f"The arms are compared on segmentation: use it with {NUM_CLASSES} classes.")
        self.jobs()  # which checks each

    def jobs(self) -> tuple[TrainingJob, ...]:
        """Seed by seed, so that pairs of arms are complete early."""
        return tuple(
            TrainingJob(arm=arm, seed=seed, variant=arm_of(self.variant, arm), recipe=self.recipe)
            for seed in self.seeds
            for arm in self.arms
        )
